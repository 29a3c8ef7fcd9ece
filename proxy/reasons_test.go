package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

// TestReason_NeverBlamesTheDeviceForWhatTheUpstreamDid, nor says that it ended what the bridge did.
func TestReason_NeverBlamesTheDeviceForWhatTheUpstreamDid(t *testing.T) {
	secure := func(w *world, say func(net.Conn)) {
		w.upstream.serveBy(func(c net.Conn) {
			say(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{w.upstream.cert}, MinVersion: tls.VersionTLS12}))
		})
	}
	for name, c := range map[string]struct {
		harm   func(*world)
		phase  inventory.Phase
		reason string
	}{
		"a line without an end": {func(w *world) {
			secure(w, func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte("x"), login.MaxReply+100)) })
		}, inventory.PhaseAuthenticate, "the upstream did not greet (it sent a line of more than 65536 bytes): check its address"},
		"a handshake broken off": {func(w *world) { w.upstream.serveBy(func(c net.Conn) { _ = c.Close() }) }, inventory.PhaseDial,
			"the upstream mail broke the TLS handshake off"},
		"bytes injected before TLS": {func(w *world) {
			w.decider.upstream = startingTLS(w, proxy.UpstreamOptions{})
			w.upstream.serveBy(func(c net.Conn) {
				_, _ = io.WriteString(c, "+OK\r\n")
				_, _ = bufio.NewReader(c).ReadString('\n')
				_, _ = io.WriteString(c, "+OK\r\n+OK injected\r\n")
			})
		}, inventory.PhaseAuthenticate, "on the upstream's side bytes in plain text"},
		"plain text where TLS was to begin": {func(w *world) {
			w.upstream.serveBy(func(c net.Conn) { _, _ = io.WriteString(c, "+OK mail ready\r\n"); _, _ = io.Copy(io.Discard, c) })
		}, inventory.PhaseDial, "answers in plain text where TLS was to begin: set upstreams.mail.tls to starttls"},
		"an alert after the handshake": {func(w *world) {
			w.upstream.serveBy(func(c net.Conn) {
				_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{w.upstream.cert}, ClientAuth: tls.RequireAnyClientCert}).Handshake()
			})
		}, inventory.PhaseAuthenticate, "the upstream did not greet (certificate required): check its address"},
		"silence, in clear": {func(w *world) {
			w.decider.upstream = startingTLS(w, proxy.UpstreamOptions{DialTimeout: 50 * time.Millisecond})
			w.upstream.serveBy(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		}, inventory.PhaseAuthenticate, "did not greet in time: if its port wants TLS at once (993, 995) set its tls to implicit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.harm)
			d := w.dial(0)
			d.hear("+OK ready")
			for range 3 {
				d.say("USER anna")
				d.hear("+OK")
				d.say("PASS right")
				d.hear("-ERR [SYS/TEMP] " + login.Unavailable.Text())
			}
			_, _ = io.ReadAll(d.r)
			s := w.expect(inventory.OutcomeUpstreamFailed, c.phase, inventory.EndedByBridge, c.reason)
			for _, raw := range []string{"EOF", "tls: ", "x509: ", "127.0.0.1:", "i/o timeout", "remote error", "device's"} {
				if strings.Contains(s.Reason, raw) {
					t.Errorf("%q has %q in it", s.Reason, raw)
				}
			}
		})
	}
}

// startingTLS is w's upstream where TLS begins after STLS.
func startingTLS(w *world, o proxy.UpstreamOptions) *proxy.Upstream {
	o.Name, o.Addresses, o.StartTLS = "mail", map[string]string{"pop3": w.upstream.address}, true
	o.ServerName, o.Roots, o.LoginTimeout = "mail.test", w.upstream.roots, patience
	if o.DialTimeout == 0 {
		o.DialTimeout = patience
	}
	return proxy.NewUpstream(o)
}

// TestReason_ADeviceThatOpensWithTLSWherePlainTextBegins is told by its setting, and not by what became of its bytes.
func TestReason_ADeviceThatOpensWithTLSWherePlainTextBegins(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS, w.listener.HandshakeTimeout = true, 2*time.Second })
	raw := w.dialRaw()
	// TLS 1.0, as old devices: a hello of today has a kilobyte of chance in it, and with it now and then ten line feeds, which
	// the bridge ends as bad commands before the device has left.
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
	if err := c.Handshake(); err == nil {
		t.Fatal("a handshake came to an end")
	}
	_ = raw.Close()
	s := w.expect(inventory.OutcomeTLSFailed, inventory.PhaseHandshake, inventory.EndedByDevice, "from SSL/TLS to STARTTLS")
	if s.Hello != nil {
		t.Errorf("hello %v is told of a device that has TLS", s.Hello)
	}
	d := newDevice(t, w.dialRaw())
	d.hear("+OK ready")
	_ = d.Close()
	_, _ = io.WriteString(w.dialRaw(), "\x16\x03\x01\n\n\n\n\n\n\n\n\n\n\n\n")
	w.expect(inventory.OutcomeTLSFailed, inventory.PhaseHandshake, inventory.EndedByBridge, "from SSL/TLS to STARTTLS")
}

// TestReason_ADeviceThatIsGoneWhenItIsLetIn may have been kept waiting.
func TestReason_ADeviceThatIsGoneWhenItIsLetIn(t *testing.T) {
	raw := make(chan net.Conn, 1)
	w := newWorld(t, func(w *world) {
		w.upstream.answerWith(func(line string) string {
			if strings.HasPrefix(line, "PASS") {
				c := <-raw
				hangUp(c.(*net.TCPConn))
				_ = c.Close()
				time.Sleep(50 * time.Millisecond) // the reset arrives
			}
			return ""
		})
	})
	c := w.dialRaw()
	d := startTLS(t, c, tls.VersionTLS10)
	d.logIn("right")
	raw <- c
	w.expect(inventory.OutcomeAbandoned, inventory.PhaseAdmit, inventory.EndedByDevice, "(upstream_ms) to log in: if that is long")
}

// TestReason_WhatAnUpstreamEndsASessionWith says whether anything needs to be done.
func TestReason_WhatAnUpstreamEndsASessionWith(t *testing.T) {
	for says, want := range map[string]string{
		"-ERR Session invalidated - AccessTokenExpired": "since its token had run out, as it does after 60 to 90 minutes",
		"-ERR Connection closed. 14":                    "the upstream ended the session, see upstream_says: nothing needs to be done where",
	} {
		w := newWorld(t, nil)
		w.upstream.serveBy(func(raw net.Conn) {
			c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{w.upstream.cert}})
			_, _ = io.WriteString(c, "+OK\r\n")
			for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != "NOOP"; {
				_, _ = io.WriteString(c, w.upstream.reply(lines.Text())+"\r\n")
			}
			_, _ = io.WriteString(c, says+"\r\n")
			_ = c.Close()
		})
		d := w.dial(0)
		d.logIn("right")
		d.hear("+OK Mailbox open.")
		d.say("NOOP")
		d.hear(says)
		_, _ = io.ReadAll(d.r)
		if s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByUpstream, want); s.UpstreamSays != says {
			t.Errorf("upstream_says: %q, want %q", s.UpstreamSays, says)
		}
	}
}
