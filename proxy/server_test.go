package proxy_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

func TestServer_BridgesATLS10DeviceAndLeavesItsRecord(t *testing.T) {
	w := newWorld(t, nil)
	d := w.dial(tls.VersionTLS10)
	d.logIn("canary")
	d.hear("+OK Mailbox open.")
	d.say("STAT")
	d.hear("+OK 1 100")
	d.say("QUIT")
	d.hear("+OK bye")
	d.end()
	s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%t|%s", s.Bridge, s.Run, s.Listener, s.Protocol, s.TLSMode, s.Account,
		s.AuthMechanism,
		s.TLS.Version, s.UpstreamTLS.Version, s.Upstream, s.UpstreamAuth, s.TLS.Completed, s.Readiness())
	if want := "bridge-1|run-1|pop3s|pop3|implicit|anna|USER|1.0|1.3|mail|USER|true|legacy"; got != want {
		t.Errorf("record:\n got %s\nwant %s", got, want)
	}
	if s.BytesFromDevice != int64(len("USER anna\r\nPASS canary\r\nSTAT\r\nQUIT\r\n")) || s.BytesToDevice == 0 {
		t.Errorf("bytes: got %d and %d", s.BytesFromDevice, s.BytesToDevice)
	}
	w.records.mu.Lock()
	defer w.records.mu.Unlock()
	if len(w.records.admitted) != 1 || w.records.admitted[0].Account != "anna" {
		t.Errorf("admitted: got %d records, want the one of anna", len(w.records.admitted))
	}
	if v := w.decider.told(); !slices.Equal(v, []login.Verdict{login.Accepted}) {
		t.Errorf("verdicts: got %v, want accepted", v)
	}
}

func TestServer_WrongPasswordThreeTimesEndsTheSession(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		if strings.HasPrefix(line, "PASS") {
			return "-ERR [AUTH] no: " + line
		}
		return ""
	})
	d := w.dial(0)
	d.logIn("canary-password")
	for range 2 {
		d.hear("-ERR [AUTH] Wrong name or password")
		d.say("USER anna")
		d.hear("+OK")
		d.say("PASS canary-password")
	}
	d.hear("-ERR [AUTH] Wrong name or password")
	d.hear("-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again")
	d.end()
	s := w.expect(inventory.OutcomeLoginFailed, inventory.PhaseAuthenticate, inventory.EndedByBridge, "refuses the name or the password")
	if strings.Contains(s.UpstreamSays, "canary") || !strings.Contains(s.UpstreamSays, "[AUTH] no") {
		t.Errorf("upstream_says: got %q, want the line without the password", s.UpstreamSays)
	}
	if s.Account != "" || s.ClaimedAccount != "anna" {
		t.Errorf("got account %q, claimed %q, want only the claimed one", s.Account, s.ClaimedAccount)
	}
	if v := w.decider.told(); !slices.Equal(v, []login.Verdict{login.Rejected, login.Rejected, login.Rejected}) {
		t.Errorf("verdicts: got %v, want three refused", v)
	}
}

func TestServer_ARefusalWithoutACodeIsDoubted(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		if strings.HasPrefix(line, "PASS") {
			return "-ERR no"
		}
		return ""
	})
	d := w.dial(0)
	d.logIn("wrong")
	d.hear("-ERR [AUTH] Wrong name or password")
	_ = d.Close()
	w.expect(inventory.OutcomeLoginFailed, inventory.PhaseAuthenticate, inventory.EndedByDevice, "refuses the name or the password")
	if v := w.decider.told(); !slices.Equal(v, []login.Verdict{login.Doubted}) {
		t.Errorf("verdicts: got %v, want one doubted", v)
	}
}

func TestServer_LoginAfterAFailedOneIsTold(t *testing.T) {
	w := newWorld(t, nil)
	first := true
	w.upstream.answerWith(func(line string) string {
		if strings.HasPrefix(line, "PASS") && first {
			first = false
			return "-ERR wrong"
		}
		return ""
	})
	d := w.dial(0)
	d.logIn("wrong")
	d.hear("-ERR [AUTH] Wrong name or password")
	d.say("USER anna")
	d.hear("+OK")
	d.say("PASS right")
	d.hear("+OK Mailbox open.")
	d.say("QUIT")
	d.hear("+OK bye")
	s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
	if !slices.Contains(s.Quirks, login.QuirkFailedLogin) {
		t.Errorf("quirks: got %v, want %s in them", s.Quirks, login.QuirkFailedLogin)
	}
}

