package oauth_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"drawbridge/internal/oauth"
)

func TestVault_KeepsWhatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	v := openVault(t, dir, nil)
	if got, err := v.Get("a"); got != nil || err != nil {
		t.Errorf("an empty slot: got %q, %v", got, err)
	}
	for slot, content := range map[string]string{"a": canaryRefresh, "b": "two", "../../etc/passwd\x00": "three"} {
		if err := v.Put(slot, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Put("b", []byte("2")); err != nil {
		t.Fatal(err)
	}
	again := openVault(t, dir, nil)
	for slot, content := range map[string]string{"a": canaryRefresh, "b": "2", "../../etc/passwd\x00": "three"} {
		if got, err := again.Get(slot); string(got) != content || err != nil {
			t.Errorf("%q: got %q, %v, want %q", slot, got, err, content)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "tokens"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v, want 0700", info.Mode(), err)
	}
}

func TestVault_FilesThatAreNotWhatTheyWere(t *testing.T) {
	dir := t.TempDir()
	v := openVault(t, dir, nil)
	if err := errors.Join(v.Put("a", []byte(canaryRefresh)), v.Put("b", []byte("x"))); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "tokens", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files: %v, %v", files, err)
	}
	one, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	spoilt := append([]byte{}, one...)
	spoilt[len(spoilt)-1] ^= 1
	tests := []struct {
		name    string
		content []byte
		words   string
	}{
		{"another slot's", one, "damaged"},
		{"one bit", spoilt, "damaged"},
		{"cut", one[:10], "not a file of refresh tokens"},
		{"empty", nil, "not a file of refresh tokens"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, f := range files {
				if err := os.WriteFile(f, test.content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, errA := v.Get("a")
			_, errB := v.Get("b")
			if err := errors.Join(errA, errB); err == nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v, want %q", err, test.words)
			} else {
				noCanary(t, err.Error())
			}
		})
	}
}

func TestVault_WrongKey(t *testing.T) {
	dir := t.TempDir()
	if err := openVault(t, dir, []byte(strings.Repeat("a", 32))).Put("a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := openVault(t, dir, []byte(strings.Repeat("b", 32))).Get("a"); !errors.Is(err, oauth.ErrWrongKey) {
		t.Errorf("got %v, want ErrWrongKey", err)
	}
	if _, err := oauth.OpenVault(dir, []byte("short")); err == nil || !strings.Contains(err.Error(), "openssl") {
		t.Errorf("a short key: got %v", err)
	}
}

func TestVault_OwnKey(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { openVault(t, dir, nil) })
	}
	group.Wait()
	path := filepath.Join(dir, "token.key")
	if err := openVault(t, dir, nil).Put("a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := openVault(t, dir, nil).Get("a"); string(got) != "x" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := oauth.OpenVault(dir, nil); err == nil || !strings.Contains(err.Error(), "chmod o-rwx") {
		t.Errorf("a key that others can read: got %v", err)
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := oauth.OpenVault(dir, nil); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a broken key: got %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := oauth.OpenVault(file, nil); err == nil {
		t.Error("a file was taken for a folder")
	}
}
