package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drawbridge/inventory"
)

// ErrInUse says that another process writes the journal.
var ErrInUse = errors.New("another process has the journal open")

// Options are the settings of a Journal. The zero value works.
type Options struct {
	Instance inventory.Instance // which admitted and change lines carry, and flood and bridge lines that have none
	Sync     time.Duration      // how often what was written is made to survive a power cut; 0: 1 s
	Rotate   int64              // from how many bytes on a segment is finished; 0: 64 MiB
	Now      func() time.Time   // the time of admitted and change lines; nil: time.Now

	open func(path string) (file, error) // tests; nil: a file of the operating system
}

func (o Options) withDefaults() Options {
	if o.Sync <= 0 {
		o.Sync = time.Second
	}
	if o.Rotate <= 0 {
		o.Rotate = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.open == nil {
		o.open = openFile
	}
	return o
}

// Journal is a journal that is being written. It is an inventory.Recorder, and a Reader of itself. It is safe for
// concurrent use; Close ends it.
type Journal struct {
	*Reader
	o           Options
	lock        *os.File
	previousRun string
	previousEnd inventory.PreviousRun
	queue       *queue
	writer      *writer
	archive     *archive
	changes     changes
	times       sync.Map // number of a finished segment -> its latest time; only of the oldest one, which Drop looks at
}

// Open opens the journal in dir, which it makes if it is not there, heals what a crash left and begins to write. There
// can be one writer: ErrInUse says that there is one.
func Open(dir string, o Options) (*Journal, error) {
	j, err := open(dir, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return j, nil
}

func open(dir string, o Options) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	found, err := heal(dir)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	j := &Journal{Reader: &Reader{dir: dir, journal: found.journal, changed: newSignal()}, o: o, lock: lock,
		previousRun: found.run, previousEnd: found.end, queue: newQueue(), changes: changes{last: found.last}}
	j.archive = newArchive(dir, found.journal)
	j.writer = newWriter(j, found)
	go j.archive.run()
	go j.writer.run()
	return j, nil
}

// lockDirectory keeps a second writer out until the file is closed, by whoever ends this process.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// Previous returns the run that wrote the journal last and how it ended. Both are empty at the very first start.
func (j *Journal) Previous() (run string, end inventory.PreviousRun) {
	return j.previousRun, j.previousEnd
}

// Health is how well a journal can write.
type Health struct {
	Err     error // of the last try to write, sync or compress, nil where it went well
	Pending int   // lines that wait in memory
	Lost    int64 // lines that did not fit into the 64 MiB of memory, since Open
}

// Health tells how well the journal can write.
func (j *Journal) Health() Health {
	h := j.queue.health()
	if h.Err == nil {
		h.Err = j.archive.failed()
	}
	return h
}

// closeWait is how long Close waits for a disk that does not answer.
const closeWait = 10 * time.Second

// Close writes what waits, syncs, and ends the journal; what is recorded after it is lost. It tries a full disk once
// more and waits 10 s for one that does not answer. The error says what was lost.
func (j *Journal) Close() error {
	if !j.queue.close() {
		return nil
	}
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-j.writer.ended:
	case <-timer.C:
		return fmt.Errorf("close the journal: the disk did not answer for %v, %d lines are lost", closeWait, j.queue.health().Pending)
	}
	j.archive.close()
	err := j.writer.closed
	if cerr := j.lock.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("close the journal: %w", err)
	}
	return nil
}

// newID makes the id of a journal, or of anything that must not be there twice.
func newID() string {
	id := make([]byte, idDigits/2)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// signal wakes everyone who waits for it.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ch
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ch)
	s.ch = make(chan struct{})
}
