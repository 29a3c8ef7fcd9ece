package wholefile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"drawbridge/internal/wholefile"
)

func TestWrite_ReplacesTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"", "first", "second, longer", "3"} {
		if err := wholefile.Write(path, 0o600, wholefile.Bytes([]byte(content))); err != nil {
			t.Fatal(err)
		}
		wantFiles(t, dir, map[string]string{"file": content})
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want mode 0600", info.Mode(), err)
	}
}

func TestWrite_FollowsNoLinkAndRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	must(t, os.WriteFile(other, []byte("untouched"), 0o600))
	for name, prepare := range map[string]func() error{
		"a link as the draft": func() error { return os.Symlink(other, path+".new") },
		"a leftover":          func() error { return os.WriteFile(path+".new", []byte("half of something longer"), 0o644) },
		"a link as the file":  func() error { return errors.Join(os.Remove(path), os.Symlink(other, path)) },
	} {
		_ = os.Remove(path)
		must(t, os.WriteFile(path, []byte("old"), 0o600))
		must(t, prepare())
		if err := wholefile.Write(path, 0o600, wholefile.Bytes([]byte("new"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantFiles(t, dir, map[string]string{"file": "new", "other": "untouched"})
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: got %v, %v; want a file of mode 0600", name, info.Mode(), err)
		}
	}
}

func TestWrite_LeavesTheOldFileWhereSomethingFails(t *testing.T) {
	full := errors.New("disk full")
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	err := wholefile.Write(path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	wantFiles(t, dir, map[string]string{"file": "old"})
	if err := wholefile.Write(filepath.Join(dir, "none", "file"), 0o600, wholefile.Bytes(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: got %v", err)
	}
}

func TestWrite_RenameFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, os.MkdirAll(filepath.Join(path, "x"), 0o700))
	if err := wholefile.Write(path, 0o600, wholefile.Bytes([]byte("new"))); err == nil {
		t.Error("a folder was replaced")
	}
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the draft was left behind: %v", err)
	}
}

func TestWriteBy_DraftsAreApart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	err := wholefile.WriteBy(filepath.Join(dir, ".one"), path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "one")
		return wholefile.WriteBy(filepath.Join(dir, ".two"), path, 0o600, wholefile.Bytes([]byte("two")))
	})
	must(t, err)
	wantFiles(t, dir, map[string]string{"file": "one"})
}

func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if w, ok := want[e.Name()]; !ok || err != nil || string(content) != w {
			t.Errorf("%s: got %q, %v, want %q", e.Name(), content, err, w)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("got %v, want %v", entries, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
