package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData waits until the data of f is on the disk.
func syncData(f *os.File) error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
