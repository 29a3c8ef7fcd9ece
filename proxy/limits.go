package proxy

import (
	"fmt"
	"net/netip"
	"sync"
)

// Sessions bounds the sessions at once of one listener, in all and per source. It is safe for concurrent use.
type Sessions struct {
	listener       string
	all, perSource int
	isShared       func(netip.Addr) bool

	mu       sync.Mutex
	count    int
	bySource map[SourceKey]int
}

// NewSessions returns the limits of a listener: sessions in all, and per source; 0 switches one off. The second one does
// not hold for sources of which isShared says that they stand for many devices; it may be nil.
func NewSessions(listener string, all, perSource int, isShared func(netip.Addr) bool) *Sessions {
	if isShared == nil {
		isShared = func(netip.Addr) bool { return false }
	}
	return &Sessions{listener: listener, all: all, perSource: perSource, isShared: isShared, bySource: make(map[SourceKey]int)}
}

// Enter counts a session of source, which ends with leave; calling that again changes nothing. Without ok it may not
// begin, for the reason given, which is the same for every session that this limit turns away.
func (s *Sessions) Enter(source netip.Addr) (leave func(), reason string, ok bool) {
	k := KeyOf(source)
	shared := s.isShared(source)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all > 0 && s.count >= s.all {
		return nil, fmt.Sprintf("the listener %s has %d sessions (limits.sessions: %d): raise the limit, or find out who holds them",
			s.listener, s.all, s.all), false
	}
	if s.perSource > 0 && !shared && s.bySource[k] >= s.perSource {
		return nil, fmt.Sprintf("the source has %d sessions on the listener %s (limits.sessions_per_source: %d): let it end some, or raise the limit",
			s.perSource, s.listener, s.perSource), false
	}
	s.count++
	s.bySource[k]++
	return s.leaveOnce(k), "", true
}

func (s *Sessions) leaveOnce(k SourceKey) func() {
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
