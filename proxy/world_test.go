package proxy_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"go.uber.org/zap"

	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/internal/logintest"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

const patience = 10 * time.Second

// world is a bridge with one POP3 listener between a device that the test plays and an upstream that it scripts.
type world struct {
	t        *testing.T
	upstream *mailServer
	server   *proxy.Server
	listener *proxy.Listener
	address  string
	records  *recorder
	decider  *passAll
	accept   context.CancelFunc
	cut      context.CancelFunc
	done     chan struct{}
}

// newWorld starts a world. adjust may change listener and server before they serve.
func newWorld(t *testing.T, adjust func(*world)) *world {
	t.Helper()
	w := &world{t: t, upstream: newMailServer(t), records: &recorder{ended: make(chan *inventory.Session, 64),
		turned: make(chan inventory.TurnedAway, 64)}, done: make(chan struct{})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = ln.Addr().String()
	cert := deviceCertificate(t)
	w.listener = &proxy.Listener{
		Name: "pop3s", Protocol: "pop3", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Terminate: devicetls.NewStandardTerminator(devicetls.Profile{Protocol: "pop3", MinVersion: tls.VersionTLS10,
			Suites:      devicetls.LegacySuites(),
			Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }}),
		Dialect: pop3login.Dialect(), Greeting: "ready", HandshakeTimeout: patience, LoginTimeout: patience, IdleTimeout: patience,
		BadCommands: 10,
	}
	up := proxy.NewUpstream(proxy.UpstreamOptions{Name: "mail", Addresses: map[string]string{"pop3": w.upstream.address},
		ServerName: "mail.test",
		Roots:      w.upstream.roots, DialTimeout: patience, LoginTimeout: patience})
	w.decider = &passAll{upstream: up}
	w.server = &proxy.Server{Name: "bridge-1", Run: "run-1", Sockets: []proxy.Socket{{Name: "pop3s", Net: ln}}, Recorder: w.records,
		Hellos: inventory.NewHellos(16), Logger: zap.NewNop()}
	if adjust != nil {
		adjust(w)
	}
	w.server.Swap(&proxy.Generation{Listeners: []*proxy.Listener{w.listener}, Decider: w.decider})
	w.start()
	return w
}

func (w *world) start() {
	accept, stop := context.WithCancel(context.Background())
	cut, cutNow := context.WithCancel(context.Background())
	w.accept, w.cut = stop, cutNow
	go func() {
		defer close(w.done)
		_ = w.server.Serve(accept, cut)
	}()
	w.t.Cleanup(func() {
		stop()
		cutNow()
		w.upstream.close()
		select {
		case <-w.done:
		case <-time.After(patience):
			w.t.Error("Serve did not return after it was cut")
		}
	})
}

// drain ends accepting, and returns when logins are refused.
func (w *world) drain() {
	w.t.Helper()
	w.accept()
	deadline := time.After(patience)
	for tick := time.Tick(time.Millisecond); !w.server.Draining(); {
		select {
		case <-tick:
		case <-deadline:
			w.t.Fatal("the server does not drain")
		}
	}
}

// dial connects as a device of version, TLS 1.0 where it is 0.
func (w *world) dial(version uint16) *device {
	w.t.Helper()
	if version == 0 {
		version = tls.VersionTLS10
	}
	return startTLS(w.t, w.dialRaw(), version)
}

// startTLS makes raw a device of version.
func startTLS(t *testing.T, raw net.Conn, version uint16) *device {
	t.Helper()
	c := tls.Client(raw, &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: devicetls.LegacySuites(),
		InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return newDevice(t, c)
}

func (w *world) dialRaw() net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// record returns the next session record.
func (w *world) record() *inventory.Session {
	w.t.Helper()
	select {
	case s := <-w.records.ended:
		return s
	case <-time.After(patience):
		w.t.Fatal("no session record came")
		return nil
	}
}

// expect compares the parts of a record that say how a session ended.
func (w *world) expect(outcome inventory.Outcome, phase inventory.Phase, by inventory.EndedBy, reason string) *inventory.Session {
	w.t.Helper()
	s := w.record()
	if s.Outcome != outcome || s.Phase != phase || s.EndedBy != by || !strings.Contains(s.Reason, reason) ||
		(reason == "") != (s.Reason == "") {
		w.t.Errorf("record:\n got %s in %s by %s: %q\nwant %s "+
			"in %s by %s: %q", s.Outcome, s.Phase, s.EndedBy, s.Reason, outcome, phase, by, reason)
	}
	return s
}

// device is a line-by-line device.
type device struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func newDevice(t *testing.T, c net.Conn) *device { return &device{t, c, bufio.NewReader(c)} }

func (d *device) say(lines ...string) {
	d.t.Helper()
	d.send(strings.Join(lines, "\r\n") + "\r\n")
}

func (d *device) send(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d, text); err != nil {
		d.t.Fatalf("say %q: %v", text, err)
	}
}

