package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

// TestLog_AnOutputThatStallsOrEndsDelaysNobody has standard error be a pipe that nobody reads (it takes some
// 50 records), and one whose reader ends: 200 devices
// are served, the bridge answers, and a signal ends it.
func TestLog_AnOutputThatStallsOrEndsDelaysNobody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		readerEnds bool
		wantWarned bool // of lines that are lost; a stalled pipe's wait in memory
	}{"nobody reads": {}, "the reader ends": {readerEnds: true, wantWarned: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := pipedBridge(t, "2s", tt.readerEnds)
			for i := range 200 {
				must(t, c.visit(t.Context(), i%len(c.admitted), false))
			}
			if code := p.healthcheck(); code != exitDone {
				t.Errorf("healthcheck: exit %d after 200 sessions", code)
			}
			if got := strings.Contains(p.warnings(), "log.output"); got != tt.wantWarned {
				t.Errorf("warnings: %q, want one of lines that are lost: %t", p.warnings(), tt.wantWarned)
			}
			began := time.Now()
			p.signal(syscall.SIGTERM)
			if code := p.exit(); code != exitDone {
				t.Errorf("exit %d, want 0", code)
			}
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it took %v to end, want at most drain and 10 s", took)
			}
			if got := strings.Count(inventoryOf(t, p.config), `"sessions":25,"outcomes":`); got != len(c.admitted) {
				t.Errorf("the inventory has %d devices of 25 sessions, want %d", got, len(c.admitted))
			}
		})
	}
}

// TestLog_TheSecondSignalEndsWhateverStalls has a device that stays, and standard error full.
func TestLog_TheSecondSignalEndsWhateverStalls(t *testing.T) {
	t.Parallel()
	p, c := pipedBridge(t, "10m", false)
	for i := range 100 {
		must(t, c.visit(t.Context(), i%len(c.admitted), false))
	}
	idle := dial(t, c.address, deviceVersions[0].version)
	idle.hear("* OK")
	idle.say("a LOGIN fax@contoso.example right")
	idle.hear("a OK")
	p.signal(syscall.SIGTERM)
	until(t, "the address to close", func() bool { return !listening(c.address) })
	p.signal(syscall.SIGTERM)
	began := time.Now()
	if code := p.exit(); code != exitFailed {
		t.Errorf("exit %d, want %d", code, exitFailed)
	}
	if took := time.Since(began); took > 5*time.Second { // the bound is 1 s; machines are busy
		t.Errorf("it took %v to end after the second signal", took)
	}
}

// pipedBridge is a process whose standard error is a pipe: one that nobody reads, or one whose reader has ended.
func pipedBridge(t *testing.T, drain string, readerEnds bool) (*process, *crowd) {
	t.Helper()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "fax@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap := w.listen(sandbox.ListenOptions{})
	address := freeAddress(t)
	r, pipe, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _, _ = r.Close(), pipe.Close() })
	p := startProcess(t, w, fmt.Sprintf(`
name: test
drain: %s
log: {output: [stderr]}
listeners: [{name: imaps, protocol: imap, address: %q}]
certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]
inventory: {enrich: {reverse_dns: false}}
admin: {address: ""}
upstreams:
%s`, drain, address, w.upstream("mail", imap.Address(), "", "limits: {sessions_per_mailbox: 0}")), pipe)
	if readerEnds {
		must(t, r.Close())
	}
	return p, &crowd{address: address}
}
