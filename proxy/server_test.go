package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
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

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy"
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
	w := &world{t: t, upstream: newMailServer(t), records: &recorder{ended: make(chan *inventory.Session, 64), turned: make(chan inventory.TurnedAway, 64)}, done: make(chan struct{})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = ln.Addr().String()
	cert := deviceCertificate(t)
	w.listener = &proxy.Listener{
		Name: "pop3s", Protocol: "pop3", Net: ln, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Terminate: proxy.NewStandardTerminator(proxy.Profile{Protocol: "pop3", MinVersion: tls.VersionTLS10, Suites: proxy.LegacySuites(),
			Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }}),
		NewLogin: pop3login.New, Greeting: "ready", HandshakeTimeout: patience, LoginTimeout: patience, IdleTimeout: patience, BadCommands: 10,
	}
	up := proxy.NewUpstream(proxy.UpstreamOptions{Name: "mail", Addresses: map[string]string{"pop3": w.upstream.address}, ServerName: "mail.test",
		Roots: w.upstream.roots, DialTimeout: patience, LoginTimeout: patience})
	w.decider = &passAll{upstream: up}
	w.server = &proxy.Server{Name: "bridge-1", Run: "run-1", Listeners: []*proxy.Listener{w.listener}, Decider: w.decider, Recorder: w.records,
		Hellos: inventory.NewHellos(16), Logger: zap.NewNop()}
	if adjust != nil {
		adjust(w)
	}
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

