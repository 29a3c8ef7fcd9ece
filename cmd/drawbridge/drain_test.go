package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// drainWorld is a bridge with the mailbox device@contoso.example and a drain of its own.
func drainWorld(t *testing.T, drain string) (*world, *drainConfig) {
	t.Helper()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	return w, &drainConfig{imaps: freeAddress(t), pop3s: freeAddress(t), admin: freeAddress(t), drain: drain,
		upstreams: "upstreams:\n" + w.upstream("mail", imap.Address(), pop3.Address())}
}

// drainConfig is a configuration with known addresses.
type drainConfig struct{ imaps, pop3s, admin, drain, upstreams string }

func (c *drainConfig) String() string {
	return fmt.Sprintf("drain: %s\nlisteners:\n  - {name: imaps, protocol: imap, address: %q}\n"+
		"  - {name: pop3s, protocol: pop3, address: %q}\n"+
		"certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]\nadmin: {address: %q}\n%s", c.drain, c.imaps, c.pop3s, c.admin, c.upstreams)
}

// idleDevice logs in and enters IDLE.
func idleDevice(t *testing.T, address string) *client {
	t.Helper()
	c := dial(t, address, deviceVersions[0].version)
	c.hear("* OK")
	c.say("a LOGIN device@contoso.example right")
	c.hear("a OK")
	c.say("b SELECT INBOX")
	c.hear("b OK")
	c.say("c IDLE")
	c.hear("+ ")
	return c
}

// TestDrain_SessionsGoOnAndLoginsDoNot stops a bridge by a signal while one device is logged in and two are about to log in.
func TestDrain_SessionsGoOnAndLoginsDoNot(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "1m")
	signals := make(chan os.Signal, 2)
	ended := w.startUntil(c, signals)
	idle := idleDevice(t, c.imaps)
	imap, pop3 := dial(t, c.imaps, deviceVersions[0].version), dial(t, c.pop3s, deviceVersions[0].version)
	imap.hear("* OK")
	pop3.hear("+OK")
	if status := readyz(t, c.admin); status != http.StatusOK {
		t.Errorf("/readyz: %d before, want 200", status)
	}
	signals <- syscall.SIGTERM
	until(t, "/readyz to say draining", func() bool { return readyz(t, c.admin) == http.StatusServiceUnavailable })
	until(t, "the address to close", func() bool { return !listening(c.imaps) && !listening(c.pop3s) })

	if got, want := imap.hear("*"), "* BYE"+strings.TrimPrefix(unavailable[sandbox.IMAP], "NO"); got != want {
		t.Errorf("a device that has not logged in over IMAP reads %q, want %q", got, want)
	}
	if got := pop3.hear("-ERR"); got != unavailable[sandbox.POP3] {
		t.Errorf("a device that has not logged in over POP3 reads %q, want %q", got, unavailable[sandbox.POP3])
	}
	idle.say("DONE", "d FETCH 1 BODY.PEEK[]", "e LOGOUT")
	idle.hear("c OK")
	idle.hear("d OK")
	idle.hear("e OK")
	if err := <-ended; err != nil {
		t.Errorf("the bridge ended by %v, want a clean end once the last session had ended", err)
	}
	outcomes := map[inventory.Outcome]int{}
	for _, s := range w.records.sessions() {
		outcomes[s.Outcome]++
	}
	if len(w.exchange.Log().Logins()) != 1 || outcomes[inventory.OutcomeBridged] != 1 || outcomes[inventory.OutcomeCut] != 2 {
		t.Errorf("outcomes %v and %d logins upstream, want one bridged, two cut, one login", outcomes, len(w.exchange.Log().Logins()))
	}
}

