package sandbox_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	address  = "scans@contoso.example"
	password = `pass "word" \1`
	token    = "eyJ.a-good-token.sig"
	message  = "From: a@fabrikam.example\r\nSubject: one\r\n\r\nHello\r\n.\r\n..\r\nLast\r\n"
	frontEnd = "WABYADAAUABSADAAMQBDAEEAMAAwADAAMQAuAEUAWABBAE0AUABMAEUALgBQAFIATwBEAC4ATwBVAFQATABPAE8ASwAuAEMATwBNAA=="
)

func newExchange(t *testing.T, accounts ...sandbox.Account) *sandbox.Exchange {
	t.Helper()
	e, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	if accounts == nil {
		accounts = []sandbox.Account{{
			Address: address, Password: password, Messages: [][]byte{[]byte(message)},
			Tokens: []sandbox.Token{{Value: token}, {Value: "no-access", NoFullAccess: true}, {Value: strings.Repeat("T", 16<<10)}},
		}}
	}
	for _, a := range accounts {
		if _, err := e.AddMailbox(a); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func listen(t *testing.T, e *sandbox.Exchange, options sandbox.ListenOptions) *sandbox.Listener {
	t.Helper()
	l, err := e.Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func setFaults(t *testing.T, l *sandbox.Listener, f sandbox.Faults) {
	t.Helper()
	if err := l.SetFaults(f); err != nil {
		t.Fatal(err)
	}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// peer is a client that says and expects lines.
type peer struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader
}

func newPeer(t *testing.T, conn net.Conn) *peer {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{t: t, conn: conn, reader: bufio.NewReader(conn)}
}

func clientConfig(e *sandbox.Exchange) *tls.Config {
	return &tls.Config{RootCAs: e.Roots(), ServerName: "outlook.office365.com"}
}

func dialTLS(t *testing.T, e *sandbox.Exchange, l *sandbox.Listener) *peer {
	t.Helper()
	conn, err := tls.Dial("tcp", l.Address(), clientConfig(e))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return newPeer(t, conn)
}

func dialPlain(t *testing.T, l *sandbox.Listener) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return newPeer(t, conn)
}

func (p *peer) upgrade(e *sandbox.Exchange) {
	p.t.Helper()
	if n := p.reader.Buffered(); n != 0 {
		p.t.Fatalf("%d bytes in clear text behind STARTTLS", n)
	}
	secure := tls.Client(p.conn, clientConfig(e))
	if err := secure.Handshake(); err != nil {
		p.t.Fatalf("handshake: %v", err)
	}
	p.conn = secure
	p.reader.Reset(secure)
}

func (p *peer) say(text string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(text)); err != nil {
		p.t.Fatalf("say %q: %v", text, err)
	}
}

func (p *peer) hear() string {
	p.t.Helper()
	line, err := p.reader.ReadString('\n')
	if err != nil {
		p.t.Fatalf("hear: %v (after %q)", err, line)
	}
	if !strings.HasSuffix(line, "\r\n") {
		p.t.Errorf("line %q does not end with CRLF", line)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.hear(); got != want {
		p.t.Fatalf("heard\n  %q\nwant\n  %q", got, want)
	}
}

func (p *peer) expectEnd() {
	p.t.Helper()
	if line, err := p.reader.ReadString('\n'); err == nil || line != "" {
		p.t.Fatalf("heard %q, want the end of the connection", line)
	}
}

// play runs a dialog: lines with "> " are said, those with "< " expected, "." is the end of the connection.
func (p *peer) play(script string) {
	p.t.Helper()
	for line := range strings.Lines(strings.TrimSpace(script)) {
		line = strings.ReplaceAll(strings.TrimLeft(strings.TrimRight(line, "\n"), "\t"), "<b64>", frontEnd)
		switch {
		case strings.HasPrefix(line, "> "):
			p.say(line[2:] + "\r\n")
		case strings.HasPrefix(line, "< "):
			p.expect(line[2:])
		case line == "$":
			p.expectEnd()
		default:
			p.t.Fatalf("not a line of a dialog: %q", line)
		}
	}
}

func TestExchange_TLS(t *testing.T) {
	e := newExchange(t)
	for _, c := range []struct {
		name    string
		options sandbox.ListenOptions
		client  func(*tls.Config)
		version uint16
		err     string
	}{
		{name: "1.2 only by default", version: tls.VersionTLS12},
		{name: "1.1 is refused", client: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
			err: "protocol version"},
		{name: "1.3 only", options: sandbox.ListenOptions{MinTLS: tls.VersionTLS13}, version: tls.VersionTLS13},
		{name: "1.3 only refuses 1.2", options: sandbox.ListenOptions{MinTLS: tls.VersionTLS13},
			client: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, err: "protocol version"},
		{name: "1.2 and 1.3", options: sandbox.ListenOptions{MaxTLS: tls.VersionTLS13}, version: tls.VersionTLS13},
		{name: "1.1 only", options: sandbox.ListenOptions{MinTLS: tls.VersionTLS11, MaxTLS: tls.VersionTLS11}, err: "protocol version"},
		{name: "1.1 only, reached with 1.1", options: sandbox.ListenOptions{MinTLS: tls.VersionTLS11, MaxTLS: tls.VersionTLS11},
			client: func(c *tls.Config) { c.MinVersion = tls.VersionTLS11 }, version: tls.VersionTLS11},
		{name: "no RSA key exchange", client: func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
			c.MaxVersion = tls.VersionTLS12
		}, err: "handshake failure"},
		{name: "self-signed", options: sandbox.ListenOptions{Certificate: sandbox.SelfSignedCertificate}, err: "unknown authority"},
		{name: "expired", options: sandbox.ListenOptions{Certificate: sandbox.ExpiredCertificate}, err: "expired"},
		{name: "wrong name", options: sandbox.ListenOptions{Certificate: sandbox.WrongNameCertificate}, err: "mail.example.net"},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := c.options
			if options.MaxTLS == 0 && options.MinTLS == tls.VersionTLS11 {
				options.MaxTLS = tls.VersionTLS11
			}
			l := listen(t, e, options)
			config := clientConfig(e)
			if c.client != nil {
				c.client(config)
			}
			conn, err := tls.Dial("tcp", l.Address(), config)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.ConnectionState().Version; got != c.version {
				t.Errorf("got version %x, want %x", got, c.version)
			}
		})
	}
}

