package sandbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// maxEvents bounds a record; beyond it the older half is dropped.
const maxEvents = 1 << 16

// record keeps what happened, oldest first, and wakes those who wait for it.
type record[T any] struct {
	mu      sync.Mutex
	events  []T
	changed chan struct{} // closed and replaced at each event
}

func newRecord[T any]() *record[T] {
	return &record[T]{changed: make(chan struct{})}
}

func (r *record[T]) add(e T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) >= maxEvents {
		r.events = slices.Clone(r.events[maxEvents/2:])
	}
	r.events = append(r.events, e)
	close(r.changed)
	r.changed = make(chan struct{})
}

// snapshot returns a copy of the events and what is closed at the next one.
func (r *record[T]) snapshot() ([]T, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events), r.changed
}

// matching returns the events that match accepts.
func (r *record[T]) matching(match func(T) bool) []T {
	events, _ := r.snapshot()
	return slices.DeleteFunc(events, func(e T) bool { return !match(e) })
}

// wait returns the first event, past or to come, that match accepts.
func (r *record[T]) wait(ctx context.Context, match func(T) bool) (T, error) {
	for {
		events, changed := r.snapshot()
		if i := slices.IndexFunc(events, match); i >= 0 {
			return events[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("wait for an event at the stand-in, %d seen: %w", len(events), ctx.Err())
		}
	}
}

// waitCount returns when match has accepted n events.
func (r *record[T]) waitCount(ctx context.Context, n int, match func(T) bool) error {
	for {
		_, changed := r.snapshot()
		got := len(r.matching(match))
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d events at the stand-in, %d seen: %w", n, got, ctx.Err())
		}
	}
}
