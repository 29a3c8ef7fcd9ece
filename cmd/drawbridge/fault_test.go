package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// serverFault is one way in which a mail server can misbehave at a login.
type serverFault struct {
	name    string
	faults  sandbox.Faults
	reads   string            // the device; empty: the unavailable line
	outcome inventory.Outcome // empty: upstream_failed
	reason  string
}

// faultsOf are a protocol's; the lines are those of the server's own protocol.
func faultsOf(protocol sandbox.Protocol) []serverFault {
	both := []serverFault{
		{name: "down", faults: sandbox.Faults{Down: true}, reason: "the upstream %s refuses connections at 127.0.0.1:"},
		{name: "reset in the handshake", faults: sandbox.Faults{ResetInHandshake: true}, reason: "the upstream %s broke the TLS handshake off"},
		{name: "silent after accept", faults: sandbox.Faults{SilentAfterAccept: true}, reason: "upstreams.%s.dial_timeout: 1s"},
		{name: "silent after the greeting", faults: sandbox.Faults{SilentAfterGreeting: true}, reason: "login_timeout"},
		{name: "garbage instead of a greeting", faults: sandbox.Faults{Greeting: "220 smtp.contoso.example ESMTP"}, reason: "greet"},
		{name: "greets and closes", faults: sandbox.Faults{GreetingThenClose: true}, reason: "clos"},
		{name: "slow beyond login_timeout", faults: sandbox.Faults{SlowLogin: patience}, reason: "login_timeout"},
		{name: "throttled and closed", faults: sandbox.Faults{Throttle: sandbox.ThrottleCloses},
			reason: "not because of the password, see upstream_says"},
		{name: "throttled", faults: sandbox.Faults{Throttle: sandbox.ThrottleStays}, reason: "not because of the password, see upstream_says"},
	}
	if protocol == sandbox.POP3 {
		return append(both, []serverFault{
			{name: "greets with a refusal", faults: sandbox.Faults{Greeting: "-ERR too busy"}, reason: "greet"},
			{name: "temporary", faults: sandbox.Faults{LoginRefusal: "-ERR [SYS/TEMP] Server Unavailable. 21"}, reason: "see upstream_says"},
			{name: "in use", faults: sandbox.Faults{LoginRefusal: "-ERR [IN-USE] locked by another session"},
				reads: "-ERR [IN-USE] Too many sessions for this mailbox, please wait", reason: "session"},
			{name: "wrong password", faults: sandbox.Faults{LoginRefusal: "-ERR [AUTH] no"},
				reads: "-ERR [AUTH] Wrong name or password", outcome: inventory.OutcomeLoginFailed, reason: "the name or the password: check " +
					"both in the device"},
			{name: "basic authentication is off", faults: sandbox.Faults{LoginRefusal: "-ERR Basic authentication is disabled"},
				reason: "takes no passwords any more"},
		}...)
	}
	return append(both, []serverFault{
		{name: "greets with BYE", faults: sandbox.Faults{Greeting: "* BYE too busy", GreetingThenClose: true},
			reason: "greets with a refusal, see upstream_says"},
		{name: "BYE to the login", faults: sandbox.Faults{LoginRefusal: "* BYE going down"},
			reason: "ended the session before the login was done, see upstream_says"},
		{name: "temporary", faults: sandbox.Faults{LoginRefusal: "NO [UNAVAILABLE] Server Unavailable. 15"}, reason: "see upstream_says"},
		{name: "too many sessions", faults: sandbox.Faults{LoginRefusal: "NO [LIMIT] too many"},
			reads: "NO [LIMIT] Too many sessions for this mailbox, please wait", reason: "session"},
		{name: "wrong password", faults: sandbox.Faults{LoginRefusal: "NO [AUTHENTICATIONFAILED] no"},
			reads: "NO [AUTHENTICATIONFAILED] Wrong name or password", outcome: inventory.OutcomeLoginFailed, reason: "the name or the " +
				"password: check both in the device"},
		{name: "basic authentication is off", faults: sandbox.Faults{LoginRefusal: "NO Basic authentication is disabled"},
			reason: "takes no passwords any more"},
	}...)
}

// TestFaults_AreToldAsTheyAreAndForgotten has a mail server misbehave in each way, and then be well: the bridge goes on by itself.
func TestFaults_AreToldAsTheyAreAndForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	servers := map[string]*sandbox.Listener{}
	upstreams, rules := "upstreams:\n", "rules:\n"
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		for i := range faultsOf(protocol) {
			name := fmt.Sprintf("%s-%d", protocol, i)
			servers[name] = w.listen(sandbox.ListenOptions{Protocol: protocol})
			address := servers[name].Address() // of the other protocol too, which nobody asks for
			upstreams += w.upstream(name, address, address, "dial_timeout: 1s", "login_timeout: 1s")
			rules += fmt.Sprintf("  - {match: {account: \"%s@*\"}, upstream: %s}\n", name, name)
		}
	}
	w.start(w.configure(bridgeConfig, upstreams+rules))
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		for i, f := range faultsOf(protocol) {
			name := fmt.Sprintf("%s-%d", protocol, i)
			t.Run(string(protocol)+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				w.meetFault(t, protocol, f, name, servers[name])
			})
		}
	}
}

