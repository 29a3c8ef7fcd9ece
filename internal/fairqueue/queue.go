// Package fairqueue lets many wait for few places, source by source in turn, so that a flood from one delays the others by
// one turn only.
package fairqueue

import (
	"container/list"
	"context"
	"errors"
	"time"
)

// ErrTooLate says that nobody's turn came in time.
var ErrTooLate = errors.New("waited too long for a turn")

// Queue is a line in which keys take turns: each key's own waiters in order of arrival. It holds nothing of those who
// left. The zero Queue is empty. It is not safe for concurrent use.
type Queue[K comparable] struct {
	lines   map[K]*list.Element // of *line[K]
	turns   list.List           // whose turn is next
	waiting int
}

type line[K comparable] struct {
	key     K
	waiters list.List // of *Waiter
}

// Waiter is one who waits. Its Wait may run beside the Queue's methods.
type Waiter struct {
	line    *list.Element
	place   *list.Element
	granted chan struct{} // closed when its turn has come
}

// Empty reports whether nobody waits.
func (q *Queue[K]) Empty() bool { return len(q.lines) == 0 }

// Len returns how many wait.
func (q *Queue[K]) Len() int { return q.waiting }

// LenOf returns how many of k wait.
func (q *Queue[K]) LenOf(k K) int {
	if e, ok := q.lines[k]; ok {
		return e.Value.(*line[K]).waiters.Len()
	}
	return 0
}

// Push puts a new waiter of k at the end of its line.
func (q *Queue[K]) Push(k K) *Waiter {
	if q.lines == nil {
		q.lines = make(map[K]*list.Element)
	}
	e, ok := q.lines[k]
	if !ok {
		e = q.turns.PushBack(&line[K]{key: k})
		q.lines[k] = e
	}
	w := &Waiter{line: e, granted: make(chan struct{})}
	w.place = e.Value.(*line[K]).waiters.PushBack(w)
	q.waiting++
	return w
}

// Grant gives the turn to the next one in line whose key may have it; may may be nil.
func (q *Queue[K]) Grant(may func(K) bool) (K, bool) {
	for e := q.turns.Front(); e != nil; e = e.Next() {
		l := e.Value.(*line[K])
		if may != nil && !may(l.key) {
			continue
		}
		w := l.waiters.Front().Value.(*Waiter)
		q.Remove(w)
		close(w.granted)
		q.turns.MoveToBack(e) // does nothing when that was the line's last one
		return l.key, true
	}
	var none K
	return none, false
}

// Yield lets all others who wait go before k, which has just had a turn.
func (q *Queue[K]) Yield(k K) {
	if e, ok := q.lines[k]; ok {
		q.turns.MoveToBack(e)
	}
}

// Remove takes w out, where it still waits.
func (q *Queue[K]) Remove(w *Waiter) {
	if w.place == nil {
		return
	}
	l := w.line.Value.(*line[K])
	l.waiters.Remove(w.place)
	w.place = nil
	q.waiting--
	if l.waiters.Len() == 0 {
		q.turns.Remove(w.line)
		delete(q.lines, l.key)
	}
}

// Granted reports whether the turn of w has come.
func (w *Waiter) Granted() bool {
	select {
	case <-w.granted:
		return true
	default:
		return false
	}
}

// Wait returns nil when the turn of w has come, ErrTooLate at until where that is not zero, or ctx's error.
func (w *Waiter) Wait(ctx context.Context, until time.Time) error {
	if w.Granted() { // whatever else is over by now
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
		return ErrTooLate
	case <-ctx.Done():
		return ctx.Err()
	}
}
