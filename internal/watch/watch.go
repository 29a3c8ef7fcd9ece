// Package watch is what goes on in a bridge now: which sessions are admitted, how the upstreams fare.
package watch

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/inventory"
)

// Session is a session that goes on. Strings may be as devices sent them.
type Session struct {
	ID         string    `json:"session_id"`
	Device     string    `json:"device,omitempty"` // id; empty before a login
	Source     string    `json:"source_ip"`
	Account    string    `json:"account,omitempty"`
	Mailbox    string    `json:"mailbox,omitempty"`
	Listener   string    `json:"listener"`
	Protocol   string    `json:"protocol"`
	TLSVersion string    `json:"tls_version,omitempty"`
	Phase      string    `json:"phase,omitempty"`
	Upstream   string    `json:"upstream,omitempty"`
	Since      time.Time `json:"started_at"`
	BytesFrom  int64     `json:"bytes_from_device,omitempty"` // 0: not known
	BytesTo    int64     `json:"bytes_to_device,omitempty"`
}

// Upstream is what the bridge knows of an upstream from the sessions it carried there. Zero times stand for never.
type Upstream struct {
	Name        string    `json:"name"`
	Addresses   []string  `json:"addresses"` // "imap outlook.office365.com:993"
	Auth        string    `json:"auth"`
	LastServed  time.Time `json:"last_served,omitzero"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	LastReason  string    `json:"last_reason,omitempty"` // of LastFailure
	Served24h   int64     `json:"served_24h"`
	Failed24h   int64     `json:"failed_24h"`
}

// Recorder is an inventory.Recorder that knows what goes on. It is bounded by the listeners' limits and the number of
// upstreams. The zero value works, and is safe for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	sessions map[string]Session   // by id
	health   map[string]*upstream // by name
}

// upstream is what the sessions of one upstream tell.
type upstream struct {
	Upstream
	hours   [24]hour  // by hour of the day
	failing time.Time // when the first of the failures was since which nobody was served; zero where there is none
}

// hour counts one hour; one of an earlier day counts no more.
type hour struct {
	number         int64 // since 1970
	served, failed int64
}

// Admitted implements inventory.Recorder.
func (r *Recorder) Admitted(s *inventory.Session) {
	now, live := time.Now(), Session{
		ID: s.ID, Device: s.Device(), Source: inventory.PlainAddress(s.Source.IP).String(), Account: s.Account, Mailbox: s.Mailbox,
		Listener: s.Listener, Protocol: s.Protocol, TLSVersion: s.TLS.Version.String(), Phase: string(inventory.PhaseRelay),
		Upstream: s.Upstream, Since: s.StartedAt,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil {
		r.sessions = make(map[string]Session)
	}
	r.sessions[s.ID] = live
	if s.Upstream != "" {
		u, h := r.upstream(s.Upstream, now)
		u.LastServed, u.failing = now, time.Time{}
		h.served++
	}
}

// Ended implements inventory.Recorder.
func (r *Recorder) Ended(s *inventory.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, s.ID)
	if s.Upstream != "" && s.Outcome == inventory.OutcomeUpstreamFailed {
		u, h := r.upstream(s.Upstream, s.Time)
		if u.failing.IsZero() || s.Time.Sub(u.LastFailure) > forgotten {
			u.failing = s.Time
		}
		u.LastFailure, u.LastReason = s.Time, s.Reason
		h.failed++
	}
}

// When an upstream is down.
const (
	downAfter = 5 * time.Minute // its logins have failed for so long, from the first to the last
	forgotten = time.Hour       // after which a failure says nothing any more
)

// Down returns since when all logins to an upstream have failed, and why the last one did, where that is so for 5 minutes; ok is false
// where it is not, or where nobody tried for an hour. A wrong password is no failure of the upstream.
func (r *Recorder) Down(name string, now time.Time) (since time.Time, reason string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.health[name]
	if u == nil || u.failing.IsZero() || u.LastFailure.Sub(u.failing) < downAfter || now.Sub(u.LastFailure) > forgotten {
		return time.Time{}, "", false
	}
	return u.failing, u.LastReason, true
}

// TurnedAway implements inventory.Recorder.
func (*Recorder) TurnedAway(inventory.TurnedAway) {}

// upstream returns what is known of an upstream, and its count of the hour.
func (r *Recorder) upstream(name string, now time.Time) (*upstream, *hour) {
	if r.health == nil {
		r.health = make(map[string]*upstream)
	}
	u := r.health[name]
	if u == nil {
		u = &upstream{}
		r.health[name] = u
	}
	number := now.Unix() / 3600
	h := &u.hours[number%24]
	if h.number != number {
		*h = hour{number: number} // it has counted this hour of an earlier day
	}
	return u, h
}

// Sessions returns the sessions that go on, the oldest first.
func (r *Recorder) Sessions() []Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.sessions), func(a, b Session) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
}

// Upstream tells how an upstream fares, all but its addresses and how it is logged in to.
func (r *Recorder) Upstream(name string, now time.Time) Upstream {
	r.mu.Lock()
	defer r.mu.Unlock()
	var u upstream
	if known := r.health[name]; known != nil {
		u = *known
	}
	for _, h := range u.hours {
		if now.Unix()/3600-h.number < int64(len(u.hours)) {
			u.Served24h += h.served
			u.Failed24h += h.failed
		}
	}
	u.Name = name
	return u.Upstream
}