func TestExchange_LogTellsTLSAndResumption(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{Name: "main"})
	config := clientConfig(e)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 {
		conn, err := tls.Dial("tcp", l.Address(), config)
		if err != nil {
			t.Fatal(err)
		}
		newPeer(t, conn).play("< * OK The Microsoft Exchange IMAP4 service is ready. [<b64>]\n> a LOGOUT\n" +
			"< * BYE Microsoft Exchange Server IMAP4 server signing off.\n< a OK LOGOUT completed.\n$")
	}
	if err := e.Log().WaitCount(testContext(t), sandbox.Closed, 2); err != nil {
		t.Fatal(err)
	}
	handshakes := e.Log().Events(sandbox.Handshake)
	want := sandbox.TLSInfo{Version: tls.VersionTLS12, Suite: handshakes[0].TLS.Suite, ServerName: "outlook.office365.com"}
	if len(handshakes) != 2 || handshakes[0].TLS != want || handshakes[0].Listener != "main" || handshakes[0].Conn != 1 {
		t.Errorf("got %+v, want the first to be %+v", handshakes, want)
	}
	if want.Resumed = true; handshakes[1].TLS != want {
		t.Errorf("got %+v, want %+v", handshakes[1].TLS, want)
	}
	if name := tls.CipherSuiteName(want.Suite); !strings.HasPrefix(name, "TLS_ECDHE_RSA_WITH_AES_") {
		t.Errorf("got suite %s, want ECDHE-RSA with AES", name)
	}
	if n := e.Log().Count(sandbox.Accepted); n != 2 {
		t.Errorf("got %d connections, want 2", n)
	}
}

func TestExchange_AddMailbox(t *testing.T) {
	e := newExchange(t)
	if _, err := e.AddMailbox(sandbox.Account{Address: strings.ToUpper(address)}); err == nil {
		t.Error("the same address was taken twice")
	}
	if _, err := e.AddMailbox(sandbox.Account{Address: "b@contoso.example", Messages: [][]byte{[]byte("no header")}}); err == nil {
		t.Error("a message that cannot be given back was taken")
	}
	if got := e.Mailbox(strings.ToUpper(address)).Address(); got != address {
		t.Errorf("got the mailbox %s, want %s", got, address)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(e.CA()) {
		t.Errorf("the CA is no PEM: %s", e.CA())
	}
	if e.Mailbox("nobody@contoso.example") != nil {
		t.Error("a mailbox that nobody set up exists")
	}
}

func TestExchange_CloseEndsEverything(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	p := dialTLS(t, e, l)
	p.hear()
	p.say("a LOGIN " + address + ` "pass \"word\" \\1"` + "\r\n")
	p.expect("a OK LOGIN completed.")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	p.expectEnd()
	if _, err := e.Listen(sandbox.ListenOptions{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
	if err := l.SetFaults(sandbox.Faults{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
	if _, err := net.Dial("tcp", l.Address()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refused connection", err)
	}
}

func TestLog_WaitEndsWithItsContext(t *testing.T) {
	e := newExchange(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Log().Wait(ctx, func(sandbox.Event) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := e.Log().WaitCount(ctx, sandbox.Accepted, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
