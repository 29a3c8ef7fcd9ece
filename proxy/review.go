package proxy

import (
	"context"
	"sync"
	"time"

	"drawbridge/inventory"
)

// reviewEvery is how often the sessions that run are looked at anew: so much later than its rule says one may end.
const reviewEvery = 15 * time.Second

// running are the sessions whose relay runs. It is safe for concurrent use.
type running struct {
	mu       sync.Mutex
	sessions map[*session]*inventory.Session // with what was known when the relay began
}

// enter adds s; the function it returns takes it out.
func (r *running) enter(s *session) (leave func()) {
	known := *s.record
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil {
		r.sessions = make(map[*session]*inventory.Session)
	}
	r.sessions[s] = &known
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.sessions, s)
	}
}

// all returns the sessions that run now.
func (r *running) all() map[*session]*inventory.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[*session]*inventory.Session, len(r.sessions))
	for s, known := range r.sessions {
		all[s] = known
	}
	return all
}

// review ends, until ctx does, the sessions that the rules want ended, by the generation that holds at that time.
func (s *Server) review(ctx context.Context) {
	ticker := time.NewTicker(reviewEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.contain(func() { s.cutAt(now) })
		case <-ctx.Done():
			return
		}
	}
}

// cutAt ends the sessions that are to end at that time.
func (s *Server) cutAt(now time.Time) {
	reviewer, ok := s.Generation().Decider.(Reviewer)
	if !ok {
		return
	}
	for session, known := range s.running.all() {
		if why, cut := reviewer.Cuts(now, known); cut {
			session.ousted.CompareAndSwap(nil, &why)
			session.cutNow()
		}
	}
}
