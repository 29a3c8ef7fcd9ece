package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/filelock"
	"drawbridge/internal/private"
)

// What is kept in the data directory besides what packages keep in folders of their own.
const (
	lockFile     = "lock"
	certificates = "certificates"
	verifiedFile = "verified.json"
	noticesFile  = "notices.json"
)

// dataDir is the locked data directory of a running bridge, or of a command that changes it while none runs.
type dataDir struct {
	path string
	lock io.Closer
}

// errLocked says that another process has the data directory.
var errLocked = errors.New("another drawbridge is running with this data directory")

// openServedDataDir is openDataDir for serve: the directory and what is in it must belong to the user that runs it, since who
// owns accounts, tokens or the CA's key can open mailboxes. Rights of groups in it are taken away.
func openServedDataDir(path string) (*dataDir, error) {
	if err := ownDataDir(path); err != nil {
		return nil, err
	}
	d, err := openDataDir(path)
	if err != nil {
		return nil, err
	}
	if err := private.Tree(path, os.Geteuid(), private.CloseToGroup); err != nil {
		return nil, errors.Join(fmt.Errorf("look through the data directory: %w", err), d.Close())
	}
	return d, nil
}

// ownDataDir refuses a data directory that is there and belongs to another user than runs the program.
func ownDataDir(path string) error {
	if err := private.Folder(path, os.Geteuid()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the data directory (data_dir) cannot be used: %w", err)
	}
	return nil
}

// openDataDir makes the directory where it is missing, with mode 0700, and takes its lock. It returns errLocked when
// another process holds it. Root may work in a directory of another user, for the bridge that runs as that.
func openDataDir(path string) (*dataDir, error) {
	if os.Geteuid() != 0 {
		if err := ownDataDir(path); err != nil {
			return nil, err
		}
	}
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

// closeToOthers gives the directory mode 0700, unless it was named by mistake.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := namedByMistake(path, info); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a directory needs its execute bit
		return fmt.Errorf("close the data directory %s to others: %w", path, err)
	}
	return nil
}

// namedByMistake refuses a directory that is open to others and holds what is not ours.
func namedByMistake(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("look into the data directory: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == private.LostAndFound })
	ours := func(e os.DirEntry) bool { return e.Name() == lockFile }
	if len(entries) > 0 && !slices.ContainsFunc(entries, ours) {
		return fmt.Errorf("the data directory %s is open to others and holds other things: name a folder of its own in data_dir, "+
			"or close it: chmod 700 %s", path, path)
	}
	return nil
}

// file is the path of something in the directory.
func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close gives the lock back.
func (d *dataDir) Close() error { return d.lock.Close() }

// How long a command waits for a bridge that starts, or for another command.
const (
	busyTime  = 5 * time.Second
	busyEvery = 50 * time.Millisecond
)

// onData calls local under the lock of the configuration's data directory, or remote where the running bridge has that. What
// local makes there, of these names, belongs to the directory's owner.
func onData(ctx context.Context, cfg *config.Config, remote, local func() error, made ...string) error {
	return whileBusy(ctx, cfg, func() error {
		d, err := openDataDir(cfg.DataDir)
		if errors.Is(err, errLocked) {
			return remote()
		}
		if err != nil {
			return err
		}
		defer func() { _ = d.Close() }()
		return errors.Join(local(), keepOwners(d.path, append([]string{lockFile}, made...)...))
	})
}

// whileBusy tries again while another command holds the data directory.
func whileBusy(ctx context.Context, cfg *config.Config, try func() error) error {
	deadline := time.After(busyTime)
	for tick := time.Tick(busyEvery); ; {
		err := try()
		busy := (*control.NoBridge)(nil)
		if !errors.As(err, &busy) {
			return err
		}
		select {
		case <-tick:
		case <-deadline:
			return fmt.Errorf("another drawbridge has the data directory %s and does not answer (%w): wait until it is through, or stop it",
				cfg.DataDir, busy.Unwrap())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepOwners is keepOwner for those of the names that are there.
func keepOwners(dataDir string, names ...string) error {
	for _, name := range names {
		if err := keepOwner(dataDir, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give %s to the owner of %s: %w", name, dataDir, err)
		}
	}
	return nil
}

// keepOwner gives what a command run by root has made, a folder in the data directory, to the owner of the data directory, so
// that the bridge can read it.
func keepOwner(dataDir, made string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dataDir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	// Through a Root, so that a link that the owner puts in the way leads nowhere else.
	root, err := os.OpenRoot(dataDir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), made, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}
