package limits

import (
	"net/netip"
	"sync"
)

// Counts are the counts of all listeners and upstreams, by name. They live as long as the process: a configuration takes the
// ones of its listeners and upstreams, and sets their bounds when it begins to hold. Until then they bound nothing. It is
// safe for concurrent use.
type Counts struct {
	shared func(netip.Addr) bool

	mu       sync.Mutex
	sessions map[string]*Sessions
	slots    map[string]*Slots
	turns    map[string]*Turns
}

// NewCounts returns counts of nothing yet. shared tells which sources stand for many devices; it may be nil.
func NewCounts(shared func(netip.Addr) bool) *Counts {
	return &Counts{shared: shared, sessions: make(map[string]*Sessions), slots: make(map[string]*Slots), turns: make(map[string]*Turns)}
}

// Sessions are those of a listener.
func (c *Counts) Sessions(listener string) *Sessions {
	return of(c, c.sessions, listener, func() *Sessions { return NewSessions(listener, 0, 0, c.shared) })
}

// Slots are those of a listener's handshakes.
func (c *Counts) Slots(listener string) *Slots {
	return of(c, c.slots, listener, func() *Slots { return NewSlots(0) })
}

// Turns are those of an upstream.
func (c *Counts) Turns(upstream string) *Turns {
	return of(c, c.turns, upstream, func() *Turns { return NewTurns(TurnOptions{Upstream: upstream, Shared: c.shared}) })
}

func of[T any](c *Counts, all map[string]*T, name string, make func() *T) *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all[name] == nil {
		all[name] = make()
	}
	return all[name]
}