// dial connects as a device of version, TLS 1.0 where it is 0.
func (w *world) dial(version uint16) *device {
	w.t.Helper()
	if version == 0 {
		version = tls.VersionTLS10
	}
	raw := w.dialRaw()
	c := tls.Client(raw, &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: proxy.LegacySuites(), InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		w.t.Fatalf("handshake: %v", err)
	}
	return newDevice(w.t, c)
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
	if s.Outcome != outcome || s.Phase != phase || s.EndedBy != by || !strings.Contains(s.Reason, reason) || (reason == "") != (s.Reason == "") {
		w.t.Errorf("record:\n got %s in %s by %s: %q\nwant %s in %s by %s: %q", s.Outcome, s.Phase, s.EndedBy, s.Reason, outcome, phase, by, reason)
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
	if _, err := io.WriteString(d, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		d.t.Fatalf("say %q: %v", lines, err)
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
	then     *proxy.Refusal
	mu       sync.Mutex
	verdicts []proxy.Verdict
}

func (p *passAll) Decide(_ context.Context, _ time.Time, _ *inventory.Session, c proxy.Credentials) (proxy.Decision, error) {
	if p.refuse != nil {
		return proxy.Decision{}, p.refuse
	}
	return proxy.Decision{Stage: inventory.StageBridge, Rules: map[string]string{"upstream": "default"}, Mailbox: c.Account, Then: p.then,
		Upstream: p.upstream, Credential: &handOn{p, c}}, nil
}

type handOn struct {
	p *passAll
	c proxy.Credentials
}

func (h *handOn) Mechanisms(context.Context) ([]sasl.Client, error) {
	return []sasl.Client{proxy.NewPasswordLogin(h.c.Account, h.c.Password)}, nil
}
func (h *handOn) NotBefore() time.Time { return time.Time{} }
func (h *handOn) Result(v proxy.Verdict) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	h.p.verdicts = append(h.p.verdicts, v)
}

func (p *passAll) told() []proxy.Verdict {
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
	answer func(line string) string // "" answers as usual, "close" closes
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
		if reply == "close" {
			return
		}
		if _, err := io.WriteString(c, reply+"\r\n"); err != nil || strings.HasPrefix(reply, "+OK bye") {
			return
		}
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
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%t|%s", s.Bridge, s.Run, s.Listener, s.Protocol, s.TLSMode, s.Account, s.AuthMechanism,
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
	if v := w.decider.told(); !slices.Equal(v, []proxy.Verdict{proxy.Accepted}) {
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
	if v := w.decider.told(); !slices.Equal(v, []proxy.Verdict{proxy.Refused, proxy.Refused, proxy.Refused}) {
		t.Errorf("verdicts: got %v, want three refused", v)
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
	if !slices.Contains(s.Quirks, proxy.QuirkFailedLogin) {
		t.Errorf("quirks: got %v, want %s in them", s.Quirks, proxy.QuirkFailedLogin)
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

func TestServer_FailedHandshakesAreOnRecord(t *testing.T) {
	for _, c := range []struct {
		name    string
		send    string
		reply   string // hex of the alert, or a line
		outcome inventory.Outcome
		reason  string
	}{
		{"plain text", "USER anna\r\nPASS 1234\r\n", "-ERR This service is unavailable without TLS\r\n", inventory.OutcomeTLSFailed, "change it"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "-ERR This service is unavailable without TLS\r\n", inventory.OutcomeTLSFailed, "plain text"},
		{"SSL 3.0 only", string(sslv3Hello()), "\x15\x03\x00\x00\x02\x02\x28", inventory.OutcomeTLSFailed, "SSL 3.0 at most"},
		{"broken", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", "\x15\x03\x01\x00\x02\x02\x32", inventory.OutcomeTLSFailed, "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			raw := w.dialRaw()
			if _, err := io.WriteString(raw, c.send); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(raw)
			if err != nil || string(got) != c.reply {
				t.Errorf("reply: got %q, %v, want %q", got, err, c.reply)
			}
			_ = raw.Close()
			s := w.record()
			if s.Outcome != c.outcome || s.Phase != inventory.PhaseHandshake || !strings.Contains(s.Reason, c.reason) {
				t.Errorf("record: got %s in %s: %q, want %s: %q", s.Outcome, s.Phase, s.Reason, c.outcome, c.reason)
			}
			if s.Hello == nil {
				t.Error("the hello is not on record")
			}
		})
	}
}

// sslv3Hello is a ClientHello of a client that knows nothing newer than SSL 3.0.
func sslv3Hello() []byte {
	body := append([]byte{3, 0}, make([]byte, 32)...)
	body = append(body, 0, 0, 4, 0, 0x2f, 0, 0x0a, 1, 0)
	msg := append([]byte{1, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 0, 0, byte(len(msg))}, msg...)
}

func TestServer_SilenceIsOnRecordAndEndsWithCloseNotify(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.HandshakeTimeout = 50 * time.Millisecond })
	raw := w.dialRaw()
	got, err := io.ReadAll(raw)
	if err != nil || !bytes.Equal(got, []byte{21, 3, 1, 0, 2, 1, 0}) {
		t.Errorf("got %x, %v, want close_notify", got, err)
	}
	s := w.expect(inventory.OutcomeAbandoned, inventory.PhaseHandshake, inventory.EndedByBridge, "said nothing")
	if s.TLS.AlertSent != "" {
		t.Errorf("alert sent: got %q, close_notify is none", s.TLS.AlertSent)
	}
}

func TestServer_ConnectionWithoutAByteLeavesNoRecord(t *testing.T) {
	w := newWorld(t, nil)
	_ = w.dialRaw().Close()
	d := w.dial(0)
	_ = d.Close()
	s := w.record()
	if s.Hello == nil {
		t.Errorf("the first record is that of the silent connection: %+v", s)
	}
}

func TestServer_TurnsForeignSourcesAwayWithoutAByte(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	raw := w.dialRaw()
	if got, err := io.ReadAll(raw); len(got) > 0 {
		t.Errorf("got %q, %v, want nothing", got, err)
	}
	away := <-w.records.turned
	if away.Listener != "pop3s" || !strings.Contains(away.Reason, "listeners[].allow") || away.Source != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("turned away: got %+v", away)
	}
}

func TestServer_BannedSourceReadsThatItMustWait(t *testing.T) {
	ban := func(netip.Addr) (time.Time, string, bool) { return time.Now().Add(time.Minute), "100 failures", true }
	w := newWorld(t, func(w *world) { w.server.Banned = ban })
	raw := w.dialRaw()
	got, _ := io.ReadAll(raw)
	if want := []byte{21, 3, 1, 0, 2, 2, 80}; !bytes.Equal(got, want) {
		t.Errorf("implicit TLS: got %x, want the alert internal_error", got)
	}
	<-w.records.turned

	w = newWorld(t, func(w *world) { w.server.Banned, w.listener.StartTLS = ban, true })
	got, _ = io.ReadAll(w.dialRaw())
	if want := "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again\r\n"; string(got) != want {
		t.Errorf("STLS: got %q, want %q", got, want)
	}
}

func TestServer_STLS(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS = true })
	raw := w.dialRaw()
	d := newDevice(t, raw)
	d.hear("+OK ready")
	d.say("STLS")
	d.hear("+OK Begin TLS negotiation.")
	c := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, CipherSuites: proxy.LegacySuites(), InsecureSkipVerify: true})
	d = newDevice(t, c)
	d.say("USER anna")
	d.hear("+OK")
	d.say("PASS x")
	d.hear("+OK Mailbox open.")
	d.say("QUIT")
	d.hear("+OK bye")
	s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
	if s.TLSMode != "starttls" || s.TLS.Version != hello.TLS11 || s.HandshakeTime <= 0 {
		t.Errorf("got %s %s in %s", s.TLSMode, s.TLS.Version, s.HandshakeTime)
	}
	if s.BytesFromDevice != int64(len("USER anna\r\nPASS x\r\nQUIT\r\n")) {
		t.Errorf("bytes from device: got %d, only those inside TLS count", s.BytesFromDevice)
	}
}

