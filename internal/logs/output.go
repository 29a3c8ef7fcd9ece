package logs

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"
)

const (
	maxWaiting = 64 << 20 // bytes of lines that wait for one output, with those that are being written
	maxWrite   = 64 << 10 // bytes of one write, unless one line has more
	retry      = time.Second
)

// output is where lines go, and the goroutine that takes them there, so that nobody who logs waits for a terminal, a pipe or
// a disk. What does not fit into its queue is dropped and counted. A destination that fails is tried again every second;
// one that has gone, a pipe without a reader, gets nothing any longer but the question whether it is back, line by line.
type output struct {
	name string // as log.output has it
	to   io.Writer

	wake  chan struct{} // has room for one
	stop  chan struct{} // closed by end
	ended chan struct{} // closed when the goroutine has

	mu      sync.Mutex
	waiting []byte
	held    int // bytes that are being written
	lost    int64
	err     error // of the last write, nil where it went well
	closed  bool
}

// start returns an output that writes to w until end.
func start(name string, w io.Writer) *output {
	o := &output{name: name, to: w, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go o.run()
	return o
}

// Write queues a line, or counts it as lost. It never waits and never fails.
func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.waiting)+o.held+len(line) > maxWaiting {
		o.lost++
		return len(line), nil
	}
	o.waiting = append(o.waiting, line...)
	o.rouse()
	return len(line), nil
}

// Sync does nothing: a line is on its way when it is queued.
func (o *output) Sync() error { return nil }

// rouse wakes the goroutine.
func (o *output) rouse() {
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

func (o *output) run() {
	defer close(o.ended)
	if c, ok := o.to.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	for stopped := false; !stopped; {
		select {
		case <-o.wake:
		case <-o.stop:
			stopped = true // what waits is written still
		}
		for lines := o.take(); len(lines) > 0; lines = o.take() {
			o.deliver(lines)
		}
	}
}

// take returns what waits. The memory is the caller's.
func (o *output) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.waiting
	o.waiting, o.held = nil, len(lines)
	return lines
}

// deliver writes lines, going on where a write ended, and counts those that cannot be written any more.
func (o *output) deliver(lines []byte) {
	for len(lines) > 0 {
		n, err := o.to.Write(lines[:firstLines(lines)])
		lines = lines[n:]
		o.report(len(lines), 0, err)
		if err != nil && (gone(err) || !o.pause()) {
			o.report(0, bytes.Count(lines, []byte("\n")), err)
			return
		}
	}
}

// firstLines returns how many bytes one write is to have: whole lines.
func firstLines(lines []byte) int {
	if len(lines) <= maxWrite {
		return len(lines)
	}
	if end := bytes.LastIndexByte(lines[:maxWrite], '\n'); end >= 0 {
		return end + 1
	}
	if end := bytes.IndexByte(lines, '\n'); end >= 0 {
		return end + 1
	}
	return len(lines)
}

// gone reports whether nobody reads any longer what is written.
func gone(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EBADF) }

// pause waits before the next try; false where there is none, since the output is to end.
func (o *output) pause() bool {
	timer := time.NewTimer(retry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-o.stop:
		return false
	}
}

func (o *output) report(held, lost int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held, o.err = held, err
	o.lost += int64(lost)
}

// end lets nothing more in and ends the goroutine once it has written what waits. It may be called again.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.stop)
	}
}

func (o *output) health() Health {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Health{Output: o.name, Err: o.err, Lost: o.lost}
}
