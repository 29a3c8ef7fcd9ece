package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestDataDir_IsForOneProcessAndItsOwner takes the lock twice, and closes a directory that stood open.
func TestDataDir_IsForOneProcessAndItsOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "drawbridge")
	must(t, os.MkdirAll(path, 0o755))
	d, err := openDataDir(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has the mode %v, want 0700", info.Mode())
	}
	if _, err := openDataDir(path); !errors.Is(err, errLocked) {
		t.Errorf("a second lock: got %v, want %v", err, errLocked)
	}
	must(t, d.Close())
	again, err := openDataDir(path)
	must(t, err)
	must(t, again.Close())
}

// TestNewBridge_LeavesNothingOpen has the last thing that can fail fail: everything that was open before is closed again.
func TestNewBridge_LeavesNothingOpen(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "1s")
	taken, err := net.Listen("tcp", c.admin)
	must(t, err)
	defer func() { _ = taken.Close() }()
	cfg := w.configure(c.String(), "")
	withAuthority(t, cfg.DataDir)
	if b, err := newBridge(cfg, w.logs); err == nil {
		b.close()
		t.Fatal("the bridge opened although admin.address is taken")
	}
	for _, address := range []string{c.imaps, c.pop3s} {
		if listening(address) {
			t.Errorf("%s is still open", address)
		}
	}
	d, err := openDataDir(cfg.DataDir)
	if err != nil {
		t.Fatalf("the data directory is still locked: %v", err)
	}
	must(t, d.Close())
}