func TestServer_LoginInClearIsRefusedAndOnRecord(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS = true })
	d := newDevice(t, w.dialRaw())
	d.hear("+OK ready")
	d.say("USER anna")
	d.hear("-ERR Use STLS first")
	d.say("PASS canary")
	d.hear("-ERR Use STLS first")
	_ = d.Close()
	s := w.expect(inventory.OutcomeRefused, inventory.PhaseHandshake, inventory.EndedByDevice, "the password crossed the network in clear text, change it")
	if !slices.Contains(s.Quirks, proxy.QuirkPasswordInClear) || s.Hello.Format != hello.FormatNone {
		t.Errorf("got quirks %v, hello %v", s.Quirks, s.Hello)
	}
	if len(w.upstream.lines()) > 0 {
		t.Errorf("the upstream heard %q", w.upstream.lines())
	}
}

func TestServer_InjectedCommandIsNeverExecuted(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS = true })
	d := newDevice(t, w.dialRaw())
	d.hear("+OK ready")
	d.say("STLS", "USER mallory")
	d.hear("-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again")
	d.end()
	w.expect(inventory.OutcomeProtocolError, inventory.PhaseHandshake, inventory.EndedByBridge, "as an attacker would send them")
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
		w.decider.then = &proxy.Refusal{Reason: proxy.Blocked, Text: "IT, ext. 4711", Err: errors.New("rules[0]: block")}
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
	w.accept()
	waiting.say("USER late")
	waiting.hear("+OK")
	waiting.say("PASS late")
	waiting.hear("-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again")
	waiting.hear("-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again")
	waiting.end()
	w.expect(inventory.OutcomeUpstreamFailed, inventory.PhaseLogin, inventory.EndedByBridge, "stopping")
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

func TestServer_PROXYHeaderIsRequiredFromBalancersOnly(t *testing.T) {
	balancer := func(w *world) {
		w.listener.Balancers = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		w.listener.Allow = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}
	}
	w := newWorld(t, balancer)
	raw := w.dialRaw()
	if _, err := io.WriteString(raw, "PROXY TCP4 10.20.3.7 10.0.0.1 50000 995\r\n"); err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: proxy.LegacySuites(), InsecureSkipVerify: true})
	d := newDevice(t, c)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	d.say("QUIT")
	d.hear("+OK bye")
	s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
	if s.Source.IP != netip.MustParseAddr("10.20.3.7") || s.Source.Port != 50000 {
		t.Errorf("source: got %v", s.Source)
	}

	w = newWorld(t, balancer)
	raw = w.dialRaw()
	_, _ = raw.Write(sslv3Hello())
	if got, _ := io.ReadAll(raw); len(got) > 0 {
		t.Errorf("without a header: got %q, want nothing", got)
	}
	if away := <-w.records.turned; !strings.Contains(away.Reason, "PROXY header") {
		t.Errorf("turned away: got %q", away.Reason)
	}

	w = newWorld(t, nil)
	raw = w.dialRaw()
	_, _ = io.WriteString(raw, "PROXY TCP4 10.20.3.7 10.0.0.1 50000 995\r\n")
	if got, _ := io.ReadAll(raw); !strings.HasPrefix(string(got), "-ERR") {
		t.Errorf("from others: got %q, want the line for plain text", got)
	}
	if s := w.record(); s.Source.IP != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("source: got %v, want the peer's", s.Source.IP)
	}
}
