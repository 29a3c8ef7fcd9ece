// Package fairqueue lets many wait for few places, source by source in turn, so that a flood from one delays the others by
// one turn only.
package fairqueue

import (
	"container/list"
	"context"
	"errors"
	"sync"
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
	if w.Granted() { // asked first: select takes any case that is ready
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

// ErrFull says that so many wait for a slot that no more may.
var ErrFull = errors.New("too many wait")

// Bounds are how many may have a slot at once, and wait for one. 0 switches each off.
type Bounds struct {
	All, Each               int // slots in all, and of one key
	MaxWaiting, MaxWaitEach int // who waits, in all and of one key
}

// Slots bounds what goes on at once, in all and of one key. Keys take turns. It is safe for concurrent use.
type Slots[K comparable] struct {
	mu      sync.Mutex
	bounds  Bounds
	held    int
	byKey   map[K]int
	waiting Queue[K]
}

// NewSlots returns slots that are all free.
func NewSlots[K comparable](b Bounds) *Slots[K] {
	return &Slots[K]{bounds: b, byKey: make(map[K]int)}
}

// SetBounds changes the bounds: who has a slot keeps it.
func (s *Slots[K]) SetBounds(b Bounds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounds = b
	s.settle()
}

// Count returns how many slots are held, by how many keys, and how many wait for one.
func (s *Slots[K]) Count() (held, keys, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, len(s.byKey), s.waiting.Len()
}

// Acquire takes a slot for k, which Release gives back. It waits for one until ctx ends, and returns ctx's error then;
// ErrFull where too many wait already. Where none is to be waited for it allocates nothing.
func (s *Slots[K]) Acquire(ctx context.Context, k K) error {
	s.mu.Lock()
	if s.free() && s.mayHave(k) {
		s.take(k) // nobody waits for it: who waits has all that its key may have, or all slots are held
		s.mu.Unlock()
		return nil
	}
	if s.full(k) {
		s.mu.Unlock()
		return ErrFull
	}
	w := s.waiting.Push(k)
	s.mu.Unlock()
	err := w.Wait(ctx, time.Time{})
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.Granted() { // while ctx ended: the slot is k's by now, for Release to give back
		return nil
	}
	s.waiting.Remove(w)
	return err
}

// Release gives back a slot of k's.
func (s *Slots[K]) Release(k K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mayHave(k) {
		s.waiting.Yield(k) // its line stood aside; it comes behind those that did not
	}
	s.held--
	if s.byKey[k]--; s.byKey[k] == 0 {
		delete(s.byKey, k)
	}
	s.settle()
}

// settle gives slots to those who wait, as long as there are some.
func (s *Slots[K]) settle() {
	for s.free() && !s.waiting.Empty() {
		k, ok := s.waiting.Grant(s.mayHave)
		if !ok {
			return
		}
		s.take(k)
	}
}

func (s *Slots[K]) free() bool { return s.bounds.All <= 0 || s.held < s.bounds.All }

func (s *Slots[K]) mayHave(k K) bool { return s.bounds.Each <= 0 || s.byKey[k] < s.bounds.Each }

func (s *Slots[K]) full(k K) bool {
	b := s.bounds
	return b.MaxWaiting > 0 && s.waiting.Len() >= b.MaxWaiting || b.MaxWaitEach > 0 && s.waiting.LenOf(k) >= b.MaxWaitEach
}

func (s *Slots[K]) take(k K) {
	s.held++
	s.byKey[k]++
}
