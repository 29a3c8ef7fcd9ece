package imaplogin_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/internal/logintest"
	"drawbridge/proxy/login"
)

// FuzzRead gives arbitrary bytes of a device to a login: it ends, and never with credentials outside TLS, nor with a name
// or password that could smuggle a command.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"1 LOGIN a b\r\n", "1 LOGIN {1}\r\na {1+}\r\nb\r\n", "1 AUTHENTICATE PLAIN " +
		"AGEAYg==\r\n", "1 authenticate login\nYQ==\nYg==\n",
		"1 CAPABILITY\r\n2 NOOP\r\n3 LOGOUT\r\n", "1 ID (\"name\" {3}\r\nfax)\r\n", "1 STARTTLS\r\n2 LOGIN a b\r\n", "1 LOGIN {3+}\r\na b\r\n",
		"1 AUTHENTICATE XOAUTH2 dXNlcj1hAWF1dGg9QmVhcmVyIHQBAQ==\r\n", "\x00\xff\r\n", "1 X {2+}\r\n\r\n\r\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, secure bool) {
		c, n := saying(string(said)), &login.Notes{}
		l := imaplogin.New(login.NewConn(c, login.ConnOptions{Secure: secure, Notes: n, MaxBadCommands: 10}), "ready", n)
		for range 4 {
			got, err := l.Read(t.Context())
			var r *login.Refusal
			switch {
			case !secure && (err == nil || errors.As(err, &r)):
				t.Fatalf("a login outside TLS: %q", got.Account)
			case errors.As(err, &r):
				continue
			case err != nil:
				return
			case login.CheckCredentials(got) != nil:
				t.Fatalf("unfit credentials: %q", got.Account)
			}
			if err := l.Refuse(&login.Refusal{Reason: login.BadCredentials}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzUpstream gives arbitrary bytes of an upstream to a login: it ends, and no credential goes up outside TLS.
func FuzzUpstream(f *testing.F) {
	for _, s := range []string{"* OK ready\r\nD1 OK\r\n", "* OK ready\r\n* CAPABILITY AUTH=PLAIN\r\nD1 OK\r\nD2 OK\r\n",
		"* OK [CAPABILITY AUTH=PLAIN SASL-IR] x [UwBJAA==]\r\nD1 OK [CAPABILITY IDLE] in\r\n", "* BYE no\r\n",
		"* OK [CAPABILITY LITERAL+] x\r\nD1 NO [LIMIT]\r\n", "* OK [CAPABILITY X] x\r\n+ \r\n+ \r\nD1 BAD\r\n", "* PREAUTH x\r\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, secure bool) {
		up, n := saying(string(said)), &login.Notes{}
		l := imaplogin.New(login.NewConn(&recorded{}, login.ConnOptions{Secure: true, Notes: n}), "ready", n)
		conn := login.NewConn(up, login.ConnOptions{Secure: secure, Announced: &login.Announced{}})
		half := imaplogin.NewUpstream(conn, &login.UpstreamNotes{})
		err := logintest.LogIn(t.Context(), half, passwordOf("anna", "canary-pässword"))
		if err == nil {
			err = errors.Join(half.ProveMailbox(t.Context()), l.Admit(login.Admission{Capabilities: half.Capabilities()}))
		}
		var r *login.Refusal
		if err != nil && !errors.As(err, &r) {
			t.Fatalf("an upstream's fault must be told as a refusal: %v", err)
		}
		if !secure && (err == nil || bytes.Contains(up.out.Bytes(), []byte("canary")) || bytes.Contains(up.out.Bytes(), []byte("AGFubmEA"))) {
			t.Fatalf("a login outside TLS: %q", up.out.String())
		}
	})
}

// oracle is go-imap's server, of which only its understanding of LOGIN is wanted.
type oracle struct{ conns chan net.Conn }

func startOracle(tb testing.TB) *oracle {
	o := &oracle{conns: make(chan net.Conn)}
	server := imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return oracleSession{heard: c.NetConn().(*oracleConn)}, nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapLiteralMinus: {}},
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0),
	})
	done := make(chan error, 1)
	go func() { done <- server.Serve(o) }()
	tb.Cleanup(func() {
		close(o.conns)
		<-done
	})
	return o
}

func (o *oracle) Accept() (net.Conn, error) {
	c, ok := <-o.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (o *oracle) Close() error   { return nil }
func (o *oracle) Addr() net.Addr { return &net.TCPAddr{} }

// login is the first name and password that the oracle takes from what a device says.
func (o *oracle) login(said string) (name, password string, ok bool) {
	c := &oracleConn{recorded: saying(said), closed: make(chan struct{})}
	o.conns <- c
	<-c.closed
	return c.name, c.password, c.asked
}

type oracleConn struct {
	*recorded
	closed         chan struct{}
	isClosed       bool
	asked          bool
	name, password string
}

func (c *oracleConn) Close() error {
	if !c.isClosed {
		c.isClosed = true
		close(c.closed)
	}
	return nil
}
func (c *oracleConn) SetReadDeadline(time.Time) error  { return nil }
func (c *oracleConn) SetWriteDeadline(time.Time) error { return nil }

type oracleSession struct {
	imapserver.Session // nothing else is asked before login
	heard              *oracleConn
}

func (s oracleSession) Login(name, password string) error {
	if !s.heard.asked {
		s.heard.asked, s.heard.name, s.heard.password = true, name, password
	}
	return imapserver.ErrAuthFailed
}

func (s oracleSession) Close() error                              { return nil }
func (s oracleSession) Poll(*imapserver.UpdateWriter, bool) error { return nil }

// FuzzLogin compares with go-imap's server: a LOGIN that both take has the same name and password. What we take beyond
// the grammar, with a quirk, is not compared.
func FuzzLogin(f *testing.F) {
	for _, s := range []string{"anna secret", `"anna" "se cret"`, `"a\\b" "c\"d"`, "{4}\r\nanna {2}\r\npw", "{4+}\r\nanna \"\"",
		"anna {3+}\r\np\xc3\xa4",
		`anna "p` + "\xc3\xa4" + `"`, `a]b c`, "anna pass word", "{9}\r\nanna pass", `CONTOSO\anna x`, `"a" "b" `} {
		f.Add(s)
	}
	o := startOracle(f)
	f.Fuzz(func(t *testing.T, args string) {
		said := "a LOGIN " + args + "\r\n"
		l, conn, n := deviceLogin(said)
		c, err := l.Read(t.Context())
		if err != nil || len(n.Quirks) > 0 || strings.Contains(conn.out.String(), "a BAD") {
			return
		}
		name, password, ok := o.login(said)
		if ok && (name != c.Account || password != c.Password.Reveal()) {
			t.Fatalf("%q:\nwe take %q and %q,\ngo-imap %q and %q", said, c.Account, c.Password.Reveal(), name, password)
		}
	})
}
