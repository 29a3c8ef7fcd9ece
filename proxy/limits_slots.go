package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// slotsPerSource is how many handshakes of one source may compute at once.
const slotsPerSource = 16

// Slots bounds the handshakes that compute at once, in all and 16 a source. Sources take turns. It is safe for
// concurrent use.
type Slots struct {
	all int

	mu       sync.Mutex
	held     int
	bySource map[SourceKey]int
	waiting  queue
}

// NewSlots returns all slots, all of them free; 0: as many as anybody wants.
func NewSlots(all int) *Slots {
	return &Slots{all: all, bySource: make(map[SourceKey]int)}
}

// Acquire takes a slot for source, which Release gives back. It waits for one until ctx ends, and returns ctx's error
// then. Where none is to be waited for it allocates nothing.
func (s *Slots) Acquire(ctx context.Context, source netip.Addr) error {
	if s.all <= 0 {
		return nil
	}
	k := KeyOf(source)
	s.mu.Lock()
	if s.held < s.all && s.mayHave(k) {
		s.take(k) // nobody waits for it: who waits has 16, or all slots are held
		s.mu.Unlock()
		return nil
	}
	w := s.waiting.push(queueKey{source: k})
	s.mu.Unlock()
	err := w.wait(ctx, time.Time{})
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.isGranted() {
		return nil
	}
	s.waiting.remove(w)
	return err
}

// Release gives back a slot that source has.
func (s *Slots) Release(source netip.Addr) {
	if s.all <= 0 {
		return
	}
	k := KeyOf(source)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	if s.bySource[k]--; s.bySource[k] == 0 {
		delete(s.bySource, k)
	}
	if s.waiting.empty() {
		return
	}
	if next, ok := s.waiting.grant(func(k queueKey) bool { return s.mayHave(k.source) }); ok {
		s.take(next.source)
	}
}

func (s *Slots) mayHave(k SourceKey) bool { return s.bySource[k] < slotsPerSource }

func (s *Slots) take(k SourceKey) {
	s.held++
	s.bySource[k]++
}
