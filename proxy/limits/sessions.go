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
	standing func(netip.Addr) source.Standing
	room     *room // of all listeners

	mu             sync.Mutex
	all, perSource int // 0: no bound
	count          int
	bySource       map[source.Key]int
}

// NewSessions returns the limits of a listener: sessions in all, and per source; 0 switches one off. standing tells what a
// source counts as; nil: nothing is known of any. The second limit does not hold for sources that stand for many devices.
// Such a one has at most a quarter of the first, unless it is a gateway of this machine: any device with enough accounts can
// make itself one.
func NewSessions(listener string, all, perSource int, standing func(netip.Addr) source.Standing) *Sessions {
	if standing == nil {
		standing = source.Unknown
	}
	return &Sessions{listener: listener, all: all, perSource: perSource, standing: standing, room: &room{}, bySource: make(map[source.Key]int)}
}

// SetBounds changes the bounds, as NewSessions has them: the sessions that there are go on and are counted.
func (s *Sessions) SetBounds(all, perSource int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.perSource = all, perSource
}

// Place is the place of one session. It is for one goroutine; a nil Place is that of a session which nobody counts.
type Place struct {
	sessions *Sessions
	from     netip.Addr
	key      source.Key // what it counts as
	known    bool       // the source is, or the session has logged in
	left     bool
}

// Enter counts a session of source, whose Place the caller gives back by Leave. Without ok it may not begin, for the reason
// given, which is the same for every session that this limit turns away.
func (s *Sessions) Enter(from netip.Addr) (place *Place, reason string, ok bool) {
	as := s.standing(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if reason := s.refuses(as); reason != "" {
		return nil, reason, false
	}
	if reason := s.room.enter(as.Known); reason != "" {
		return nil, reason, false
	}
	s.count++
	s.bySource[as.Key]++
	return &Place{sessions: s, from: from, key: as.Key, known: as.Known}, "", true
}

// refuses says why one more session of a source may not begin; empty: it may.
func (s *Sessions) refuses(as source.Standing) string {
	have := s.bySource[as.Key]
	switch most := quarter(s.all); {
	case s.all > 0 && s.count >= s.all:
		return fmt.Sprintf("the listener %s has %d sessions (limits.sessions: %d): raise the limit, or find out who holds them",
			s.listener, s.all, s.all)
	case s.perSource > 0 && !as.Shared && have >= s.perSource:
		return fmt.Sprintf("the source has %d sessions on the listener %s (limits.sessions_per_source: %d): let it end some, or "+
			"raise the limit",
			s.perSource, s.listener, s.perSource)
	case s.all > 0 && as.Shared && !as.Gateway && have >= most:
		return fmt.Sprintf("the source, which logs in as many devices, has %d sessions on the listener %s, a quarter of limits.sessions: %d; "+
			"let its devices show their own addresses (host networking, PROXY protocol), or raise the limit", most, s.listener, s.all)
	}
	return ""
}

// Promote says that the session has had a verified login: from now on it counts as the known one that it is.
func (p *Place) Promote() {
	if p == nil || p.left {
		return
	}
	as := p.sessions.standing(p.from)
	s := p.sessions
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.known {
		p.known = true
		s.room.promote()
	}
	countDown(s.bySource, p.key)
	p.key = as.Key
	s.bySource[p.key]++
}

// Leave gives the place back. Calling it again changes nothing.
func (p *Place) Leave() {
	if p == nil || p.left {
		return
	}
	p.left = true
	s := p.sessions
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	countDown(s.bySource, p.key)
	s.room.leave(p.known)
}

func countDown(counts map[source.Key]int, k source.Key) {
	if counts[k]--; counts[k] == 0 {
		delete(counts, k)
	}
}