func TestServer_UpstreamFaultsAreNeverAWrongPassword(t *testing.T) {
	for _, c := range []struct {
		name   string
		break_ func(*world)
		phase  inventory.Phase
		reason string
	}{
		{"down", func(w *world) { w.upstream.close() }, inventory.PhaseDial, "refuses connections"},
		{"closes at login", func(w *world) {
			w.upstream.answerWith(func(line string) string {
				if strings.HasPrefix(line, "PASS") {
					return "close"
				}
				return ""
			})
		}, inventory.PhaseAuthenticate, "did not answer PASS"},
		{"throttled", func(w *world) {
			w.upstream.answerWith(func(line string) string {
				if strings.HasPrefix(line, "PASS") {
					return "-ERR Request is throttled. Suggested Backoff Time: 89117 milliseconds"
				}
				return ""
			})
		}, inventory.PhaseAuthenticate, "not because of the password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.break_(w)
			d := w.dial(0)
			d.logIn("right")
			d.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
			_ = d.Close()
			w.expect(inventory.OutcomeUpstreamFailed, c.phase, inventory.EndedByDevice, c.reason)
		})
	}
}

func TestServer_TimeOutsAndBoundsBeforeLogin(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.LoginTimeout = 50 * time.Millisecond })
	d := w.dial(0)
	d.hear("+OK ready")
	d.hear("-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again")
	d.end()
	w.expect(inventory.OutcomeAbandoned, inventory.PhaseLogin, inventory.EndedByBridge, "limits.login_timeout: 50ms")

	w = newWorld(t, func(w *world) { w.listener.BadCommands = 2 })
	d = w.dial(0)
	d.hear("+OK ready")
	for range 2 {
		d.say("1234")
		d.hear("-ERR Command is not valid in this state.")
	}
	d.hear("-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again")
	s := w.expect(inventory.OutcomeProtocolError, inventory.PhaseLogin, inventory.EndedByBridge, "limits.bad_commands: 2")
	if strings.Contains(s.Reason, "1234") {
		t.Errorf("what a device out of step sends may be its password: %q", s.Reason)
	}
}

func TestServer_HeldBackRefusalIsToldAfterTheUpstreamHasAgreed(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.decider.then = &login.Refusal{Reason: login.Blocked, Text: "IT, ext. 4711", Err: errors.New("rules[0]: block")}
	})
	d := w.dial(0)
	d.logIn("right")
	d.hear("-ERR [SYS/PERM] This device may no longer read mail here. IT, ext. 4711")
	_ = d.Close()
	s := w.expect(inventory.OutcomeRefused, inventory.PhaseAdmit, inventory.EndedByDevice, "rules[0]: block")
	if s.Account != "anna" {
		t.Errorf("account: got %q, the password was right", s.Account)
	}
}

func TestServer_FaultOfOursIsTemporary(t *testing.T) {
	w := newWorld(t, func(w *world) { w.decider.refuse = errors.New("disk on fire") })
	d := w.dial(0)
	d.logIn("right")
	d.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
	_ = d.Close()
	w.expect(inventory.OutcomeUpstreamFailed, inventory.PhaseDecide, inventory.EndedByDevice, "disk on fire")
}

func TestServer_DrainLetsSessionsEndAndRefusesLogins(t *testing.T) {
	w := newWorld(t, nil)
	relayed := w.dial(0)
	relayed.logIn("right")
	relayed.hear("+OK Mailbox open.")
	waiting := w.dial(0)
	waiting.hear("+OK ready")
	w.drain()
	waiting.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
	waiting.end()
	w.expect(inventory.OutcomeCut, inventory.PhaseLogin, inventory.EndedByBridge, "stopped")
	if c, err := net.Dial("tcp", w.address); err == nil {
		_ = c.Close()
		t.Error("a new connection was taken while draining")
	}
	relayed.say("STAT")
	relayed.hear("+OK 1 100")
	w.cut()
	relayed.end()
	w.expect(inventory.OutcomeCut, inventory.PhaseRelay, inventory.EndedByBridge, "drain")
	select {
	case <-w.done:
	case <-time.After(patience):
		t.Error("Serve did not return")
	}
}

func TestServer_RefusalIsHeldBackUntilItMayBeTold(t *testing.T) {
	const after = 150 * time.Millisecond
	w := newWorld(t, func(w *world) { w.decider.notBefore = after })
	w.upstream.answerWith(func(line string) string {
		if strings.HasPrefix(line, "PASS") {
			return "-ERR wrong"
		}
		return ""
	})
	d := w.dial(0)
	began := time.Now()
	d.logIn("wrong")
	d.hear("-ERR [AUTH] Wrong name or password")
	if took := time.Since(began); took < after {
		t.Errorf("the refusal came after %s", took)
	}
}

