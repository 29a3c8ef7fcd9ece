package journal

import (
	"fmt"
	"os"
	"time"

	"drawbridge/internal/wholefile"
)

// retry is how long the writer waits after an error.
const retry = time.Second

// writer is the one goroutine that writes: everything that waits with one write, so that sessions which end together
// share it. A write that was cut short is gone on with where it ended, so that lines never mix.
type writer struct {
	queue   *queue
	archive *archive
	changed *signal
	o       Options
	path    func(number int64) string
	dir     string

	number   int64 // of the segment that is written
	file     file  // nil until it could be opened
	size     int64 // of file
	batch    batch // what is being written
	offset   int   // how much of batch.data is
	told     int   // how many of its lines are
	unsynced bool
	synced   time.Time // when the last sync was
	failed   time.Time // when the last error was; zero where there is none

	ended  chan struct{}
	closed error // how it ended, once ended is closed
}

// newWriter opens the segment to write, so that a reader knows that the one before is finished. On a full disk that is
// tried again with the first line.
func newWriter(j *Journal, found past) *writer {
	w := &writer{queue: j.queue, archive: j.archive, changed: j.changed, o: j.o, dir: j.dir,
		path:   func(number int64) string { return plainPath(j.dir, j.journal, number) },
		number: found.number, size: found.size, ended: make(chan struct{})}
	w.report(w.open())
	return w
}

func (w *writer) run() {
	defer close(w.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.queue.wake:
		case <-timer.C:
		case <-w.queue.stop:
			w.closed = w.end()
			return
		}
		if w.failed.IsZero() || time.Since(w.failed) >= retry {
			w.report(w.work())
		}
		timer.Reset(w.pause())
	}
}

// pause returns how long there is nothing to do unless a line comes.
func (w *writer) pause() time.Duration {
	switch {
	case !w.failed.IsZero():
		return retry - time.Since(w.failed)
	case w.unsynced:
		return w.o.Sync - time.Since(w.synced)
	default:
		return time.Hour
	}
}

// work writes all that waits, and syncs when it is time.
func (w *writer) work() error {
	if err := w.drain(); err != nil {
		return err
	}
	if w.unsynced && time.Since(w.synced) >= w.o.Sync {
		return w.sync()
	}
	return nil
}

func (w *writer) drain() error {
	for {
		if w.offset == len(w.batch.data) {
			w.batch.reset()
			w.offset, w.told = 0, 0
			w.queue.take(&w.batch)
		}
		if len(w.batch.data) == 0 {
			return nil
		}
		if err := w.write(); err != nil {
			return err
		}
		if w.size >= w.o.Rotate {
			if err := w.rotate(); err != nil {
				return err
			}
		}
	}
}

// write writes what is left of the batch and tells those whose lines are written.
func (w *writer) write() error {
	if err := w.open(); err != nil {
		return err
	}
	n, err := w.file.Write(w.batch.data[w.offset:])
	w.size += int64(n)
	w.offset += n
	w.unsynced = w.unsynced || n > 0
	done := w.told
	for done < len(w.batch.marks) && w.batch.marks[done].end <= w.offset {
		done++
	}
	w.queue.holds(len(w.batch.data)-w.offset, len(w.batch.marks)-done, err)
	w.tell(done)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// tell wakes who waits for lines up to done, and who reads.
func (w *writer) tell(done int) {
	if done == w.told {
		return
	}
	tell(w.batch.marks[w.told:done], nil)
	w.told = done
	w.changed.send()
}

func (w *writer) open() error {
	if w.file != nil {
		return nil
	}
	f, err := w.o.open(w.path(w.number))
	if err != nil {
		return fmt.Errorf("open a segment of the journal: %w", err)
	}
	w.file = f
	return wholefile.SyncFolder(w.dir)
}

// rotate goes on in a new segment. Where that cannot be opened it goes on in the old one.
func (w *writer) rotate() error {
	if err := w.sync(); err != nil {
		return err
	}
	next, err := w.o.open(w.path(w.number + 1))
	if err != nil {
		return fmt.Errorf("open a segment of the journal: %w", err)
	}
	err = w.file.Close()
	w.file, w.size = next, 0
	w.number++
	w.archive.wake()
	if err != nil {
		return fmt.Errorf("close a segment of the journal: %w", err)
	}
	return wholefile.SyncFolder(w.dir)
}

func (w *writer) sync() error {
	if w.file == nil {
		return nil
	}
	w.synced = time.Now()
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync the journal: %w", err)
	}
	w.unsynced = false
	return nil
}

// report keeps how the last try went.
func (w *writer) report(err error) {
	w.failed = time.Time{}
	if err != nil {
		w.failed = time.Now()
	}
	w.queue.holds(len(w.batch.data)-w.offset, len(w.batch.marks)-w.told, err)
}

// end writes what it can and leaves no part of a line and no empty segment behind.
func (w *writer) end() error {
	err := w.drain()
	w.report(err)
	tell(w.batch.marks[w.told:], errClosed)
	lost := w.queue.giveUp()
	if w.file == nil {
		return lostError(lost, err)
	}
	if part := w.offset - w.lineStart(); part > 0 && lost > 0 {
		_ = w.file.Truncate(w.size - int64(part)) // readers skip a torn line
	}
	if serr := w.sync(); err == nil {
		err = serr
	}
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	if err == nil && w.size == 0 { // the next one who opens begins it anew
		err = os.Remove(w.path(w.number))
	}
	return lostError(lost, err)
}

// lineStart returns where in the batch the line begins that is being written.
func (w *writer) lineStart() int {
	if w.told == 0 {
		return 0
	}
	return w.batch.marks[w.told-1].end
}

func lostError(lines int, err error) error {
	if lines == 0 || err == nil {
		return err
	}
	return fmt.Errorf("%d lines are lost: %w", lines, err)
}
