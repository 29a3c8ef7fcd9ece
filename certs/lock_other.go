//go:build !unix

package certs

import "os"

// tryLock opens a file without locking it: replicas that share storage run on Unix, elsewhere the data directory's own
// lock has to do.
func tryLock(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
}
