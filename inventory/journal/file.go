package journal

import "os"

// file is what a writer does with a segment.
type file interface {
	Write(p []byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// osFile is a file whose data alone is synced, where that can be: the times of a file are of no use to anybody.
type osFile struct{ *os.File }

// openFile opens the segment at path for appending and makes it if it is not there.
func openFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}
