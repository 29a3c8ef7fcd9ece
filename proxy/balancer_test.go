package proxy_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/limits"
)

// v2 is a PROXY header of version 2: its command, family and transport, and what stands behind them.
func v2(command, family byte, block string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string(binary.BigEndian.AppendUint16([]byte{0x20 | command, family}, uint16(len(block)))) + block
}

// behindBalancer is a world whose one balancer is this machine, which is in no allow-list, and has no place in any limit.
func behindBalancer(t *testing.T, adjust func(*world)) *world {
	return newWorld(t, func(w *world) {
		w.listener.Balancers = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		w.listener.Allow = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}
		w.server.Banned = func(a netip.Addr) (time.Time, string, bool) { return time.Time{}, "", a.IsLoopback() }
		if adjust != nil {
			adjust(w)
		}
	})
}

const (
	localHeader   = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	unknownHeader = "PROXY UNKNOWN\r\n"
	deviceHeader  = "PROXY TCP4 10.20.3.7 10.0.0.1 50000 995\r\n"
)

func TestServer_ProbeOfABalancerIsServedAndLeavesNoTrace(t *testing.T) {
	for name, probe := range map[string]func(w *world, raw net.Conn){
		"connects and closes":   func(_ *world, raw net.Conn) { _ = raw.Close() },
		"connects and resets":   func(_ *world, raw net.Conn) { hangUp(raw.(*net.TCPConn)); _ = raw.Close() },
		"connects and waits":    func(_ *world, raw net.Conn) { _, _ = io.ReadAll(raw) },
		"v2 LOCAL":              func(_ *world, raw net.Conn) { _, _ = io.WriteString(raw, localHeader); _ = raw.Close() },
		"v1 UNKNOWN":            func(_ *world, raw net.Conn) { _, _ = io.WriteString(raw, unknownHeader); _ = raw.Close() },
		"v2 LOCAL with TLS":     func(w *world, raw net.Conn) { probeTLS(w, raw, localHeader) },
		"v1 UNKNOWN with TLS":   func(w *world, raw net.Conn) { probeTLS(w, raw, unknownHeader) },
		"v2 LOCAL with a block": func(w *world, raw net.Conn) { probeTLS(w, raw, v2(0, 0x11, strings.Repeat("\x0a", 12))) },
		"v2 LOCAL and silence":  func(_ *world, raw net.Conn) { _, _ = io.WriteString(raw, localHeader); _, _ = io.ReadAll(raw) },
		"v2 LOCAL and half a hello": func(_ *world, raw net.Conn) {
			_, _ = io.WriteString(raw, localHeader+"\x16\x03\x01")
			_ = raw.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := behindBalancer(t, func(w *world) {
				w.listener.HandshakeTimeout = 300 * time.Millisecond
				w.listener.Sessions = limits.NewSessions("pop3s", 1, 1, nil)
			})
			place, _, _ := w.listener.Sessions.Enter(netip.MustParseAddr("127.0.0.1")) // all places are taken
			probe(w, w.dialRaw())
			place.Leave()
			raw := w.dialRaw()
			_, _ = io.WriteString(raw, deviceHeader)
			d := startTLS(t, raw, 0x0301)
			d.logIn("right")
			d.hear("+OK Mailbox open.")
			_ = d.Close()
			if s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, ""); s.Source.IP.String() != "10.20.3.7" {
				t.Errorf("source: %s", s.Source.IP)
			}
			w.accept()
			w.cut()
			<-w.done
			for range len(w.records.turned) {
				t.Errorf("turned away: %+v", <-w.records.turned)
			}
			for range len(w.records.ended) {
				t.Errorf("on record: %+v", <-w.records.ended)
			}
		})
	}
}

// probeTLS is what `check check-ssl` does: a handshake, a greeting, and no more.
func probeTLS(w *world, raw net.Conn, header string) {
	_, _ = io.WriteString(raw, header)
	d := startTLS(w.t, raw, 0x0303)
	d.hear("+OK ready")
	_ = d.Close()
}

// TestServer_LoginOverAProbeIsASession: whoever logs in is no probe, whatever its header says; a mailbox is never opened unseen.
func TestServer_LoginOverAProbeIsASession(t *testing.T) {
	w := behindBalancer(t, nil)
	raw := w.dialRaw()
	_, _ = io.WriteString(raw, localHeader)
	d := startTLS(t, raw, 0x0301)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	_ = d.Close()
	s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
	if s.Source.IP.String() != "127.0.0.1" || s.Account != "anna" {
		t.Errorf("%s/%s is on record", s.Source.IP, s.Account)
	}
}

func TestServer_FaultyPROXYHeaderIsTurnedAwayWithSourceAndReason(t *testing.T) {
	for _, c := range []struct{ name, header, reason string }{
		{"none", string(sslv3Hello()), "sent no valid PROXY header"},
		{"v1, broken", "PROXY TCP4 10.20.3.7 10.0.0.1 50000\r\n", "sent no valid PROXY header"},
		{"v1, no word", "PROXY\r\n", "sent no valid PROXY header"},
		{"v1 without an end", "PROXY TCP4 " + strings.Repeat("1", 200), "sent no valid PROXY header"},
		{"v2, cut off", localHeader[:13], "sent no valid PROXY header"},
		{"v2 with an unknown command", v2(7, 0x11, strings.Repeat("\x0a", 12)), "sent no valid PROXY header"},
		{"v2 with a unix stream", v2(1, 0x31, strings.Repeat("/", 216)), "unix or UDP addresses"},
		{"v2 with a unix datagram", v2(1, 0x32, strings.Repeat("/", 216)), "unix or UDP addresses"},
		{"v2 with UDP over IPv4", v2(1, 0x12, strings.Repeat("\x0a", 12)), "unix or UDP addresses"},
		{"v2 with UDP over IPv6", v2(1, 0x22, strings.Repeat("\x0a", 36)), "unix or UDP addresses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := behindBalancer(t, nil)
			raw := w.dialRaw()
			_, _ = io.WriteString(raw, c.header)
			_ = raw.(*net.TCPConn).CloseWrite()
			if got, _ := io.ReadAll(raw); len(got) > 0 {
				t.Errorf("it reads %q", got)
			}
			select {
			case away := <-w.records.turned:
				if away.Source.String() != "127.0.0.1" || !strings.Contains(away.Reason, c.reason) {
					t.Errorf("turned away: %s, %q", away.Source, away.Reason)
				}
			case <-time.After(patience):
				t.Error("nobody was turned away")
			}
		})
	}
}

func TestServer_SlowPROXYHeaderHasTheHandshakesTime(t *testing.T) {
	w := behindBalancer(t, func(w *world) { w.listener.HandshakeTimeout = 200 * time.Millisecond })
	raw := w.dialRaw()
	_, _ = io.WriteString(raw, localHeader[:5])
	if got, err := io.ReadAll(raw); len(got) > 0 || err != nil {
		t.Errorf("it reads %q, %v", got, err)
	}
	if away := <-w.records.turned; !strings.Contains(away.Reason, "no valid PROXY header") {
		t.Errorf("turned away: %q", away.Reason)
	}
}
