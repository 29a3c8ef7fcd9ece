package main

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// The lines that devices read of a wrong password, and of too many.
var (
	wrongPassword = map[sandbox.Protocol]string{sandbox.IMAP: "NO [AUTHENTICATIONFAILED] Wrong name or password",
		sandbox.POP3: "-ERR [AUTH] Wrong name or password"}
	tooManyFailures = map[sandbox.Protocol]string{sandbox.IMAP: "NO [LIMIT] Too many failed logins, please wait",
		sandbox.POP3: "-ERR [LOGIN-DELAY] Too many failed logins, please wait"}
)

// guessWorld is a bridge with the mailbox scanner@contoso.example.
func guessWorld(t *testing.T, guesses string) *world {
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "scanner@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(bridgeConfig, "upstreams:\n"+w.upstream("mail", imap.Address(), pop3.Address(), "guesses: "+guesses)))
	return w
}

// guess tries a password from a source of its own, so that it waits for no other, and wants the device to read reads.
func (w *world) guess(source string, protocol sandbox.Protocol, password, reads string) *inventory.Session {
	w.t.Helper()
	before := w.records.count("scanner@contoso.example")
	c := dialFrom(w.t, source, w.address(protocol, false), tls.VersionTLS10)
	answer := "a "
	c.line() // the greeting
	if protocol == sandbox.IMAP {
		c.say("a LOGIN scanner@contoso.example " + password)
	} else {
		answer = ""
		c.say("USER scanner@contoso.example")
		c.line()
		c.say("PASS " + password)
	}
	if got := strings.TrimPrefix(c.hear(answer), answer); !strings.HasPrefix(got, reads) {
		w.t.Errorf("password %q over %s from %s: the device read %q, want %q", password, protocol, source, got, reads)
	}
	must(w.t, c.Close())
	return w.records.wait(w.t, "scanner@contoso.example", before+1)
}

// asked is how often each password went up.
func (w *world) asked() map[string]int {
	n := map[string]int{}
	for _, l := range w.exchange.Log().Logins() {
		n[l.Password]++
	}
	return n
}

// TestGuesses_WrongPasswordsDoNotReachTheUpstream tries many passwords from many sources that never logged in, over both protocols.
func TestGuesses_WrongPasswordsDoNotReachTheUpstream(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.guess("127.0.1.1", sandbox.IMAP, "wrong-0", wrongPassword[sandbox.IMAP])
	w.guess("127.0.1.2", sandbox.POP3, "wrong-0", wrongPassword[sandbox.POP3]) // remembered, whatever source and protocol
	w.guess("127.0.1.3", sandbox.POP3, "wrong-1", wrongPassword[sandbox.POP3])
	for i := 2; i < 6; i++ {
		protocol := []sandbox.Protocol{sandbox.IMAP, sandbox.POP3}[i%2]
		s := w.guess(fmt.Sprintf("127.0.2.%d", i), protocol, fmt.Sprintf("wrong-%d", i), tooManyFailures[protocol])
		if s.Outcome != inventory.OutcomeRefused || !strings.Contains(s.Reason, "upstreams.mail.guesses: 2 in 30m") {
			t.Errorf("record: outcome %s, reason %q, want refused and the key of the limit", s.Outcome, s.Reason)
		}
	}
	w.guess("127.0.1.4", sandbox.IMAP, "right", tooManyFailures[sandbox.IMAP]) // "even if it would be right"
	got := w.asked()
	if len(got) != 2 || got["wrong-0"] != 1 || got["wrong-1"] != 1 {
		t.Errorf("the upstream was asked %v, want wrong-0 and wrong-1 once each", got)
	}
}

// TestGuesses_AVerifiedSourceIsServedOn sees that a device that logged in before goes on doing so while strangers guess at its
// account, and that half of the guesses is kept for such sources.
func TestGuesses_AVerifiedSourceIsServedOn(t *testing.T) {
	t.Parallel()
	const home = "127.0.0.1"
	ok := map[sandbox.Protocol]string{sandbox.IMAP: "OK", sandbox.POP3: "+OK"}
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.guess(home, sandbox.POP3, "right", ok[sandbox.POP3])
	w.guess("127.0.1.1", sandbox.POP3, "wrong-0", wrongPassword[sandbox.POP3])
	w.guess("127.0.1.2", sandbox.POP3, "wrong-1", tooManyFailures[sandbox.POP3])
	w.guess(home, sandbox.IMAP, "right", ok[sandbox.IMAP])
	w.guess(home, sandbox.POP3, "wrong-2", wrongPassword[sandbox.POP3])
	w.guess(home, sandbox.IMAP, "right", ok[sandbox.IMAP])
	w.guess("127.0.1.3", sandbox.POP3, "right", ok[sandbox.POP3]) // a known password is no guess, wherever it comes from
	got := w.asked()
	if got["wrong-0"] != 1 || got["wrong-1"] != 0 || got["wrong-2"] != 1 || got["right"] != 4 {
		t.Errorf("the upstream was asked %v, want wrong-0 and wrong-2 once, wrong-1 never and right 4 times", got)
	}
}

// TestGuesses_VerifiedSourcesOutliveARestart has a stranger guess at an account that another source logged in to before the restart:
// of one guess, half, rounded up, is kept for that source, and so the stranger has none.
func TestGuesses_VerifiedSourcesOutliveARestart(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 1, per: 30m}")
	w.guess("127.0.0.1", sandbox.POP3, "right", "+OK")
	w.end()
	files, err := readTree(w.dataDir())
	must(t, err)
	if kept := string(files[verifiedFile]); !strings.Contains(kept, `"account":"scanner"`) || !strings.Contains(kept, "127.0.0.1") {
		t.Errorf("%s holds %q, want source and account", verifiedFile, kept)
	}
	w.start(w.bridge.cfg())
	w.guess("127.0.1.1", sandbox.POP3, "wrong-0", tooManyFailures[sandbox.POP3])
	w.guess("127.0.0.1", sandbox.POP3, "wrong-1", wrongPassword[sandbox.POP3])
	if got := w.asked(); got["wrong-0"] != 0 || got["wrong-1"] != 1 {
		t.Errorf("the upstream was asked %v, want wrong-1 of the verified source alone", got)
	}
}