func (d *device) hear(want string) {
	d.t.Helper()
	got, err := d.r.ReadString('\n')
	if err != nil || got != want+"\r\n" {
		d.t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// end expects the end of the stream.
func (d *device) end() {
	d.t.Helper()
	if rest, err := io.ReadAll(d.r); err != nil || len(rest) > 0 {
		d.t.Fatalf("got %q, %v, want the end of the stream", rest, err)
	}
	_ = d.Close()
}

func (d *device) logIn(password string) {
	d.t.Helper()
	d.hear("+OK ready")
	d.say("USER anna")
	d.hear("+OK")
	d.say("PASS " + password)
}

// passAll hands every login on.
type passAll struct {
	upstream *proxy.Upstream
	refuse   error
	then     *login.Refusal
	panics   bool
	notice   string
	wait     func(context.Context)   // before it decides
	hears    func(login.Credentials) // likewise
	// notBefore is after how long a refusal may be told.
	notBefore time.Duration

	mu       sync.Mutex
	verdicts []login.Verdict
}

func (p *passAll) Decide(ctx context.Context, _ time.Time, _ *inventory.Session, c login.Credentials) (proxy.Decision, error) {
	if p.wait != nil {
		p.wait(ctx)
	}
	if p.hears != nil {
		p.hears(c)
	}
	if p.panics {
		p.panics = false
		panic("a fault")
	}
	if p.refuse != nil {
		return proxy.Decision{}, p.refuse
	}
	return proxy.Decision{Stage: inventory.StageBridge, Rules: map[string]string{"upstream": "default"}, Mailbox: c.Account, Notice: p.notice,
		Then: p.then, Upstream: p.upstream, Credential: &handOn{p: p, c: c, began: time.Now()}}, nil
}

type handOn struct {
	p     *passAll
	c     login.Credentials
	began time.Time
}

func (h *handOn) Mechanisms(context.Context) ([]sasl.Client, error) {
	if h.c.Token() {
		return []sasl.Client{logintest.Token("user=" + h.c.Account + "\x01auth=Bearer " + h.c.Password.Reveal() + "\x01\x01")}, nil
	}
	password := login.NewPasswordLogin(h.c.Account, h.c.Password)
	password.Form = h.c.Mechanism
	return []sasl.Client{password}, nil
}
func (h *handOn) NotBefore() time.Time { return h.began.Add(h.p.notBefore) }
func (h *handOn) Retry(_ context.Context, r *login.Refusal) ([]sasl.Client, error) {
	return nil, r
}
func (h *handOn) Result(v login.Verdict) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	h.p.verdicts = append(h.p.verdicts, v)
}

func (p *passAll) told() []login.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.verdicts)
}

// recorder hands records to the test.
type recorder struct {
	mu       sync.Mutex
	admitted []inventory.Session
	ended    chan *inventory.Session
	turned   chan inventory.TurnedAway
}

func (r *recorder) Admitted(s *inventory.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admitted = append(r.admitted, *s)
}

// admittedSessions is how many sessions were told as admitted.
func (r *recorder) admittedSessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.admitted)
}

func (r *recorder) Ended(s *inventory.Session)           { r.ended <- s }
func (r *recorder) TurnedAway(away inventory.TurnedAway) { r.turned <- away }

// mailServer is a POP3 server over TLS 1.2 and newer whose answers a test can change.
type mailServer struct {
	address string
	roots   *x509.CertPool
	ln      net.Listener
	cert    tls.Certificate
	wg      sync.WaitGroup

	mu     sync.Mutex
	heard  []string
	answer func(line string) string // "" answers as usual, "close" closes, "reset" resets
	holds  bool                     // it does not leave when the bridge does
	by     func(net.Conn)           // serves in its place; nil: it serves itself
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	cert, roots := issueCertificate(t, "mail.test")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{address: ln.Addr().String(), roots: roots, ln: ln, cert: cert}
	m.wg.Go(m.serve)
	t.Cleanup(m.close)
	return m
}

func (m *mailServer) close() {
	_ = m.ln.Close()
	m.wg.Wait()
}

func (m *mailServer) answerWith(f func(line string) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = f
}

// ignoresEnd lets sessions stay open when the other side has ended its direction.
func (m *mailServer) ignoresEnd() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds = true
}

// serveBy lets by serve the connections that come from now on.
func (m *mailServer) serveBy(by func(net.Conn)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by = by
}

func (m *mailServer) server() func(net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by
}

func (m *mailServer) isHolding() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holds
}

func (m *mailServer) lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.heard)
}

func (m *mailServer) serve() {
	for {
		c, err := m.ln.Accept()
		if err != nil {
			return
		}
		m.wg.Go(func() {
			if by := m.server(); by != nil {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				by(c)
				return
			}
			m.session(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{m.cert}, MinVersion: tls.VersionTLS12}))
		})
	}
}

func (m *mailServer) session(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	_, _ = io.WriteString(c, "+OK mail ready\r\n")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		reply := m.reply(strings.TrimRight(lines.Text(), "\r"))
		if reply == "reset" {
			hangUp(c.(*tls.Conn).NetConn().(*net.TCPConn))
			_ = c.(*tls.Conn).NetConn().Close()
		}
		if reply == "close" || reply == "reset" {
			return
		}
		if _, err := io.WriteString(c, reply+"\r\n"); err != nil || strings.HasPrefix(reply, "+OK bye") {
			return
		}
	}
	if under := c.(*tls.Conn).NetConn(); m.isHolding() {
		_, _ = io.Copy(io.Discard, under) // until the connection itself ends
	}
}

func (m *mailServer) reply(line string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, line)
	if m.answer != nil {
		if a := m.answer(line); a != "" {
			return a
		}
	}
	switch word, _, _ := strings.Cut(line, " "); word {
	case "CAPA":
		return "+OK\r\nUSER\r\n."
	case "STAT":
		return "+OK 1 100"
	case "QUIT":
		return "+OK bye"
	case "RETR":
		return "+OK\r\nSubject: canary mail\r\n\r\nbody\r\n."
	}
	return "+OK"
}

var deviceKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func deviceCertificate(t *testing.T) *tls.Certificate {
	t.Helper()
	key := deviceKey()
	der, err := x509.CreateCertificate(rand.Reader, template("bridge.test"), template("bridge.test"), &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func issueCertificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template(name), template(name), &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign}
}
