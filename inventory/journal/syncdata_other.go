//go:build !linux

package journal

import "os"

// syncData waits until f is on the disk.
func syncData(f *os.File) error { return f.Sync() }
