package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// idleOnce logs a device in and leaves it in IDLE.
func idleOnce(address string, n int) (*client, error) {
	c, err := tls.Dial("tcp", address, deviceConfig(tls.VersionTLS10))
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(3 * patience))
	d := &client{Conn: c, r: bufio.NewReaderSize(c, 512)}
	for _, step := range [][2]string{{"", "* OK"}, {fmt.Sprintf("a LOGIN device%d@contoso.example right\r\n", n), "a OK"},
		{"b IDLE\r\n", "+ "}} {
		if _, err := io.WriteString(c, step[0]); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		for line := ""; !strings.HasPrefix(line, step[1]); {
			if line, err = d.r.ReadString('\n'); err != nil {
				return nil, errors.Join(fmt.Errorf("wait for %q: %w", step[1], err), c.Close())
			}
		}
	}
	return d, nil
}

// alive wants the session to answer still, and ends it.
func (c *client) alive(t *testing.T) {
	t.Helper()
	c.t = t
	c.say("DONE", "z NOOP")
	c.hear("z OK")
	_ = c.Close()
}

func TestIdle_LastsWhileSomebodySpeaks(t *testing.T) {
	t.Parallel()
	speakAndFallSilent(t)
}

// speakAndFallSilent keeps a session in IDLE for several idle time-outs of two seconds: mail comes now and then. Then nobody speaks, and
// the bridge ends it. It returns how long after the last word that was.
func speakAndFallSilent(t *testing.T) (took time.Duration) {
	t.Helper()
	const idle = 2 * time.Second
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right"})
	imap := w.listen(sandbox.ListenOptions{})
	w.start(w.configure(strings.Replace(listenersOf(sandbox.IMAP), `address: "127.0.0.1:0"}`,
		`address: "127.0.0.1:0", limits: {idle_timeout: 2s}}`, 1),
		"upstreams:\n"+w.upstream("mail", imap.Address(), "")))
	c := idleDevice(t, w.address(sandbox.IMAP, false))
	began := time.Now()
	for tick, n := time.NewTicker(idle/8), 1; time.Since(began) < 2*idle; n++ {
		<-tick.C
		must(t, w.exchange.Mailbox("device@contoso.example").Deliver(messageOf(n)))
		c.hear(fmt.Sprintf("* %d EXISTS", n))
	}
	last := time.Now()
	c.say("DONE") // the device's own words count too
	c.hear("c OK")
	rest, err := c.rest()
	if rest != "" || err != nil {
		t.Errorf("the silent session ended with %q, %v, want close_notify and nothing before it", rest, err)
	}
	if took = time.Since(last); took < idle {
		t.Errorf("it ended %v after the last word, want %v", took, idle)
	}
	s := w.records.wait(t, "device@contoso.example", 1)
	if s.Outcome != inventory.OutcomeBridged || s.EndedBy != inventory.EndedByBridge || !strings.Contains(s.Reason, "limits.idle_timeout") {
		t.Errorf("record: %s, ended by %s, reason %q, want bridged, bridge and limits.idle_timeout", s.Outcome, s.EndedBy, s.Reason)
	}
	return took
}

// TestIdle_ASilentDeviceBeforeLoginIsTold falls silent before the login, inside TLS and before it.
func TestIdle_ASilentDeviceBeforeLoginIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := `address: "127.0.0.1:0", limits: {login_timeout: 300ms, handshake_timeout: 600ms}`
	w.start(w.configure(strings.ReplaceAll(bridgeConfig, `address: "127.0.0.1:0"`, limits),
		"upstreams:\n"+w.upstream("mail", "127.0.0.1:1", "127.0.0.1:1")))
	for _, c := range []struct {
		name     string
		protocol sandbox.Protocol
		startTLS bool
		version  uint16
		reads    string
		reason   string
	}{
		{"after the greeting, IMAP", sandbox.IMAP, false, tls.VersionTLS10, "* BYE Too many errors or too slow, please wait and try again",
			"limits.login_timeout: 300ms"},
		{"after the greeting, POP3", sandbox.POP3, false, tls.VersionTLS10,
			"-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again", "limits.login_timeout: 300ms"},
		{"before STARTTLS", sandbox.IMAP, true, 0, "* BYE Too many errors or too slow, please wait and try again",
			"limits.handshake_timeout: 600ms"},
		{"before the hello", sandbox.POP3, false, 0, "", "limits.handshake_timeout: 600ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.records.sessions())
			d := dial(t, w.address(c.protocol, c.startTLS), c.version)
			heard, err := d.rest()
			var closed net.Error
			if err != nil && !errors.As(err, &closed) || !strings.Contains(heard, c.reads) {
				t.Errorf("the device read %q, %v, want %q", heard, err, c.reads)
			}
			if s := w.records.next(t, before); s.Outcome != inventory.OutcomeAbandoned || !strings.Contains(s.Reason, c.reason) {
				t.Errorf("record: %s, reason %q, want abandoned and %q", s.Outcome, s.Reason, c.reason)
			}
		})
	}
}
