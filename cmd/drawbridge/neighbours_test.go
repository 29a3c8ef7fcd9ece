package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"drawbridge/internal/sandbox"
)

// networkConfig has listeners behind a load balancer, so that devices can have addresses of one IPv6 network.
const networkConfig = `
name: test
listeners:
  - {name: imaps, protocol: imap, address: "127.0.0.1:0", allow: ["2001:db8::/32"], proxy_protocol: [127.0.0.1]}
  - {name: pop3s, protocol: pop3, address: "127.0.0.1:0", allow: ["2001:db8::/32"], proxy_protocol: [127.0.0.1]}
certificates:
  - local_ca: {names: [localhost, 127.0.0.1]}
admin: {address: ""}
`

// through connects by the load balancer from a source, without TLS yet.
func (w *world) through(source string, protocol sandbox.Protocol) *client {
	w.t.Helper()
	c := dialFrom(w.t, "127.0.0.1", w.address(protocol, false), 0)
	_, err := fmt.Fprintf(c, "PROXY TCP6 %s 2001:db8::1 40000 993\r\n", source)
	must(w.t, err)
	return c
}

// logsIn wants a device to be let in from a source.
func (w *world) logsIn(source string, protocol sandbox.Protocol, account string) {
	w.t.Helper()
	c := w.through(source, protocol)
	c.secure(tls.VersionTLS10)
	if c.line(); protocol == sandbox.IMAP {
		c.say("a LOGIN " + account + " right")
		if got := c.hear("a "); !strings.HasPrefix(got, "a OK") {
			w.t.Errorf("%s as %s reads %q", source, account, got)
		}
	} else {
		c.say("USER "+account, "PASS right")
		c.line()
		if got := c.line(); !strings.HasPrefix(got, "+OK") {
			w.t.Errorf("%s as %s reads %q", source, account, got)
		}
	}
	must(w.t, c.Close())
}

// turnedAway wants a connection from a source to be told at once that no session can begin.
func (w *world) turnedAway(source string, protocol sandbox.Protocol) {
	w.t.Helper()
	if got, err := w.through(source, protocol).rest(); err != nil || got != busyAlert {
		w.t.Errorf("%s reads %x, %v, want the alert internal_error", source, got, err)
	}
}

const busyAlert = "\x15\x03\x01\x00\x02\x02\x50"

// failLogins tries names with wrong passwords, three a session, and wants each refused.
func (w *world) failLogins(source string, names ...string) error {
	c := w.through(source, sandbox.POP3)
	secure := tls.Client(c.Conn, deviceConfig(tls.VersionTLS10))
	if err := secure.HandshakeContext(w.t.Context()); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := fmt.Fprintf(secure, "USER %s\r\nPASS wrong\r\n", name); err != nil {
			return err
		}
	}
	all, err := io.ReadAll(secure)
	if got := strings.Count(string(all), "-ERR [AUTH]"); got != len(names) {
		return fmt.Errorf("%s: %d names read %q: %w", source, len(names), all, errors.Join(err))
	}
	return nil
}

// TestNeighbours_StrangersInANetworkLockNoDeviceOut lets one stranger of a /64 fail at 100 names and hold 50 connections that say
// nothing, while verified devices of the same /64 go on.
func TestNeighbours_StrangersInANetworkLockNoDeviceOut(t *testing.T) {
	t.Parallel()
	const devices = 10
	w := newWorld(t)
	account := func(i int) string { return fmt.Sprintf("device%d@contoso.example", i) }
	source := func(i int) string { return fmt.Sprintf("2001:db8::%d", i+1) }
	for i := range devices {
		w.mailbox(sandbox.Account{Address: account(i), Password: "right", Messages: [][]byte{messageOf(1)}})
	}
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(networkConfig, "upstreams:\n"+w.upstream("mail", imap.Address(), pop3.Address(), "limits: {dials_per_second: 0}")))
	for i := range devices {
		w.logsIn(source(i), sandbox.IMAP, account(i))
	}

	until(t, "the devices' sessions to end", func() bool { return len(w.records.sessions()) == devices })
	silent := 0
	until(t, "the strangers to have all places", func() bool {
		place, _, ok := w.bridge.counts.Sessions("imaps").Enter(netip.MustParseAddr("2001:db8::bad"))
		place.Leave()
		if ok {
			silent++
			w.through(fmt.Sprintf("2001:db8::bad:%x", silent), sandbox.IMAP)
		}
		return !ok
	})
	if silent < 50 {
		t.Errorf("%d silent connections have all places of a source, want 50", silent)
	}
	var failing sync.WaitGroup
	for i := 0; i < 102; i += 3 {
		if i == 60 {
			failing.Wait() // none of these is banned yet, however late it comes
		}
		failing.Go(func() {
			err := w.failLogins(fmt.Sprintf("2001:db8::bad:%x", i), fmt.Sprint("name", i), fmt.Sprint("name", i+1), fmt.Sprint("name", i+2))
			if err != nil && i < 60 { // who comes late is banned already
				t.Error(err)
			}
		})
	}
	failing.Wait()
	w.turnedAway("2001:db8::beef", sandbox.IMAP)
	w.turnedAway("2001:db8::beef", sandbox.POP3)
	for i := range devices {
		w.logsIn(source(i), sandbox.IMAP, account(i))
		w.logsIn(source(i), sandbox.POP3, account(i))
	}
}

// TestNeighbours_AllSessionsOfADeviceComeBackAtOnce is a device after a power cut: thirty sessions log in at once, and the bridge,
// which has just started, knows no password yet.
func TestNeighbours_AllSessionsOfADeviceComeBackAtOnce(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	start := make(chan struct{})
	var all sync.WaitGroup
	for range 30 {
		c := dial(t, w.address(sandbox.POP3, false), tls.VersionTLS10)
		c.line()
		all.Go(func() {
			<-start
			_, _ = io.WriteString(c, "USER scanner@contoso.example\r\nPASS right\r\nQUIT\r\n")
			if got, err := io.ReadAll(c); err != nil || strings.Count(string(got), "+OK") != 3 {
				t.Errorf("a session reads %q, %v", got, err)
			}
		})
	}
	close(start)
	all.Wait()
	if n := w.asked()["right"]; n != 30 {
		t.Errorf("the upstream was asked %d times, want once a session", n)
	}
}
