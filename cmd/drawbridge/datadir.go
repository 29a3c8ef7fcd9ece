package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"drawbridge/internal/filelock"
)

// What is kept in the data directory besides what packages keep in folders of their own.
const (
	lockFile     = "lock"
	certificates = "certificates"
	verifiedFile = "verified.json"
)

// dataDir is the locked data directory of a running bridge, or of a command that changes it while none runs.
type dataDir struct {
	path string
	lock io.Closer
}

// errLocked says that another process has the data directory.
var errLocked = errors.New("another drawbridge is running with this data directory")

// openDataDir makes the directory where it is missing, with mode 0700, and takes its lock. It returns errLocked when
// another process holds it.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory (data_dir): %w", err)
	}
	if err := closeToOthers(path); err != nil {
		return nil, err
	}
	lock, err := filelock.Try(filepath.Join(path, lockFile))
	if errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", errLocked, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	return &dataDir{path: path, lock: lock}, nil
}

// closeToOthers gives the directory mode 0700, unless it holds what is not ours: then it was named by mistake.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("look into the data directory: %w", err)
	}
	ours := func(e os.DirEntry) bool { return e.Name() == lockFile }
	if len(entries) > 0 && !slices.ContainsFunc(entries, ours) {
		return fmt.Errorf("the data directory %s is open to others and holds other things: name a folder of its own in data_dir, or close it: chmod 700 %s", path, path)
	}
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a directory needs its execute bit
		return fmt.Errorf("close the data directory %s to others: %w", path, err)
	}
	return nil
}

// file is the path of something in the directory.
func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close gives the lock back.
func (d *dataDir) Close() error { return d.lock.Close() }