// meetFault visits the upstream name, whose server has the fault f, and visits it again once it is well.
func (w *world) meetFault(t *testing.T, protocol sandbox.Protocol, f serverFault, name string, server *sandbox.Listener) {
	t.Helper()
	account := name + "@contoso.example"
	w.mailbox(sandbox.Account{Address: account, Password: "right", Messages: [][]byte{messageOf(1)}})
	device := oldDevice(protocol, account, "right")
	device.Mail = messageOf(1)
	if f.reads == "" {
		f.reads = unavailable[protocol]
	}
	if f.outcome == "" {
		f.outcome = inventory.OutcomeUpstreamFailed
	}
	must(t, server.SetFaults(f.faults))
	result, record := w.visit(t, refusedAs(device, f.reads))
	if !result.OK() {
		t.Errorf("the device's visit ended as %q, it read %q (%v), want %q", result.Outcome, result.Refusal, result.Err, f.reads)
	}
	want := strings.ReplaceAll(f.reason, "%s", name)
	if record.Outcome != f.outcome || !strings.Contains(record.Reason, want) {
		t.Errorf("record: outcome %s, reason %q, want %s and %q", record.Outcome, record.Reason, f.outcome, want)
	}
	if f.outcome == inventory.OutcomeLoginFailed {
		return // a refused password is not asked again at once: see TestGuesses
	}
	must(t, server.SetFaults(sandbox.Faults{}))
	if f.faults.Throttle != sandbox.ThrottleOff {
		if _, record := w.visit(t, refusedAs(device, f.reads)); !strings.Contains(record.Reason,
			"throttles this mailbox and is not asked again until") {
			t.Errorf("after the mailbox was throttled: reason %q, want that it is left alone", record.Reason)
		}
		return
	}
	if result, record := w.visit(t, device); !result.OK() || record.Outcome != inventory.OutcomeBridged {
		t.Errorf("once the server was well the visit ended as %q (%s %v), outcome %s %q, want its mail", result.Outcome, result.Refusal,
			result.Err, record.Outcome, record.Reason)
	}
}

// listenersOf is bridgeConfig with a protocol's listeners alone.
func listenersOf(protocol sandbox.Protocol) string {
	var kept []string
	for line := range strings.Lines(bridgeConfig) {
		if !strings.Contains(line, "protocol:") || strings.Contains(line, "protocol: "+string(protocol)) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// TestFaults_RepliesInPiecesAreReadWhole has every byte of the mail server come in a record of its own.
func TestFaults_RepliesInPiecesAreReadWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(bridgeConfig, "upstreams:\n"+w.upstream("mail", imap.Address(), pop3.Address())))
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	must(t, imap.SetFaults(sandbox.Faults{SplitReplies: true}))
	must(t, pop3.SetFaults(sandbox.Faults{SplitReplies: true}))
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		device := oldDevice(protocol, "device@contoso.example", "right")
		device.Mail = messageOf(1)
		if result, _ := w.visit(t, device); !result.OK() {
			t.Errorf("%s: the visit ended as %q (%s %v), want its mail", protocol, result.Outcome, result.Refusal, result.Err)
		}
	}
}

// TestFaults_TheUpstreamsLastWordsAreOnRecord ends a running session with the line by which Exchange ends a session whose token ran out.
func TestFaults_TheUpstreamsLastWordsAreOnRecord(t *testing.T) {
	t.Parallel()
	const bye = "* BYE Session invalidated - AccessTokenExpired"
	w := newWorld(t)
	imap := w.listen(sandbox.ListenOptions{})
	w.start(w.configure(listenersOf(sandbox.IMAP), "upstreams:\n"+w.upstream("mail", imap.Address(), "")))
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right"})
	c := dial(t, w.address(sandbox.IMAP, false), deviceVersions[0].version)
	c.say("a LOGIN device@contoso.example right", "b SELECT INBOX", "c IDLE")
	c.hear("+ ")
	imap.Bye(bye)
	c.hear(bye)
	if rest, err := c.rest(); rest != "" || err != nil {
		t.Errorf("after the farewell came %q, %v, want a clean end", rest, err)
	}
	s := w.records.wait(t, "device@contoso.example", 1)
	if s.Outcome != inventory.OutcomeBridged || s.EndedBy != inventory.EndedByUpstream || s.UpstreamSays != bye {
		t.Errorf("record: outcome %s, ended by %s, upstream_says %q, want bridged, upstream and %q", s.Outcome, s.EndedBy, s.UpstreamSays, bye)
	}
	if s.Duration < time.Millisecond {
		t.Errorf("duration %v", s.Duration)
	}
}
