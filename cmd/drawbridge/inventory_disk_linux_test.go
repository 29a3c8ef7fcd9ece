package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drawbridge/internal/sandbox"
)

func TestInventory_FullDisk(t *testing.T) {
	t.Parallel()
	fillTheDisk(t)
}

// fillTheDisk lets the bridge's process write no byte more to any file, as a full disk does: devices are served, the bridge says so, and
// when there is room again nothing is missing. It returns how long the longest visit took meanwhile.
func fillTheDisk(t *testing.T) (longest time.Duration) {
	t.Helper()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "fax@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap := w.listen(sandbox.ListenOptions{})
	address := freeAddress(t)
	p := serveProcess(t, w, fmt.Sprintf(`
name: test
log: {output: [%s]}
listeners: [{name: imaps, protocol: imap, address: %q}]
certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]
inventory: {enrich: {reverse_dns: false}}
admin: {address: ""}
upstreams:
%s`, filepath.Join(w.dir, "bridge.log"), address, w.upstream("mail", imap.Address(), "", "limits: {sessions_per_mailbox: 0}")))
	c := &crowd{address: address}
	visit := func() time.Duration {
		t.Helper()
		began := time.Now()
		must(t, c.visit(t.Context(), 0, false))
		return time.Since(began)
	}
	visit()
	p.limitFiles(1)
	for range 3 {
		longest = max(longest, visit())
	}
	until(t, "the warning of a full disk", func() bool { return strings.Contains(p.warnings(), "the journal cannot be written") })
	p.limitFiles(unix.RLIM_INFINITY)
	until(t, "the warning to end", func() bool { return p.warnings() == "" })
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitDone {
		t.Errorf("exit %d: %s", code, &p.stderr)
	}
	if got := c.admitted[0].Load(); got != 4 {
		t.Errorf("the device was admitted %d times, want each of 4", got)
	}
	if got := inventoryOf(t, p.config); !strings.Contains(got, `"sessions":4`) {
		t.Errorf("the inventory after the disk was full: %s; want 4 sessions", got)
	}
	return longest
}

// limitFiles bounds the size of every file that the process writes.
func (p *process) limitFiles(size uint64) {
	p.t.Helper()
	var hard unix.Rlimit
	must(p.t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &hard))
	must(p.t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: hard.Max}, nil))
}

// warnings are those that the bridge tells a monitor.
func (p *process) warnings() string {
	p.t.Helper()
	var out strings.Builder
	run(p.t.Context(), []string{"healthcheck", "--config", p.config, "--json"}, &out, os.Stderr)
	var r struct{ Warnings []string }
	must(p.t, json.Unmarshal([]byte(out.String()), &r))
	return strings.Join(r.Warnings, "; ")
}
