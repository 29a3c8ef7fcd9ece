package main

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// exchangeCase is one way in which Exchange takes no login though the token is there.
type exchangeCase struct {
	spoil  func(w *modernWorld)
	mend   func(w *modernWorld)
	phase  map[sandbox.Protocol]inventory.Phase // of the protocols that fail
	reason string
	says   string // part of upstream_says
	reads  map[sandbox.Protocol]string
}

var (
	atAuthenticate = map[sandbox.Protocol]inventory.Phase{sandbox.IMAP: inventory.PhaseAuthenticate, sandbox.POP3: inventory.PhaseAuthenticate}
	onlyIMAP       = map[sandbox.Protocol]inventory.Phase{sandbox.IMAP: inventory.PhaseAuthenticate}
	onlyPOP3       = map[sandbox.Protocol]inventory.Phase{sandbox.POP3: inventory.PhaseAuthenticate}
)

var exchangeCases = map[string]exchangeCase{
	"no FullAccess": {
		spoil: func(w *modernWorld) { w.exchange.RemoveMailboxPermission(scannerMailbox, objectOf()) },
		mend: func(w *modernWorld) {
			w.exchange.AddMailboxPermission(scannerMailbox, objectOf(), time.Time{})
		},
		phase:  map[sandbox.Protocol]inventory.Phase{sandbox.IMAP: inventory.PhaseAdmit, sandbox.POP3: inventory.PhaseAuthenticate},
		reason: "full access",
	},
	"service principal not registered": {
		spoil:  func(w *modernWorld) { w.exchange.RemoveServicePrincipal(clientOf()) },
		mend:   func(w *modernWorld) { w.exchange.NewServicePrincipal(clientOf(), objectOf()) },
		phase:  atAuthenticate,
		reason: "New-ServicePrincipal",
	},
	"service principal with the application's object id": {
		spoil:  func(w *modernWorld) { w.exchange.NewServicePrincipal(clientOf(), clientOf()) },
		mend:   func(w *modernWorld) { w.exchange.NewServicePrincipal(clientOf(), objectOf()) },
		phase:  atAuthenticate,
		reason: "with the enterprise application's object id",
	},
	"POP disabled": {
		spoil:  func(w *modernWorld) { w.exchange.Mailbox(scannerMailbox).SetEnabled(sandbox.POP3, false) },
		mend:   func(w *modernWorld) { w.exchange.Mailbox(scannerMailbox).SetEnabled(sandbox.POP3, true) },
		phase:  onlyPOP3,
		reason: "refuses the bridge's token for " + scannerMailbox,
	},
	"IMAP disabled": {
		spoil:  func(w *modernWorld) { w.exchange.Mailbox(scannerMailbox).SetEnabled(sandbox.IMAP, false) },
		mend:   func(w *modernWorld) { w.exchange.Mailbox(scannerMailbox).SetEnabled(sandbox.IMAP, true) },
		phase:  onlyIMAP,
		reason: "refuses the bridge's token for " + scannerMailbox,
	},
	"down": {
		spoil: func(w *modernWorld) { w.exchangeFaults(sandbox.Faults{Down: true}) },
		mend:  func(w *modernWorld) { w.exchangeFaults(sandbox.Faults{}) },
		phase: map[sandbox.Protocol]inventory.Phase{sandbox.IMAP: inventory.PhaseDial, sandbox.POP3: inventory.PhaseDial},
	},
	"unavailable": {
		spoil: func(w *modernWorld) {
			must(w.t, w.imap.SetFaults(sandbox.Faults{LoginRefusal: "NO Server Unavailable. 15"}))
			must(w.t, w.pop3.SetFaults(sandbox.Faults{LoginRefusal: "-ERR Server Unavailable. 15"}))
		},
		mend:  func(w *modernWorld) { w.exchangeFaults(sandbox.Faults{}) },
		phase: atAuthenticate, says: "Server Unavailable",
	},
	"too many connections": {
		spoil: func(w *modernWorld) {
			must(w.t, w.imap.SetFaults(sandbox.Faults{LoginRefusal: "NO [INUSE] Maximum number of connections"}))
			must(w.t, w.pop3.SetFaults(sandbox.Faults{LoginRefusal: "-ERR [IN-USE] Maximum number of connections"}))
		},
		mend:  func(w *modernWorld) { w.exchangeFaults(sandbox.Faults{}) },
		phase: atAuthenticate, says: "Maximum number",
		reads: map[sandbox.Protocol]string{sandbox.IMAP: "NO [LIMIT] Too many sessions for this mailbox, please wait",
			sandbox.POP3: "-ERR [IN-USE] Too many sessions for this mailbox, please wait"},
	},
}

func clientOf() string { return sandbox.ModernTenant().Applications[0].ID }
func objectOf() string { return sandbox.ModernTenant().Applications[0].ObjectID }

// exchangeFaults sets those of both listeners of Exchange.
func (w *modernWorld) exchangeFaults(f sandbox.Faults) {
	w.t.Helper()
	must(w.t, errors.Join(w.imap.SetFaults(f), w.pop3.SetFaults(f)))
}

