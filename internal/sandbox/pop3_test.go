package sandbox_test

import (
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

const (
	popGreeting      = "< +OK The Microsoft Exchange POP3 service is ready. [<b64>]\n"
	popProxyGreeting = "< +OK Microsoft Exchange POP3 server ready (tcpproxy/15.20.9137.005). [<b64>]\n"
	popLogin         = "> USER scans@contoso.example\n< +OK\n> PASS pass \"word\" \\1\n< +OK User successfully logged on.\n"
	popSignOff       = "< +OK Microsoft Exchange Server POP3 server signing off.\n$"
)

func TestPOP3_Dialogs(t *testing.T) {
	for _, c := range []struct {
		name        string
		personality sandbox.Personality
		script      string
	}{
		{"classic before login", sandbox.Classic, popGreeting +
			"> capa\n< +OK\n< TOP\n< UIDL\n< SASL PLAIN XOAUTH2\n< USER\n< .\n> NOOP\n< +OK\n> STAT\n< -ERR Command is not valid in this state.\n" +
			"> GARBAGE\n< -ERR Protocol error. 19\n> PASS x\n< -ERR Command is not valid in this state.\n> USER\n" +
			"< -ERR Command is not valid in this state.\n" +
			"> STLS\n< -ERR Command is not valid in this state.\n> AUTH\n< -ERR Protocol error. 19\n> QUIT\n" + popSignOff},
		{"classic, wrong password and then the right one", sandbox.Classic, popGreeting +
			"> USER scans@contoso.example\n< +OK\n> PASS wrong\n< -ERR Logon failure: unknown user name or bad password.\n" + popLogin +
			"> QUIT\n" + popSignOff},
		{"classic, PLAIN", sandbox.Classic, popGreeting +
			"> AUTH PLAIN " + plain(address, "x") + "\n< -ERR Logon failure: unknown user name or bad password.\n> AUTH PLAIN\n< + \n> ?\n" +
			"< -ERR Protocol error. 19\n" +
			"> auth plain\n< + \n> " + plain(address, password) + "\n< +OK User successfully logged on."},
		{"classic, PLAIN with initial response", sandbox.Classic, popGreeting + "> AUTH PLAIN " + plain(address, password) +
			"\n< +OK User successfully logged on."},
		{"classic, XOAUTH2", sandbox.Classic, popGreeting +
			"> AUTH XOAUTH2\n< + \n> " + xoauth2(address, "stale") + "\n< -ERR Authentication failure: unknown user name or bad password.\n" +
			"> AUTH XOAUTH2\n< + \n> " + xoauth2(address, "no-access") + "\n< -ERR Authentication failure: unknown user name or bad password.\n" +
			"> AUTH XOAUTH2\n< + \n> " + xoauth2(address, strings.Repeat("T", 16<<10)) + "\n< +OK User successfully authenticated."},
		{"XOAUTH2 in one line", sandbox.Classic, popGreeting + "> AUTH XOAUTH2 " + xoauth2(address, token) +
			"\n< -ERR Protocol error. Connection is closed. 10\n$"},
		{"a command of more than 512 bytes", sandbox.Classic, popGreeting + "> USER " + strings.Repeat("x", 512) +
			"\n< -ERR Protocol error. Connection is closed. 10\n$"},
		{"tcpproxy", sandbox.TCPProxy, popProxyGreeting +
			"> CAPA\n< +OK\n< TOP\n< UIDL\n< SASL XOAUTH2\n< .\n> USER scans@contoso.example\n< +OK\n> PASS x\n" +
			"< -ERR Logon failure: unknown user name or bad password.\n" +
			"> AUTH PLAIN\n< -ERR Protocol error. 19\n> AUTH XOAUTH2\n< + \n> " + xoauth2(address, token) +
			"\n< +OK User successfully authenticated."},
		{"tcpproxy, a token of more than 4096 bytes", sandbox.TCPProxy, popProxyGreeting +
			"> AUTH XOAUTH2\n< + \n> " + xoauth2(address, strings.Repeat("T", 16<<10)) + "\n< -ERR Protocol error. Connection is closed. 10\n$"},
		{"ten errors", sandbox.Classic, popGreeting + strings.Repeat("> X\n< -ERR Protocol error. 19\n", 9) +
			"> X\n< -ERR Protocol error. Connection is closed. 10\n$"},
		{"ten errors after login", sandbox.Classic, popGreeting + popLogin + strings.Repeat("> X\n< -ERR Protocol error. 19\n", 10) + "$"},
		{"after login", sandbox.Classic, popGreeting + popLogin +
			"> STAT\n< +OK 1 62\n> LIST\n< +OK\n< 1 62\n< .\n> LIST 1\n< +OK 1 62\n> UIDL\n< +OK\n< 1 00000001\n< .\n> UIDL 1\n< +OK 1 00000001\n" +
			"> RETR 1\n< +OK\n< From: a@fabrikam.example\n< Subject: one\n< \n< Hello\n< ..\n< ...\n< Last\n< .\n" +
			"> TOP 1 0\n< +OK\n< From: a@fabrikam.example\n< Subject: one\n< \n< .\n> TOP 1 2\n< +OK\n< From: a@fabrikam.example\n< Subject: one\n" +
			"< \n< Hello\n< ..\n< .\n" +
			"> TOP 1\n< -ERR Protocol error. 19\n> RETR 2\n< -ERR The specified message is out of range.\n> USER x\n" +
			"< -ERR Command is not valid in this state.\n" +
			"> DELE 1\n< +OK\n> STAT\n< +OK 0 0\n> RETR 1\n< -ERR The specified message is out of range.\n> RSET\n< +OK\n> STAT\n< +OK 1 62\n" +
			"> NOOP\n< +OK\n" +
			"> CAPA\n< +OK\n< TOP\n< UIDL\n< SASL PLAIN XOAUTH2\n< USER\n< .\n> QUIT\n" + popSignOff},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExchange(t)
			dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3, Personality: c.personality})).play(c.script)
		})
	}
}

