package fairqueue

import (
	"context"
	"errors"
	"sync"
	"time"
)

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
	if w.Granted() {
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
