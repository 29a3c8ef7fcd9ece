//go:build unix

package accounts_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"drawbridge/internal/accounts"
)

func TestStore_IsClosedToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "accounts")
	must(t, open(t, dir).Save())
	info, err := os.Stat(filepath.Join(dir, "accounts.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want mode 0600", info.Mode(), err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v; want mode 0700", info.Mode(), err)
	}
}

func TestOpenStore_RefusesAFileThatEverybodyCanRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "accounts.json")
	must(t, os.WriteFile(path, []byte(`{"version":1,"accounts":[]}`), 0o600))
	must(t, os.Chmod(path, 0o604))
	_, err := accounts.OpenStore(dir)
	if err == nil || !strings.Contains(err.Error(), "by everybody on this machine") ||
		!strings.Contains(err.Error(), "chmod o-rwx "+path+", and change its passwords") {
		t.Errorf("got %v", err)
	}
	must(t, os.Chmod(path, 0o640))
	open(t, dir)
}

func TestStore_KeepsTheOwner(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "only root can give files away")
	}
	data := t.TempDir()
	must(t, os.Chown(data, 1234, 1235))
	dir := filepath.Join(data, "accounts")
	s := open(t, dir)
	must(t, s.Save())
	wantOwner(t, dir, 1234, 1235)
	wantOwner(t, filepath.Join(dir, "accounts.json"), 1234, 1235)
	must(t, os.Chown(filepath.Join(dir, "accounts.json"), 2234, 2235))
	must(t, s.Save())
	wantOwner(t, filepath.Join(dir, "accounts.json"), 2234, 2235)
}

func wantOwner(t *testing.T, path string, uid, gid uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != uid || s.Gid != gid {
		t.Errorf("%s belongs to %d:%d, want %d:%d", path, s.Uid, s.Gid, uid, gid)
	}
}