func TestPOP3_STLS(t *testing.T) {
	e := newExchange(t)
	p := dialPlain(t, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3, STARTTLS: true}))
	p.play(popGreeting + "> CAPA\n< +OK\n< TOP\n< UIDL\n< STLS\n< .\n> USER x\n< -ERR Command is not valid in this state.\n> AUTH PLAIN\n" +
		"< -ERR Command is not valid in this state.\n> STLS\n< +OK Begin TLS negotiation.")
	p.upgrade(e)
	p.play(popLogin + "> QUIT\n" + popSignOff)
}

func TestPOP3_DeletionsHappenAtQuit(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3})
	mailbox := e.Mailbox(address)
	gone := dialTLS(t, e, l)
	gone.play(popGreeting + popLogin + "> DELE 1\n< +OK")
	gone.conn.Close()
	if err := e.Log().WaitCount(testContext(t), sandbox.Closed, 1); err != nil {
		t.Fatal(err)
	}
	if n, err := mailbox.Count(); n != 1 || err != nil {
		t.Errorf("got %d messages, %v, after a session without QUIT, want 1", n, err)
	}
	dialTLS(t, e, l).play(popGreeting + popLogin + "> DELE 1\n< +OK\n> QUIT\n" + popSignOff)
	if n, err := mailbox.Count(); n != 0 || err != nil {
		t.Errorf("got %d messages, %v, after QUIT, want none", n, err)
	}
	dialTLS(t, e, l).play(popGreeting + popLogin + "> STAT\n< +OK 0 0\n> LIST\n< +OK\n< .")
}

// Both protocols have the same inbox: what IMAP appends, POP3 retrieves.
func TestPOP3_SharesTheInboxWithIMAP(t *testing.T) {
	e := newExchange(t)
	imap := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{}))
	imap.play(classicGreeting + login + "> 2 APPEND Inbox {18+}\n> Subject: x\n> \n> body\n< 2 OK [APPENDUID 1 2] APPEND completed.")
	pop := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3}))
	pop.play(popGreeting + popLogin + "> RETR 2\n< +OK\n< Subject: x\n< \n< body\n< .\n> QUIT\n" + popSignOff)
}

func TestPOP3_RetrievesByteForByte(t *testing.T) {
	big := bigMessage(8 << 20)
	for name, mail := range map[string]string{
		"dots":           "Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\r\n.\r\n",
		"bare LF":        "Subject: x\r\n\r\n.a\n.b\nc\r\n",
		"8 bit and long": "Subject: x\r\n\r\n\xff\xfe" + strings.Repeat("y", 10500) + "\r\n",
		"no line at all": "Subject: x\r\n\r\n",
		"large":          string(big) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := newExchange(t, sandbox.Account{Address: address, Password: password, Messages: [][]byte{[]byte(mail)}})
			p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3}))
			p.play(popGreeting + popLogin + "> RETR 1\n< +OK")
			var got strings.Builder
			for {
				line, err := p.reader.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if line == ".\r\n" {
					break
				}
				got.WriteString(strings.TrimPrefix(line, "."))
			}
			if got.String() != mail {
				t.Errorf("got %.80q, want %.80q", got.String(), mail)
			}
		})
	}
}

func TestPOP3_EndsAnUnfinishedLastLine(t *testing.T) {
	for _, end := range []string{"", "\r"} {
		mail := "Subject: x\r\n\r\nlast" + end
		e := newExchange(t, sandbox.Account{Address: address, Password: password, Messages: [][]byte{[]byte(mail)}})
		p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3}))
		p.play(popGreeting + popLogin + "> RETR 1\n< +OK\n< Subject: x\n< \n< last\n< .")
	}
}

func TestPOP3_TextprotoClient(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3}))
	p.play(popGreeting + popLogin)
	conn := textproto.NewConn(p.conn)
	if _, err := conn.Cmd("RETR 1"); err != nil {
		t.Fatal(err)
	}
	if line, err := conn.ReadLine(); err != nil || line != "+OK" {
		t.Fatalf("got %q, %v", line, err)
	}
	got, err := io.ReadAll(conn.DotReader())
	if want := strings.ReplaceAll(message, "\r\n", "\n"); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestPOP3_Bounds(t *testing.T) {
	e := newExchange(t, sandbox.Account{Address: address, Password: password, Tokens: []sandbox.Token{{Value: token, Life: 2 * time.Second}}})
	l := listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3, MaxSessions: 1})
	dialTLS(t, e, l).play(popGreeting + "> AUTH XOAUTH2\n< + \n> " + xoauth2(address, token) +
		"\n< +OK User successfully authenticated.\n< -ERR Session invalidated - AccessTokenExpired\n$")
	if err := e.Log().WaitCount(testContext(t), sandbox.Closed, 1); err != nil {
		t.Fatal(err)
	}
	dialTLS(t, e, l).play(popGreeting + popLogin)
	dialTLS(t, e, l).play(popGreeting + "> USER scans@contoso.example\n< +OK\n> PASS pass \"word\" \\1\n" +
		"< -ERR Logon failure: unknown user name or bad password.")
	short := listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3, Idle: time.Second})
	dialTLS(t, e, short).play(popGreeting + popLogin + "$")
}
