package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

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
	c := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, CipherSuites: devicetls.LegacySuites(),
		InsecureSkipVerify: true})
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
	s := w.expect(inventory.OutcomeRefused, inventory.PhaseHandshake, inventory.EndedByDevice, "the password crossed the network in clear "+
		"text, change it")
	if !slices.Contains(s.Quirks, login.QuirkPasswordInClear) || s.Hello.Format != hello.FormatNone {
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
	c := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: devicetls.LegacySuites(),
		InsecureSkipVerify: true})
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

func TestServer_SilenceAfterSTLSIsToldAsSuch(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS, w.listener.HandshakeTimeout = true, time.Second })
	d := newDevice(t, w.dialRaw())
	d.hear("+OK ready")
	d.say("STLS")
	d.hear("+OK Begin TLS negotiation.")
	if got, _ := io.ReadAll(d.r); !bytes.Equal(got, []byte{21, 3, 1, 0, 2, 1, 0}) {
		t.Errorf("got %x, want close_notify", got)
	}
	w.expect(inventory.OutcomeAbandoned, inventory.PhaseHandshake, inventory.EndedByBridge, "asked to start TLS and then said nothing")
}

func TestServer_DeviceThatSpeaksFirstIsServedAndNoted(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS = true })
	raw := w.dialRaw()
	if _, err := io.WriteString(raw, "CAPA\r\n"); err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, raw)
	d.hear("+OK ready")
	d.hear("+OK")
	_ = d.Close()
	if s := w.record(); s.Outcome != inventory.OutcomeAbandoned || s.Hello.Format != hello.FormatNone {
		t.Errorf("got %s, %v", s.Outcome, s.Hello.Format)
	}
}

func TestServer_NoMoreThanTheLimitsSessions(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.Sessions = limits.NewSessions("pop3s", 1, 0, nil) })
	first := w.dial(0)
	first.hear("+OK ready")
	got, _ := io.ReadAll(w.dialRaw())
	if !bytes.Equal(got, []byte{21, 3, 1, 0, 2, 2, 80}) {
		t.Errorf("got %x, want the alert internal_error", got)
	}
	if away := <-w.records.turned; !strings.Contains(away.Reason, "limits.sessions: 1") {
		t.Errorf("turned away: %q", away.Reason)
	}
	_ = first.Close()
	w.expect(inventory.OutcomeAbandoned, inventory.PhaseLogin, inventory.EndedByDevice, "closed the connection before it logged in")
	for began := time.Now(); ; time.Sleep(time.Millisecond) { // the record comes before its session has left
		if place, _, ok := w.listener.Sessions.Enter(netip.MustParseAddr("127.0.0.1")); ok {
			place.Leave()
			break
		} else if time.Since(began) > patience {
			t.Fatal("the session that ended never left")
		}
	}
	again := w.dial(0)
	again.hear("+OK ready")
}

// halfClosing notes whether the peer was let read on.
type halfClosing struct {
	net.Conn
	gently, closed bool
}

func (h *halfClosing) CloseWrite() error               { h.gently = true; return nil }
func (h *halfClosing) Close() error                    { h.closed = true; return nil }
func (h *halfClosing) SetReadDeadline(time.Time) error { return nil }
func (h *halfClosing) Read([]byte) (int, error)        { return 0, io.EOF }

// TestServer_TurnsAwayGentlyUpToABound turns one away beside others.
func TestServer_TurnsAwayGentlyUpToABound(t *testing.T) {
	for others, gently := range map[int32]bool{0: true, limits.MaxTurnedAway - 1: true, limits.MaxTurnedAway: false} {
		c, s := &halfClosing{}, &proxy.Server{}
		s.CloseTurnedAway(c, others)
		if c.gently != gently || !c.closed {
			t.Errorf("beside %d others: gently %t, closed %t", others, c.gently, c.closed)
		}
	}
}
