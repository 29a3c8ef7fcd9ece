package limits

import (
	"net/netip"
	"sync"

	"drawbridge/internal/source"
)

// Counts are the counts of all listeners and upstreams, by name. They live as long as the process: a configuration takes the
// ones of its listeners and upstreams, and sets their bounds when it begins to hold. Until then they bound nothing. It is
// safe for concurrent use.
type Counts struct {
	standing func(netip.Addr) source.Standing
	room     room

	mu       sync.Mutex
	sessions map[string]*Sessions
	slots    map[string]*Slots
	turns    map[string]*Turns
}

// NewCounts returns counts of nothing yet. standing tells what a source counts as; nil: nothing is known of any.
func NewCounts(standing func(netip.Addr) source.Standing) *Counts {
	return &Counts{standing: standing, sessions: make(map[string]*Sessions), slots: make(map[string]*Slots), turns: make(map[string]*Turns)}
}

// SetFiles bounds the sessions of all listeners together by how many files the process may have open; 0: no bound.
func (c *Counts) SetFiles(files uint64) { c.room.setFiles(files) }

// Sessions are those of a listener.
func (c *Counts) Sessions(listener string) *Sessions {
	return of(c, c.sessions, listener, func() *Sessions {
		s := NewSessions(listener, 0, 0, c.standing)
		s.room = &c.room
		return s
	})
}

// Slots are those of a listener's handshakes.
func (c *Counts) Slots(listener string) *Slots {
	return of(c, c.slots, listener, func() *Slots { return NewSlots(0, c.standing) })
}

// Turns are those of an upstream.
func (c *Counts) Turns(upstream string) *Turns {
	return of(c, c.turns, upstream, func() *Turns { return NewTurns(TurnOptions{Upstream: upstream, Standing: c.standing}) })
}

func of[T any](c *Counts, all map[string]*T, name string, make func() *T) *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all[name] == nil {
		all[name] = make()
	}
	return all[name]
}