// TestModern_ExchangeFails sees for each fault what the device reads, what is on record, and that all is well again when Exchange is,
// without a restart and without a fresh token.
func TestModern_ExchangeFails(t *testing.T) {
	for name, c := range exchangeCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newModernWorld(t, modernOptions{})
			c.spoil(w)
			for _, protocol := range bothProtocols {
				c.wantFailure(t, w, protocol)
			}
			c.mend(w)
			for _, protocol := range bothProtocols {
				w.wantMail(t, scanner(protocol))
			}
			if n := w.entra.Log().Tokens(); n > 2 {
				t.Errorf("%d requests for a token, want 2 at most: it was not the token", n)
			}
		})
	}
}

func (c exchangeCase) wantFailure(t *testing.T, w *modernWorld, protocol sandbox.Protocol) {
	t.Helper()
	phase, fails := c.phase[protocol]
	got := w.try(t, scanner(protocol))
	if !fails {
		got.want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
		return
	}
	reads := unavailable[protocol]
	if told, ok := c.reads[protocol]; ok {
		reads = told
	}
	got.want(t, reads, inventory.OutcomeUpstreamFailed, phase, c.reason)
	if got.record.Reason == "" || !strings.Contains(got.record.UpstreamSays, c.says) {
		t.Errorf("record: reason %q, upstream_says %q, want a reason, and %q said", got.record.Reason, got.record.UpstreamSays, c.says)
	}
	if got.took > 5*time.Second {
		t.Errorf("the device waited %v for its answer", got.took)
	}
}

// TestModern_ExchangeThrottles reads of both forms of throttling. Another mailbox is served as soon as Exchange serves it.
func TestModern_ExchangeThrottles(t *testing.T) {
	for _, throttle := range []sandbox.Throttle{sandbox.ThrottleStays, sandbox.ThrottleCloses} {
		for _, protocol := range bothProtocols {
			t.Run(string(throttle)+" "+string(protocol), func(t *testing.T) {
				t.Parallel()
				const other = "other@contoso.example"
				w := newModernWorld(t, modernOptions{accounts: modernAccount(t, scannerLogin, scannerMailbox, scannerCode, "") +
					modernAccount(t, "other", other, "4711", "")})
				w.openMailbox(other)
				w.exchangeFaults(sandbox.Faults{Throttle: throttle})
				got := w.try(t, scanner(protocol))
				got.want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate, "")
				if r := got.record; r.Reason == "" || !strings.Contains(r.UpstreamSays, "Request is throttled. Suggested Backoff Time:") {
					t.Errorf("record: reason %q, upstream_says %q, want what Exchange said of throttling", r.Reason, r.UpstreamSays)
				}
				w.exchangeFaults(sandbox.Faults{})
				w.wantMail(t, knock{protocol: protocol, name: "other", password: "4711"})
				dials := w.exchange.Log().Count(sandbox.Accepted)
				w.try(t, scanner(protocol)).want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseDial,
					"throttles this mailbox and is not asked again until")
				if again := w.exchange.Log().Count(sandbox.Accepted) - dials; again != 0 {
					t.Errorf("%d connections for a mailbox that Exchange wants to be left alone, want none", again)
				}
				if n := w.entra.Log().Tokens(); n != 1 {
					t.Errorf("%d requests for a token, want 1: it was not the token", n)
				}
			})
		}
	}
}

// TestModern_TokenEndsInIdle lets a session's token end while it waits for mail.
func TestModern_TokenEndsInIdle(t *testing.T) {
	t.Parallel()
	const bye = "* BYE Session invalidated - AccessTokenExpired"
	var ahead atomic.Int64 // nanoseconds, so that nobody need wait for the token's end
	w := newModernWorld(t, modernOptions{now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	must(t, w.entra.SetFaults(sandbox.EntraFaults{TokenLife: time.Minute}))
	w.wantMail(t, scanner(sandbox.POP3))
	ahead.Store(int64(time.Minute - 4*time.Second))
	c, reads, _ := w.login(t, scanner(sandbox.IMAP))
	if !strings.HasPrefix(reads, "OK") {
		t.Fatalf("the device read %q, want OK", reads)
	}
	c.say("b SELECT INBOX")
	c.hear("b OK")
	c.say("c IDLE")
	c.hear("+")
	ended, err := c.rest()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasSuffix(ended, bye+"\r\n") {
		t.Errorf("the device read %q at the end of its token, error %v, want %q", ended, err, bye)
	}
	r := w.records.wait(t, scannerLogin, 2)
	if r.Outcome != inventory.OutcomeBridged || r.EndedBy != inventory.EndedByUpstream || r.UpstreamSays != bye || r.TokenLeft <= 0 ||
		r.TokenLeft > time.Minute {
		t.Errorf("record: outcome %s, ended by %s, upstream_says %q, token left %v", r.Outcome, r.EndedBy, r.UpstreamSays, r.TokenLeft)
	}
	w.wantMail(t, scanner(sandbox.IMAP))
}
