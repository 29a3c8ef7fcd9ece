// Package filelock locks files against other processes. The kernel gives the locks back when a process dies.
package filelock

import (
	"errors"
	"os"
	"syscall"

	"github.com/gofrs/flock"
)

// ErrLocked says that somebody else has the lock, in this process or another.
var ErrLocked = errors.New("locked by another")

// Try makes the file at path where there is none, mode 0600, and locks it, or fails with ErrLocked at once. It follows no
// link. Close of what it returns unlocks the file and leaves it: removing it would let two holders have two files of one name.
func Try(path string) (*flock.Flock, error) {
	f := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow), flock.SetPermissions(0o600))
	locked, err := f.TryLock()
	switch {
	case locked:
		return f, nil
	case err == nil || errors.Is(err, syscall.EINTR):
		return nil, ErrLocked
	}
	return nil, err
}
