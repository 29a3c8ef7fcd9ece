// Package limits bounds what goes on at once: sessions, handshakes that compute, sessions of a mailbox, dials. What is counted is
// kept apart from its bounds, so that these can change under running sessions.
package limits

import (
	"fmt"
	"net/netip"
	"sync"

	"drawbridge/internal/source"
)

// Sessions bounds the sessions at once of one listener, in all and per source. It is safe for concurrent use.
type Sessions struct {
	listener string
	isShared func(netip.Addr) bool

	mu             sync.Mutex
	all, perSource int // 0: no bound
	count          int
	bySource       map[source.Key]int
}

// NewSessions returns the limits of a listener: sessions in all, and per source; 0 switches one off. The second one does
// not hold for sources of which isShared says that they stand for many devices; it may be nil.
func NewSessions(listener string, all, perSource int, isShared func(netip.Addr) bool) *Sessions {
	if isShared == nil {
		isShared = func(netip.Addr) bool { return false }
	}
	return &Sessions{listener: listener, all: all, perSource: perSource, isShared: isShared, bySource: make(map[source.Key]int)}
}

// SetBounds changes the bounds, as NewSessions has them: the sessions that there are go on and are counted.
func (s *Sessions) SetBounds(all, perSource int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.perSource = all, perSource
}

// Enter counts a session of source, which ends with leave; calling that again changes nothing. Without ok it may not
// begin, for the reason given, which is the same for every session that this limit turns away.
func (s *Sessions) Enter(from netip.Addr) (leave func(), reason string, ok bool) {
	k := source.KeyOf(from)
	shared := s.isShared(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all > 0 && s.count >= s.all {
		return nil, fmt.Sprintf("the listener %s has %d sessions (limits.sessions: %d): raise the limit, or find out who holds them",
			s.listener, s.all, s.all), false
	}
	if s.perSource > 0 && !shared && s.bySource[k] >= s.perSource {
		return nil, fmt.Sprintf("the source has %d sessions on the listener %s (limits.sessions_per_source: %d): let it end some, or "+
			"raise the limit",
			s.perSource, s.listener, s.perSource), false
	}
	s.count++
	s.bySource[k]++
	return s.leaveOnce(k), "", true
}

func (s *Sessions) leaveOnce(k source.Key) func() {
	left := false
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if left {
			return
		}
		left = true
		s.count--
		if s.bySource[k]--; s.bySource[k] == 0 {
			delete(s.bySource, k)
		}
	}
}
