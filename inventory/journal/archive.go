package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"drawbridge/internal/wholefile"
)

// archiveRetry is how long the archive waits after an error.
const archiveRetry = time.Minute

var errStopped = errors.New("the journal is being closed")

// archive compresses finished segments, one at a time.
type archive struct {
	dir, journal string
	woken        chan struct{} // has room for one
	stop         chan struct{}
	ended        chan struct{}

	files sync.Mutex // held while finished segments are exchanged for something else

	mu  sync.Mutex
	err error
}

func newArchive(dir, journal string) *archive {
	a := &archive{dir: dir, journal: journal, woken: make(chan struct{}, 1), stop: make(chan struct{}),
		ended: make(chan struct{})}
	a.wake() // for what a crash left
	return a
}

func (a *archive) wake() {
	select {
	case a.woken <- struct{}{}:
	default: // it will look anyway
	}
}

func (a *archive) run() {
	defer close(a.ended)
	timer := time.NewTimer(archiveRetry)
	defer timer.Stop()
	for {
		select {
		case <-a.woken:
		case <-timer.C:
		case <-a.stop:
			return
		}
		err := a.compressAll()
		a.mu.Lock()
		a.err = err
		a.mu.Unlock()
		timer.Reset(archiveRetry)
	}
}

func (a *archive) close() {
	close(a.stop)
	<-a.ended
}

// failed returns the error of the last try, nil where it went well.
func (a *archive) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// compressAll compresses all segments but the one being written.
func (a *archive) compressAll() error {
	found, err := list(a.dir)
	if err != nil {
		return fmt.Errorf("compress the journal: %w", err)
	}
	for _, s := range found.segments {
		if !s.plain || s.number == found.last() {
			continue
		}
		if err := a.compress(s.number); err != nil && !errors.Is(err, errStopped) {
			return fmt.Errorf("compress the journal: %w", err)
		}
	}
	return nil
}

// compress exchanges a plain segment for a compressed one. The plain one goes only when the other is whole on the disk.
func (a *archive) compress(number int64) error {
	a.files.Lock()
	defer a.files.Unlock()
	path := plainPath(a.dir, a.journal, number)
	plain, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }() // it was only read
	err = writeCompressed(compressedPath(a.dir, a.journal, number), func(w io.Writer) error {
		_, err := io.Copy(w, stoppable{plain, a.stop})
		return err
	})
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// writeCompressed makes a file at path, whole or not at all, of what write writes.
func writeCompressed(path string, write func(w io.Writer) error) error {
	return wholefile.WriteBy(path+temporarySuffix, path, 0o600, func(w io.Writer) error {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			return err
		}
		return errors.Join(write(z), z.Close())
	})
}

// stoppable is a reader that ends with an error once stop is closed.
type stoppable struct {
	r    io.Reader
	stop <-chan struct{}
}

// Read implements io.Reader.
func (s stoppable) Read(p []byte) (int, error) {
	select {
	case <-s.stop:
		return 0, errStopped
	default:
		return s.r.Read(p)
	}
}