func TestServer_FaultInASessionIsOnRecordAndEndsNoOther(t *testing.T) {
	w := newWorld(t, func(w *world) { w.decider.panics = true })
	d := w.dial(0)
	d.logIn("right")
	_, _ = io.ReadAll(d.r)
	w.expect(inventory.OutcomeUpstreamFailed, inventory.PhaseDecide, inventory.EndedByBridge, "a fault in Drawbridge")
	again := w.dial(0)
	again.hear("+OK ready")
}

func TestServer_IdleTimeOutEndsWithCloseNotify(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.IdleTimeout = 100 * time.Millisecond })
	d := w.dial(0)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	d.end()
	w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByBridge, "limits.idle_timeout")
}

func TestServer_LastWordsOfTheUpstreamAreOnRecord(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		if line == "STAT" {
			return "+OK bye now\r\n-ERR Connection is closed. 13"
		}
		return ""
	})
	d := w.dial(0)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	d.say("STAT")
	if _, err := io.ReadAll(d.r); err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	if s := w.record(); s.UpstreamSays != "-ERR Connection is closed. 13" || s.EndedBy != inventory.EndedByUpstream || s.Reason == "" {
		t.Errorf("got %q by %s: %q", s.UpstreamSays, s.EndedBy, s.Reason)
	}
}

func TestServer_TokenThatOpensNoMailboxIsNoVerifiedLogin(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		switch {
		case line == "CAPA":
			return "+OK\r\nSASL XOAUTH2\r\n."
		case line == "AUTH XOAUTH2":
			return "+ "
		case line == "STAT":
			return "-ERR Command is not valid in this state."
		}
		return ""
	})
	d := w.dial(0)
	d.hear("+OK ready")
	d.say("AUTH XOAUTH2 " + base64.StdEncoding.EncodeToString([]byte("user=victim@contoso.com\x01auth=Bearer mine\x01\x01")))
	d.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
	_ = d.Close()
	s := w.expect(inventory.OutcomeUpstreamFailed, inventory.PhaseAdmit, inventory.EndedByDevice, "did not open the mailbox")
	if v := w.decider.told(); !slices.Equal(v, []login.Verdict{login.NoAnswer}) || s.Account != "" {
		t.Errorf("verdicts %v, account %q: an OK without proof says nothing", v, s.Account)
	}
}

func TestServer_EarlierLoginLeavesNothingOnRecord(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		if strings.HasPrefix(line, "PASS first-secret") {
			return "-ERR [AUTH] bad password: " + line
		}
		return ""
	})
	d := w.dial(0)
	d.logIn("first-secret")
	d.hear("-ERR [AUTH] Wrong name or password")
	d.say("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("boss\x00anna\x00second")))
	d.hear("-ERR [AUTH] Wrong name or password")
	_ = d.Close()
	s := w.expect(inventory.OutcomeLoginFailed, inventory.PhaseAuthenticate, inventory.EndedByDevice, "act for another name")
	if s.UpstreamSays != "" || s.UpstreamAuth != "" || s.UpstreamAddress != "" || s.AuthMechanism != "PLAIN" {
		t.Errorf("of the earlier login: %q %q %q; mechanism %q", s.UpstreamSays, s.UpstreamAuth, s.UpstreamAddress, s.AuthMechanism)
	}

	d = w.dial(0)
	d.logIn("first-secret")
	d.hear("-ERR [AUTH] Wrong name or password")
	d.say("USER anna", "PASS right")
	d.hear("+OK")
	d.hear("+OK Mailbox open.")
	_ = d.Close()
	if s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, ""); s.UpstreamSays != "" {
		t.Errorf("upstream_says: got %q of the login that failed", s.UpstreamSays)
	}
}

func TestServer_CutIsNeverLost(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.LoginTimeout = time.Hour })
	inDecide := make(chan struct{})
	w.decider.wait = func(ctx context.Context) { close(inDecide); <-ctx.Done() }
	d := w.dial(0)
	d.logIn("right")
	<-inDecide
	w.cut()
	w.drain()
	d.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
	d.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
	select {
	case <-w.done:
	case <-time.After(patience):
		t.Fatal("Serve did not return")
	}
	w.expect(inventory.OutcomeCut, inventory.PhaseDial, inventory.EndedByBridge, "stopped")
}
