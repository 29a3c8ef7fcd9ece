package proxy

import (
	"container/list"
	"context"
	"errors"
	"time"
)

// errQueued says that nobody's turn came in time.
var errQueued = errors.New("waited too long for a turn")

// queue is a line in which sources take turns: each source's own waiters in order of arrival, so that a flood from one
// delays the others by one turn only. It holds nothing of those who left, and is not safe for concurrent use.
type queue struct {
	lines map[queueKey]*list.Element // of *queueLine
	turns list.List                  // whose turn is next
}

// queueKey is who takes turns: a source, or one account of a source that stands for many devices.
type queueKey struct {
	source  SourceKey
	account string
}

type queueLine struct {
	key     queueKey
	waiters list.List // of *queued
}

// queued is one who waits.
type queued struct {
	line    *list.Element
	place   *list.Element
	granted chan struct{} // closed when its turn has come
}

func (q *queue) empty() bool { return len(q.lines) == 0 }

func (q *queue) push(k queueKey) *queued {
	if q.lines == nil {
		q.lines = make(map[queueKey]*list.Element)
	}
	line, ok := q.lines[k]
	if !ok {
		line = q.turns.PushBack(&queueLine{key: k})
		q.lines[k] = line
	}
	w := &queued{line: line, granted: make(chan struct{})}
	w.place = line.Value.(*queueLine).waiters.PushBack(w)
	return w
}

// grant gives the turn to the next one in line whose source may have it; may may be nil.
func (q *queue) grant(may func(queueKey) bool) (queueKey, bool) {
	for e := q.turns.Front(); e != nil; e = e.Next() {
		line := e.Value.(*queueLine)
		if may != nil && !may(line.key) {
			continue
		}
		w := line.waiters.Front().Value.(*queued)
		q.remove(w)
		close(w.granted)
		q.turns.MoveToBack(e) // does nothing when that was the line's last one
		return line.key, true
	}
	return queueKey{}, false
}

// remove takes w out, where it still waits.
func (q *queue) remove(w *queued) {
	if w.place == nil {
		return
	}
	line := w.line.Value.(*queueLine)
	line.waiters.Remove(w.place)
	w.place = nil
	if line.waiters.Len() == 0 {
		q.turns.Remove(w.line)
		delete(q.lines, line.key)
	}
}

// isGranted reports whether the turn of w has come.
func (w *queued) isGranted() bool {
	select {
	case <-w.granted:
		return true
	default:
		return false
	}
}

// wait returns nil when the turn of w has come, errQueued at until where that is not zero, or ctx's error.
func (w *queued) wait(ctx context.Context, until time.Time) error {
	if w.isGranted() {
		return nil
	}
	var timer <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-w.granted:
		return nil
	case <-timer:
		return errQueued
	case <-ctx.Done():
		return ctx.Err()
	}
}
