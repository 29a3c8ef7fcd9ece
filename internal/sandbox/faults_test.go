package sandbox_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

const throttledBad = "BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds"

func TestFaults_Dialogs(t *testing.T) {
	for _, c := range []struct {
		name     string
		protocol sandbox.Protocol
		faults   sandbox.Faults
		script   string
	}{
		{"garbage greeting", sandbox.IMAP, sandbox.Faults{Greeting: "220 smtp"}, "< 220 smtp"},
		{"BYE as greeting", sandbox.IMAP, sandbox.Faults{Greeting: "* BYE too busy", GreetingThenClose: true}, "< * BYE too busy\n$"},
		{"greeting then close, IMAP", sandbox.IMAP, sandbox.Faults{GreetingThenClose: true}, classicGreeting + "$"},
		{"greeting then close, POP3", sandbox.POP3, sandbox.Faults{GreetingThenClose: true}, popGreeting + "$"},
		{"login refusal, IMAP", sandbox.IMAP, sandbox.Faults{LoginRefusal: "NO [UNAVAILABLE] later"}, classicGreeting +
			"> 1 LOGIN a b\n< 1 NO [UNAVAILABLE] later\n> 2 NOOP\n< 2 OK NOOP completed."},
		{"login refusal, untagged", sandbox.IMAP, sandbox.Faults{LoginRefusal: "* BYE later"}, classicGreeting +
			"> 1 LOGIN a b\n< * BYE later\n$"},
		{"login refusal, POP3", sandbox.POP3, sandbox.Faults{LoginRefusal: "-ERR [IN-USE] later"}, popGreeting +
			"> USER a\n< +OK\n> PASS b\n< -ERR [IN-USE] later\n> NOOP\n< +OK"},
		{"throttled and closed, IMAP", sandbox.IMAP, sandbox.Faults{Throttle: sandbox.ThrottleCloses}, classicGreeting +
			"> 1 LOGIN a b\n< 1 " + throttledBad + "\n< * BYE Connection closed. 14\n$"},
		{"throttled, IMAP", sandbox.IMAP, sandbox.Faults{Throttle: sandbox.ThrottleStays}, classicGreeting +
			"> 1 LOGIN a b\n< 1 NO Request is throttled. Suggested Backoff Time: 299609 milliseconds\n> 2 NOOP\n< 2 OK NOOP completed."},
		{"throttled and closed, POP3", sandbox.POP3, sandbox.Faults{Throttle: sandbox.ThrottleCloses}, popGreeting +
			"> USER a\n< +OK\n> PASS b\n< -ERR Request is throttled. Suggested Backoff Time: 89117 milliseconds\n$"},
		{"throttled, POP3", sandbox.POP3, sandbox.Faults{Throttle: sandbox.ThrottleStays}, popGreeting +
			"> USER a\n< +OK\n> PASS b\n< -ERR Request is throttled. Suggested Backoff Time: 299609 milliseconds\n> NOOP\n< +OK"},
		{"not connected, IMAP", sandbox.IMAP, sandbox.Faults{NotConnected: true}, classicGreeting + login +
			"> 2 STATUS INBOX (MESSAGES)\n< 2 BAD User is authenticated but not connected.\n> 3 LOGOUT\n" + signOff + "< 3 OK LOGOUT completed.\n$"},
		{"not connected, POP3", sandbox.POP3, sandbox.Faults{NotConnected: true}, popGreeting + "> USER scans@contoso.example\n< +OK\n" +
			"> PASS pass \"word\" \\1\n< -ERR Logon failure: unknown user name or bad password."},
		{"split replies, IMAP", sandbox.IMAP, sandbox.Faults{SplitReplies: true}, classicGreeting + login + "> 2 NOOP\n< 2 OK NOOP completed."},
		{"split replies, POP3", sandbox.POP3, sandbox.Faults{SplitReplies: true}, popGreeting + popLogin + "> STAT\n< +OK 1 62"},
		{"slow login, IMAP", sandbox.IMAP, sandbox.Faults{SlowLogin: 20 * time.Millisecond}, classicGreeting + login},
		{"slow login, POP3", sandbox.POP3, sandbox.Faults{SlowLogin: 20 * time.Millisecond}, popGreeting + popLogin},
		{"BYE in a RETR", sandbox.POP3, sandbox.Faults{ByeInLiteral: "-ERR gone"}, popGreeting + popLogin +
			"> RETR 1\n< +OK\n< From: a@fabrikam.example\n< Subje-ERR gone\n$"},
		{"BYE in a FETCH", sandbox.IMAP, sandbox.Faults{ByeInLiteral: "* BYE Session invalidated - AccessTokenExpired"}, classicGreeting + login +
			"> 2 EXAMINE INBOX\n< * 1 EXISTS\n< * 0 RECENT\n< * OK [UNSEEN 1] First unseen message\n< * OK [UIDVALIDITY 1] UIDs valid\n" +
			"< * OK [UIDNEXT 2] Predicted next UID\n" +
			"< * FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)\n" +
			"< * OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags\n" +
			"< 2 OK [READ-ONLY] EXAMINE completed.\n" +
			"> 3 FETCH 1 BODY.PEEK[]\n< * 1 FETCH (UID 1 BODY[] {62}\n< From: a@fabrikam.example\n" +
			"< Subje* BYE Session invalidated - AccessTokenExpired\n$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExchange(t)
			l := listen(t, e, sandbox.ListenOptions{Protocol: c.protocol})
			setFaults(t, l, c.faults)
			dialTLS(t, e, l).play(c.script)
		})
	}
}

