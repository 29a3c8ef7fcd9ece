package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drawbridge/internal/filelock"
)

func TestTry_LocksOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		first, err := filelock.Try(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := filelock.Try(path); !errors.Is(err, filelock.ErrLocked) {
			t.Errorf("a second lock: got %v, want %v", err, filelock.ErrLocked)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("got %v, %v; want a file of mode 0600", info.Mode(), err)
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestTry_FollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no links here: %v", err)
		}
		t.Skipf("no links here: %v", err)
	}
	if _, err := filelock.Try(path); err == nil || errors.Is(err, filelock.ErrLocked) {
		t.Errorf("got %v, want an error that is not about a lock", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("the link was followed")
	}
}

func TestTry_SaysWhatItCannotOpen(t *testing.T) {
	if _, err := filelock.Try(filepath.Join(t.TempDir(), "none", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
