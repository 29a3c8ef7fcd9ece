package proxy_test

import (
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy"
)

// cutter wants the sessions of an account ended.
type cutter struct {
	proxy.Decider
	account, why string
}

// Cuts implements proxy.Reviewer.
func (c cutter) Cuts(_ time.Time, s *inventory.Session) (why string, cut bool) {
	return c.why, s.Account == c.account && s.Protocol == "pop3"
}

// TestReview_EndsASessionThatARuleCuts by the generation that holds now, with its sentence on record; others go on.
func TestReview_EndsASessionThatARuleCuts(t *testing.T) {
	const why = "the session was ended since rules[0] has cut_sessions"
	w := newWorld(t, nil)
	blocked := w.dial(0)
	blocked.logIn("right")
	blocked.hear("+OK Mailbox open.")
	w.server.CutAt(time.Now()) // this generation asks for nothing
	next := *w.server.Generation()
	next.Decider = cutter{next.Decider, "bert", why}
	w.server.Swap(&next)
	w.server.CutAt(time.Now())
	blocked.say("NOOP")
	blocked.hear("+OK")
	next.Decider = cutter{next.Decider, "anna", why}
	w.server.CutAt(time.Now())
	blocked.end()
	w.expect(inventory.OutcomeCut, inventory.PhaseRelay, inventory.EndedByBridge, why)
}