func TestFaults_ThrottledAfterLogin(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	p := dialTLS(t, e, l)
	p.play(classicGreeting + login)
	setFaults(t, l, sandbox.Faults{Throttle: sandbox.ThrottleStays})
	p.play("> 2 NOOP\n< 2 NO Request is throttled. Suggested Backoff Time: 299609 milliseconds")
	setFaults(t, l, sandbox.Faults{Throttle: sandbox.ThrottleCloses})
	p.play("> 3 NOOP\n< 3 " + throttledBad + "\n< * BYE Connection closed. 14\n$")
	pop := listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3})
	q := dialTLS(t, e, pop)
	q.play(popGreeting + popLogin)
	setFaults(t, pop, sandbox.Faults{Throttle: sandbox.ThrottleStays})
	q.play("> STAT\n< -ERR Request is throttled. Suggested Backoff Time: 299609 milliseconds")
	setFaults(t, pop, sandbox.Faults{Throttle: sandbox.ThrottleCloses})
	q.play("> STAT\n< -ERR Request is throttled. Suggested Backoff Time: 89117 milliseconds\n$")
}

func TestFaults_DownAndUpAgain(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	where := l.Address()
	setFaults(t, l, sandbox.Faults{Down: true})
	setFaults(t, l, sandbox.Faults{Down: true})
	if _, err := net.Dial("tcp", where); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v while down, want a refused connection", err)
	}
	setFaults(t, l, sandbox.Faults{})
	if l.Address() != where {
		t.Errorf("came up at %s, was at %s", l.Address(), where)
	}
	dialTLS(t, e, l).play(classicGreeting)
}

func TestFaults_ResetInHandshake(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	setFaults(t, l, sandbox.Faults{ResetInHandshake: true})
	if _, err := tls.Dial("tcp", l.Address(), clientConfig(e)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestFaults_Silence(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	setFaults(t, l, sandbox.Faults{SilentAfterAccept: true})
	silent := dialPlain(t, l)
	silent.say("hello?")
	silent.expectSilence()
	setFaults(t, l, sandbox.Faults{SilentAfterGreeting: true})
	p := dialTLS(t, e, l)
	p.play(classicGreeting + "> a NOOP")
	p.expectSilence()
}

func (p *peer) expectSilence() {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var timeout net.Error
	if line, err := p.reader.ReadString('\n'); !errors.As(err, &timeout) || !timeout.Timeout() {
		p.t.Errorf("heard %q, %v, want silence", line, err)
	}
}

func TestFaults_InjectionBehindSTARTTLS(t *testing.T) {
	for protocol, want := range map[sandbox.Protocol]string{
		sandbox.IMAP: "a OK Begin TLS negotiation now.\r\n* CAPABILITY evil\r\n",
		sandbox.POP3: "+OK Begin TLS negotiation.\r\n* CAPABILITY evil\r\n",
	} {
		e := newExchange(t)
		l := listen(t, e, sandbox.ListenOptions{Protocol: protocol, STARTTLS: true})
		setFaults(t, l, sandbox.Faults{InjectAfterSTARTTLS: "* CAPABILITY evil\r\n"})
		p := dialPlain(t, l)
		p.hear()
		p.say(map[sandbox.Protocol]string{sandbox.IMAP: "a STARTTLS\r\n", sandbox.POP3: "STLS\r\n"}[protocol])
		got := make([]byte, len(want))
		if _, err := io.ReadFull(p.reader, got); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", protocol, got, err, want)
		}
	}
}

func TestListener_Bye(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	idle, early := dialTLS(t, e, l), dialTLS(t, e, l)
	idle.play(classicGreeting + login + "> 2 IDLE\n< + IDLE accepted, awaiting DONE command.")
	early.play(classicGreeting)
	l.Bye("* BYE Connection closed. 14")
	idle.play("< * BYE Connection closed. 14\n$")
	early.play("< * BYE Connection closed. 14\n$")
}

// A peer that reads nothing must not keep a last word, or the end, waiting.
func TestListener_ByeToOneThatDoesNotRead(t *testing.T) {
	sayByeToADeafOne(t)
}

// sayByeToADeafOne returns how long the last word and the end took.
func sayByeToADeafOne(t *testing.T) time.Duration {
	t.Helper()
	e := newExchange(t, sandbox.Account{Address: address, Password: password, Messages: [][]byte{bigMessage(32 << 20)}})
	l := listen(t, e, sandbox.ListenOptions{})
	p := dialTLS(t, e, l)
	p.play(classicGreeting + login)
	p.say("2 EXAMINE INBOX\r\n3 FETCH 1 BODY.PEEK[]\r\n")
	for !strings.HasPrefix(p.hear(), "* 1 FETCH") {
	}
	began := time.Now()
	l.Bye("* BYE Connection closed. 14")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestFaults_SwitchedWhileInUse(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{MaxSessions: 100})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				conn, err := tls.Dial("tcp", l.Address(), clientConfig(e))
				if err != nil {
					continue // it may be down right now
				}
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				io.WriteString(conn, "1 LOGIN "+address+" {14+}\r\n"+password+"\r\n2 LOGOUT\r\n")
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		})
	}
	for _, f := range []sandbox.Faults{{SplitReplies: true}, {Down: true}, {LoginRefusal: "NO x"}, {ResetInHandshake: true}, {}} {
		setFaults(t, l, f)
	}
	group.Wait()
	dialTLS(t, e, l).play(classicGreeting + login)
}