// TestDrain_CutsWhatIsLeft lets drain pass: the device reads a clean end of TLS, and no line.
func TestDrain_CutsWhatIsLeft(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "300ms")
	signals := make(chan os.Signal, 2)
	ended := w.startUntil(c, signals)
	idle := idleDevice(t, c.imaps)
	silent := dial(t, c.pop3s, deviceVersions[0].version)
	silent.hear("+OK")
	signals <- syscall.SIGINT
	if rest, err := idle.rest(); rest != "" || err != nil {
		t.Errorf("the device read %q, %v, want close_notify and nothing before it", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the bridge ended by %v, want a clean end", err)
	}
	s := w.records.wait(t, "device@contoso.example", 1)
	if s.Outcome != inventory.OutcomeCut || s.EndedBy != inventory.EndedByBridge || s.Phase != inventory.PhaseRelay || s.Reason == "" {
		t.Errorf("record: %s, ended by %s in %s, reason %q, want cut by bridge in relay, with a reason", s.Outcome, s.EndedBy, s.Phase, s.Reason)
	}
	if n := len(w.records.sessions()); n != 2 {
		t.Errorf("%d records, want one of each session", n)
	}
}

// TestDrain_AProcessEndsWithZero is the same by the real command: it drains, cuts, writes the record and ends with 0.
func TestDrain_AProcessEndsWithZero(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "300ms")
	p := serveProcess(t, w, c.String()+"log: {output: [bridge.log]}\n")
	idle := idleDevice(t, c.imaps)
	p.signal(syscall.SIGTERM)
	if rest, err := idle.rest(); rest != "" || err != nil {
		t.Errorf("the device read %q, %v, want close_notify", rest, err)
	}
	if code := p.exit(); code != exitDone {
		t.Errorf("exit %d, want 0: %s", code, &p.stderr)
	}
	checkCut(t, p.logged())
}

// TestSignals_ASecondOneEndsAtOnce sends SIGTERM twice while a session runs that drain would let go on for long.
func TestSignals_ASecondOneEndsAtOnce(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "10m")
	p := serveProcess(t, w, c.String()+"log: {output: [bridge.log], level: error}\n")
	idle := idleDevice(t, c.imaps)
	p.signal(syscall.SIGTERM)
	until(t, "/readyz to say draining", func() bool { return readyz(t, c.admin) == http.StatusServiceUnavailable })
	if code := p.healthcheck(); code != exitFailed {
		t.Errorf("healthcheck while draining: exit %d, want 1", code)
	}
	p.signal(syscall.SIGTERM)
	if rest, err := idle.rest(); rest != "" || err != nil {
		t.Errorf("the device read %q, %v, want close_notify", rest, err)
	}
	if code := p.exit(); code != exitFailed {
		t.Errorf("exit %d, want 1", code)
	}
	if said := p.stderr.String(); !strings.HasPrefix(said, "drawbridge: a second signal ended the bridge at once") ||
		strings.Count(said, "\n") != 1 {
		t.Errorf("standard error is %q, want one sentence about the second signal", said)
	}
	checkCut(t, p.logged())
}

// checkCut wants the one session of a log to be cut, with its whole record.
func checkCut(t *testing.T, log string) {
	t.Helper()
	var records []map[string]any
	for line := range strings.Lines(log) {
		var r map[string]any
		must(t, json.Unmarshal([]byte(line), &r))
		if r["msg"] == "session" {
			records = append(records, r)
		}
	}
	if len(records) != 1 {
		t.Fatalf("the log has %d session records, want 1:\n%s", len(records), log)
	}
	for key, want := range map[string]any{"outcome": "cut", "ended_by": "bridge", "phase": "relay", "account": "device@contoso.example",
		"tls_version": "1.0", "upstream_tls_version": "1.2"} {
		if records[0][key] != want {
			t.Errorf("record: %s is %v, want %v", key, records[0][key], want)
		}
	}
}

// startUntil runs the bridge as serve does, with signals of the test.
func (w *world) startUntil(c *drainConfig, signals <-chan os.Signal) <-chan error {
	w.t.Helper()
	cfg := w.configure(c.String(), "")
	withAuthority(w.t, cfg.DataDir)
	b, err := newBridge(cfg, w.logs, w.records)
	must(w.t, err)
	w.bridge = b
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- b.runUntil(ctx, signals)
	}()
	w.t.Cleanup(func() { // ends at once what a failed test left running
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			w.t.Error("the bridge did not end")
		}
	})
	return ended
}

// readyz is the status of /readyz at the admin address.
func readyz(t *testing.T, address string) int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://" + address + "/readyz")
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0
	}
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func listening(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
