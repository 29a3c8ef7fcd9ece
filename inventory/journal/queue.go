package journal

import (
	"errors"
	"sync"
)

// maxPending is how many bytes of lines wait in memory for a disk that is full or does not answer.
const maxPending = 64 << 20

var (
	errLost   = errors.New("the disk is full and so is the memory for what waits for it")
	errClosed = errors.New("the journal is closed")
)

// batch is lines that stand one behind the other, and where they end.
type batch struct {
	data  []byte
	marks []mark
}

// mark is the end of a line. Whoever waits for it is told when it is written, or that it is not going to be.
type mark struct {
	end  int
	done chan<- error // may be nil; has room for one
}

func tell(marks []mark, err error) {
	for _, m := range marks {
		if m.done != nil {
			m.done <- err
		}
	}
}

// reset empties b. Memory that only a full disk asked for is given back.
func (b *batch) reset() {
	const usual = 1 << 20
	if cap(b.data) > usual {
		*b = batch{}
		return
	}
	clear(b.marks)
	b.data, b.marks = b.data[:0], b.marks[:0]
}

// queue is what waits for the writer: at most 64 MiB, together with what the writer holds. What does not fit is dropped
// and counted.
type queue struct {
	wake chan struct{} // has room for one

	mu        sync.Mutex
	next      batch
	held      int // bytes that the writer has taken and not yet written
	heldLines int
	lost      int64
	err       error
	closed    bool
	stop      chan struct{}
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// add queues line. done, which may be nil, is told once.
func (q *queue) add(line []byte, done chan<- error) {
	if err := q.put(line, done); err != nil {
		if done != nil {
			done <- err
		}
		return
	}
	select {
	case q.wake <- struct{}{}:
	default: // the writer is awake
	}
}

func (q *queue) put(line []byte, done chan<- error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		q.lost++
		return errClosed
	case len(q.next.data)+q.held+len(line) > maxPending:
		q.lost++
		return errLost
	}
	q.next.data = append(q.next.data, line...)
	q.next.marks = append(q.next.marks, mark{len(q.next.data), done})
	return nil
}

// take moves everything that waits into b, which is empty.
func (q *queue) take(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next, *b = *b, q.next
	q.held, q.heldLines = len(b.data), len(b.marks)
}

// holds tells what the writer still holds and how its last try went.
func (q *queue) holds(bytes, lines int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held, q.heldLines, q.err = bytes, lines, err
}

// giveUp counts what is left as lost.
func (q *queue) giveUp() (lines int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines = q.heldLines + len(q.next.marks)
	q.lost += int64(lines)
	tell(q.next.marks, errClosed)
	q.next, q.held, q.heldLines = batch{}, 0, 0
	return lines
}

func (q *queue) health() Health {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Health{Err: q.err, Pending: q.heldLines + len(q.next.marks), Lost: q.lost}
}

// close lets nothing more in and ends the writer. It reports false where that was done before.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	close(q.stop)
	return true
}
