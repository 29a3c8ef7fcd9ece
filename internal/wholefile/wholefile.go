// Package wholefile writes files that are there whole or not at all, whatever ends the program meanwhile.
package wholefile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// draftSuffix stands behind the name of a file that is not finished.
const draftSuffix = ".new"

// Write replaces the file at path by what write writes, with mode: after a crash it is the old or the new one. The draft has
// .new behind its name; what a run that was killed left there goes. One may write at a time.
func Write(path string, mode fs.FileMode, write func(io.Writer) error) error {
	return WriteBy(path+draftSuffix, path, mode, write)
}

// WriteBy is Write with another name for the draft, in the folder of path. Where several may write at once, each needs one
// of its own.
func WriteBy(draft, path string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := Create(draft, mode, write); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		_ = os.Remove(draft)
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// Create makes a new file at path, down to the disk; a file or link that has the name goes first. Where write fails, none is
// left.
func Create(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	_ = os.Remove(path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // our callers say where
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // where it was closed already, this does nothing
			_ = os.Remove(path)
		}
	}()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	for _, step := range []func() error{w.Flush, f.Sync, f.Close} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Bytes returns a write of content, for those who have it all.
func Bytes(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}

// SyncFolder makes names that were made, changed or removed in dir outlive a power cut, where the file system can.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d, err := os.Open(dir) //nolint:gosec // our callers say where
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was only read
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
