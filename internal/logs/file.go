package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"drawbridge/config"
)

const (
	lookEvery  = time.Second // how often a file is looked for under its name
	backupTime = "2006-01-02T15-04-05.000"
)

// file is a log file. It is rotated before it grows beyond its size, and opened anew where it was renamed, removed or cut short
// by somebody else, as logrotate does. It has no goroutine of its own; but for reopen it is for one at a time.
type file struct {
	path   string
	rotate config.Rotate
	anew   atomic.Bool // the next write opens it

	f       *os.File // nil: not open
	regular bool     // a pipe or a device has no size and is not looked for
	size    int64
	looked  time.Time
}

// reopen has the next write open the file anew. It is safe for concurrent use.
func (f *file) reopen() { f.anew.Store(true) }

// Write writes lines, and returns with all of them written the error of a rotation.
func (f *file) Write(lines []byte) (int, error) {
	if err := f.look(time.Now()); err != nil {
		return 0, err
	}
	rotated := f.rotateBefore(int64(len(lines)), time.Now())
	n, err := f.f.Write(lines)
	f.size += int64(n)
	if err != nil && !f.regular {
		_ = f.Close() // a pipe may get another reader
	}
	return n, errors.Join(err, rotated)
}

// Close closes the file. It may be called again, and Write opens it again.
func (f *file) Close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// look sees to it that the file is open, and every second that it is the one which has its name.
func (f *file) look(now time.Time) error {
	switch anew := f.anew.Swap(false); {
	case f.f == nil || anew:
		return f.open(now)
	case !f.regular || now.Sub(f.looked) < lookEvery:
		return nil
	}
	f.looked = now
	named, err := os.Stat(f.path)
	own, owned := f.f.Stat()
	if err != nil || owned != nil || !os.SameFile(named, own) {
		return f.open(now)
	}
	f.size = own.Size()
	return nil
}

// open opens the file, which is made where there is none, in place of the one that was open.
func (f *file) open(now time.Time) error {
	next, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		f.anew.Store(true)
		return fmt.Errorf("open the log (log.output): %w", err)
	}
	_ = f.Close()
	f.f, f.looked, f.size, f.regular = next, now, 0, false
	if info, err := next.Stat(); err == nil {
		f.size, f.regular = info.Size(), info.Mode().IsRegular()
	}
	return nil
}

// rotateBefore begins a new file where the one that is open has no room for so many bytes. Where it cannot the old one goes on.
func (f *file) rotateBefore(more int64, now time.Time) error {
	if !f.regular || f.size == 0 || f.size+more <= f.rotate.Size {
		return nil
	}
	if err := os.Rename(f.path, f.backup(now)); err != nil {
		return fmt.Errorf("rotate the log (log.rotate): %w", err)
	}
	if err := f.open(now); err != nil {
		return err
	}
	return f.removeOld()
}

// backup returns a name for the file that is rotated now, which no other has.
func (f *file) backup(now time.Time) string {
	stem, ext := f.backupParts()
	for ; ; now = now.Add(time.Millisecond) {
		name := stem + now.UTC().Format(backupTime) + ext
		if _, err := os.Lstat(name); err != nil {
			return name
		}
	}
}

// backupParts are what stands before and behind the time in a rotated file's path.
func (f *file) backupParts() (stem, ext string) {
	ext = filepath.Ext(f.path)
	return strings.TrimSuffix(f.path, ext) + "-", ext
}

// removeOld removes rotated files beyond those that are to be kept, the oldest first.
func (f *file) removeOld() error {
	if f.rotate.Keep == 0 {
		return nil
	}
	stem, ext := f.backupParts()
	entries, err := os.ReadDir(filepath.Dir(f.path))
	var old []string
	for _, e := range entries { // by name, which is by time
		name := filepath.Join(filepath.Dir(f.path), e.Name())
		at, isBackup := strings.CutPrefix(strings.TrimSuffix(name, ext), stem)
		if _, wrong := time.Parse(backupTime, at); isBackup && wrong == nil && strings.HasSuffix(name, ext) {
			old = append(old, name)
		}
	}
	for _, name := range old[:max(len(old)-f.rotate.Keep, 0)] {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
