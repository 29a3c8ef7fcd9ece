package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/config"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

// liveSessions is a Recorder that knows the sessions which were admitted and have not ended. It is bounded by the
// listeners' limits, and safe for concurrent use.
type liveSessions struct {
	mu   sync.Mutex
	byID map[string]web.LiveSession
}

// Admitted implements inventory.Recorder.
func (l *liveSessions) Admitted(s *inventory.Session) {
	live := web.LiveSession{
		ID: s.ID, Device: s.Device(), Source: inventory.PlainAddress(s.Source.IP).String(), Account: s.Account, Mailbox: s.Mailbox,
		Listener: s.Listener, Protocol: s.Protocol, TLSVersion: s.TLS.Version.String(), Phase: string(inventory.PhaseRelay),
		Upstream: s.Upstream, Since: s.StartedAt,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = make(map[string]web.LiveSession)
	}
	l.byID[s.ID] = live
}

// Ended implements inventory.Recorder.
func (l *liveSessions) Ended(s *inventory.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, s.ID)
}

// TurnedAway implements inventory.Recorder.
func (*liveSessions) TurnedAway(inventory.TurnedAway) {}

// list returns the sessions, the oldest first.
func (l *liveSessions) list() []web.LiveSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.byID), func(a, b web.LiveSession) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
}

// upstreamWatch is a Recorder that tells how the upstreams fare. It is safe for concurrent use.
type upstreamWatch struct {
	mu     sync.Mutex
	byName map[string]*upstreamHealth
}

// upstreamHealth is what the sessions of one upstream tell.
type upstreamHealth struct {
	lastServed, lastFailure time.Time
	lastReason              string
	hours                   [24]hourOfUpstream // by hour of the day
}

// hourOfUpstream counts one hour; one of an earlier day counts no more.
type hourOfUpstream struct {
	hour           int64 // since 1970
	served, failed int64
}

// Admitted implements inventory.Recorder.
func (w *upstreamWatch) Admitted(s *inventory.Session) {
	w.note(s.Upstream, time.Now(), func(u *upstreamHealth, h *hourOfUpstream, now time.Time) {
		u.lastServed = now
		h.served++
	})
}

// Ended implements inventory.Recorder.
func (w *upstreamWatch) Ended(s *inventory.Session) {
	if s.Outcome != inventory.OutcomeUpstreamFailed {
		return
	}
	w.note(s.Upstream, s.Time, func(u *upstreamHealth, h *hourOfUpstream, now time.Time) {
		u.lastFailure, u.lastReason = now, s.Reason
		h.failed++
	})
}

// TurnedAway implements inventory.Recorder.
func (*upstreamWatch) TurnedAway(inventory.TurnedAway) {}

func (w *upstreamWatch) note(name string, now time.Time, count func(*upstreamHealth, *hourOfUpstream, time.Time)) {
	if name == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byName == nil {
		w.byName = make(map[string]*upstreamHealth)
	}
	u := w.byName[name]
	if u == nil {
		u = &upstreamHealth{}
		w.byName[name] = u
	}
	hour := now.Unix() / 3600
	h := &u.hours[hour%24]
	if h.hour != hour {
		*h = hourOfUpstream{hour: hour}
	}
	count(u, h, now)
}

// list tells of every upstream of the configuration.
func (w *upstreamWatch) list(upstreams []config.Upstream, now time.Time) []web.UpstreamHealth {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []web.UpstreamHealth
	for _, u := range upstreams {
		h := web.UpstreamHealth{Name: u.Name, Auth: u.Auth}
		if u.OAuth2 != nil {
			h.Auth = "OAuth2, " + strings.ReplaceAll(string(u.OAuth2.Flow), "_", " ")
		}
		for _, a := range [][2]string{{"imap", u.IMAP}, {"pop3", u.POP3}} {
			if a[1] != "" {
				h.Addresses = append(h.Addresses, a[0]+" "+a[1])
			}
		}
		if known := w.byName[u.Name]; known != nil {
			h.LastServed, h.LastFailure, h.LastReason = known.lastServed, known.lastFailure, known.lastReason
			h.Served24h, h.Failed24h = known.lastDay(now)
		}
		all = append(all, h)
	}
	return all
}

func (u *upstreamHealth) lastDay(now time.Time) (served, failed int64) {
	for _, h := range u.hours {
		if now.Unix()/3600-h.hour < int64(len(u.hours)) {
			served += h.served
			failed += h.failed
		}
	}
	return served, failed
}
