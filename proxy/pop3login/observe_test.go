package pop3login_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

const closed = "-ERR Connection is closed. 13"

func TestPOP3_LastWordsOfASession(t *testing.T) {
	for _, c := range []struct {
		name, device, upstream string
		loggedOut              bool
		says                   string
	}{
		{"quit", "RETR 1\r\nQUIT\r\n", "+OK\r\n.\r\n+OK bye\r\n", true, ""},
		{"quit in lower case without carriage return", "stat\nquit\n", "+OK\r\n", true, ""},
		{"quit, refused", "QUIT\r\n", "-ERR some messages were not deleted\r\n", true, ""},
		{"half a line", "QUIT", "-ERR", false, ""},
		{"nothing", "", "", false, ""},
		{"closed unasked", "STAT\r\n", "+OK 1 2\r\n" + closed + "\r\n", false, closed},
		{"closed unasked at once", "", closed + "\r\n", false, closed},
		{"closed at a command", "RETR 1\r\n", closed + "\r\n", false, closed},
		{"closed with half a line behind", "RETR 1\r\n", closed + "\r\n+O", false, ""},
		{"in a mail", "RETR 1\r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"in a mail by TOP", "top 1 0\r\n", "+OK\r\nSubject: x\r\n" + closed + "\r\n", false, ""},
		{"behind a mail", "RETR 1\r\n", "+OK\r\nx\r\n.\r\n" + closed + "\r\n", false, closed},
		{"behind a stuffed dot", "RETR 1\r\n", "+OK\r\n..\r\n" + closed + "\r\n", false, ""},
		{"behind a stuffed line", "RETR 1\r\n", "+OK\r\n..x\r\n..\r\n.\r\n" + closed + "\r\n", false, closed},
		{"behind a dot and a bare line feed", "RETR 1\r\n", "+OK\r\nx\r\n.\n" + closed + "\r\n", false, ""},
		{"behind a bare line feed and a dot", "RETR 1\r\n", "+OK\r\nx\n.\r\n" + closed + "\r\n", false, ""},
		{"behind a dot and two carriage returns", "RETR 1\r\n", "+OK\r\nx\r\n.\r\r\n" + closed + "\r\n", false, ""},
		{"bare line feeds in a mail", "RETR 1\r\n", "+OK\r\nx\ny\r\n.\r\n" + closed + "\r\n", false, closed},
		{"a mail that is refused", "RETR 9\r\nSTAT\r\n", "-ERR no such message\r\n+OK 1 2\r\n" + closed + "\r\n", false, closed},
		{"in a LIST", "LIST\r\n", "+OK\r\n1 120\r\n" + closed + "\r\n", false, ""},
		{"behind a LIST of one", "LIST 1\r\n", "+OK 1 120\r\n" + closed + "\r\n", false, closed},
		{"a LIST that one may read either way", "LIST \r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"in a UIDL", "uidl\r\n", "+OK\r\n1 a\r\n" + closed + "\r\n", false, ""},
		{"behind a UIDL of one", "UIDL 1\r\n", "+OK 1 a\r\n" + closed + "\r\n", false, closed},
		{"in a CAPA", "CAPA\r\n", "+OK\r\nTOP\r\n" + closed + "\r\n", false, ""},
		{"pipelined", "RETR 1\r\nDELE 1\r\nRETR 2\r\n", "+OK\r\nx\r\n.\r\n+OK\r\n+OK\r\n" + closed + "\r\n", false, ""},
		{"pipelined, behind it", "RETR 1\r\nDELE 1\r\nNOOP\r\n", "+OK\r\nx\r\n.\r\n+OK\r\n+OK\r\n" + closed + "\r\n", false, closed},
		{"two commands in what the upstream takes for one", "NOOP\nRETR 1\r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"a carriage return in a command", "NOOP\rRETR 1\r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"an unknown command that is taken", "XTND XLST\r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"an unknown command that is refused", "XTND XLST\r\n", closed + "\r\n", false, closed},
		{"a command is refused, and at the next one the upstream closes without a word", "XTND\r\nNOOP\r\n", closed + "\r\n", false, ""},
		{"a RETR with a tab", "RETR\t1\r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"a space before RETR", " RETR 1\r\n", "+OK\r\n" + closed + "\r\n", false, ""},
		{"an OK that answers nothing", "", "+OK\r\n" + closed + "\r\n", false, ""},
		{"no answer at all", "STAT\r\n", "* BYE\r\n" + closed + "\r\n", false, ""},
		{"a login in the session", "AUTH PLAIN\r\n", "+ \r\n" + closed + "\r\n", false, ""},
		{"too much at once", strings.Repeat("NOOP\r\n", 2000), closed + "\r\n", false, ""},
		{"a line that is too long", "", closed + strings.Repeat("x", login.MaxLast) + "\r\n", false, ""},
		{"a bare line feed", "", closed + "\n", false, ""},
	} {
		for pieces := range 12 {
			o, n := observer()
			inPieces(c.device, pieces, o.FromDevice)
			inPieces(c.upstream, pieces, o.FromUpstream)
			if said := o.Last(true); n.LoggedOut != c.loggedOut || said != c.says {
				t.Errorf("%s, in pieces (%d): got %t %q, want %t %q", c.name, pieces, n.LoggedOut, said, c.loggedOut, c.says)
			}
		}
		o, _ := observer()
		o.FromDevice([]byte(c.device))
		o.FromUpstream([]byte(c.upstream))
		if said := o.Last(false); said != "" {
			t.Errorf("%s: told %q although the device ended the session", c.name, said)
		}
	}
}

// TestPOP3_ClosedWhileADeviceAsks: a command that crosses the upstream's last words does not hide them.
func TestPOP3_ClosedWhileADeviceAsks(t *testing.T) {
	o, _ := observer()
	o.FromUpstream([]byte(closed + "\r\n"))
	o.FromDevice([]byte("NOOP\r\n"))
	if said := o.Last(true); said != closed {
		t.Errorf("told %q, want %q", said, closed)
	}
}

// TestPOP3_ManyCommandsAtOnceLoseTheThread sends more commands than are remembered before the first answer.
func TestPOP3_ManyCommandsAtOnceLoseTheThread(t *testing.T) {
	const remembered = 1 << 10
	for commands, want := range map[int]string{remembered: closed, remembered + 1: ""} {
		o, _ := observer()
		o.FromDevice([]byte(strings.Repeat("NOOP\r\n", commands)))
		o.FromUpstream([]byte(strings.Repeat("+OK\r\n", commands-1) + closed + "\r\n"))
		if said := o.Last(true); said != want {
			t.Errorf("%d commands at once: told %q, want %q", commands, said, want)
		}
	}
}

func observer() (login.Observer, *login.Notes) {
	n := &login.Notes{}
	return pop3login.New(login.NewConn(&recorded{}, login.ConnOptions{Secure: true}), "ready", n).(login.Observer), n
}

// inPieces shows text whole, byte by byte, or in pieces of random sizes.
func inPieces(text string, seed int, show func([]byte)) {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for p := []byte(text); len(p) > 0; {
		n := len(p)
		switch {
		case seed == 1:
			n = 1
		case seed > 1:
			n = 1 + random.IntN(n)
		}
		show(p[:n:n])
		p = p[n:]
	}
}

// FuzzObserver sends any mail, stuffed as RFC 1939, section 3, has it, up to any place: no line of it is told.
func FuzzObserver(f *testing.F) {
	f.Add("-ERR card\r\n", 2)
	f.Add(".\r\n-ERR x\r\n.\n-ERR y\r\n", 3)
	f.Fuzz(func(t *testing.T, mail string, seed int) {
		o, _ := observer()
		o.FromDevice([]byte("RETR 1\r\n"))
		if strings.HasPrefix(mail, ".") {
			mail = "." + mail
		}
		inPieces("+OK\r\n"+strings.ReplaceAll(mail, "\r\n.", "\r\n.."), max(seed, 0), o.FromUpstream)
		if said := o.Last(true); said != "" {
			t.Errorf("told %q", said)
		}
	})
}
