package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	bulkSize      = 200 << 20
	bulkSizeShort = 8 << 20
	bulkGrowth    = 16 << 20 // bytes by which the bridge's peak may grow for a message of any size
	idleSessions  = 2000
	idleCost      = 50 << 10 // bytes of the bridge for each
)

// buildBridge builds the command without the race detector, whose memory would be measured too.
func buildBridge(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "drawbridge")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the bridge: %v\n%s", err, out)
	}
	return program
}

// serveBuilt runs the built command in front of a stub.
func serveBuilt(t *testing.T, size int64, listener string) (*process, *drainConfig) {
	t.Helper()
	w := newWorld(t)
	s := newStub(t, w, size)
	must(t, os.Chmod(w.dataDir(), 0o700))
	c := &drainConfig{imaps: freeAddress(t), pop3s: freeAddress(t), admin: freeAddress(t), drain: "1s"}
	p := &process{t: t, config: filepath.Join(w.dir, "drawbridge.yaml"), log: filepath.Join(w.dir, "bridge.log"), exited: make(chan struct{})}
	text := fmt.Sprintf("data_dir: %s\ndrain: 1s\nlisteners:\n  - {name: imaps, protocol: imap, address: %q%s}\n  - {name: pop3s, protocol: pop3, address: %q%s}\n"+
		"certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]\nadmin: {address: \"\"}\nlog: {output: [bridge.log]}\nupstreams:\n%s", w.dataDir(),
		c.imaps, listener, c.pop3s, listener, w.upstream("mail", s.imap, s.pop3, "limits: {sessions_per_mailbox: 0, dials_per_second: 0, queue: 60s}"))
	must(t, os.WriteFile(p.config, []byte(text), 0o600))
	p.start(buildBridge(t))
	return p, c
}

// proc reads a figure in kB from a file of /proc/PID, in bytes.
func (p *process) proc(file, key string) int64 {
	p.t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	must(p.t, err)
	found := regexp.MustCompile(`(?m)^` + key + `:\s+(\d+) kB$`).FindSubmatch(content)
	if found == nil {
		p.t.Fatalf("%s has no %s:\n%s", file, key, content)
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	must(p.t, err)
	return kilobytes << 10
}

// TestBulk_PassesByteForByteInFlatMemory carries a large message down and up over TLS 1.0 and looks at the bridge's peak.
func TestBulk_PassesByteForByteInFlatMemory(t *testing.T) {
	size := int64(bulkSize)
	if testing.Short() {
		size = bulkSizeShort
	}
	p, c := serveBuilt(t, size, "")
	for _, transfer := range []struct {
		name, address string
		login         []string // each line and the answer to it
		carry         func(*testing.T, *client, int64)
	}{
		{"FETCH", c.imaps, []string{"a LOGIN device@contoso.example right", "a OK"}, fetchBulk},
		{"APPEND", c.imaps, []string{"a LOGIN device@contoso.example right", "a OK"}, appendBulk},
		{"RETR", c.pop3s, []string{"USER device@contoso.example", "+OK", "PASS right", "+OK"}, retrBulk},
	} {
		t.Run(transfer.name, func(t *testing.T) {
			d := dial(t, transfer.address, tls.VersionTLS10)
			must(t, d.SetDeadline(time.Now().Add(3*patience)))
			d.line() // the greeting
			for i := 0; i < len(transfer.login); i += 2 {
				d.say(transfer.login[i])
				d.hear(transfer.login[i+1])
			}
			before := p.proc("status", "VmHWM")
			transfer.carry(t, d, size)
			if grown := p.proc("status", "VmHWM") - before; grown > bulkGrowth {
				t.Errorf("the bridge's peak grew by %d KiB for a message of %d MiB, want at most %d KiB", grown>>10, size>>20, bulkGrowth>>10)
			} else {
				t.Logf("peak %d KiB, grown by %d KiB", p.proc("status", "VmHWM")>>10, grown>>10)
			}
		})
	}
}

func fetchBulk(t *testing.T, d *client, size int64) {
	d.say("b FETCH 1 BODY[]")
	d.hear(fmt.Sprintf("* 1 FETCH (BODY[] {%d}", size))
	if got, want := hashOf(t, d.r, size), hashOf(t, binaryMessage(), size); got != want {
		t.Errorf("the device got a message with the hash %s, want %s", got, want)
	}
	d.hear("b OK")
}

func retrBulk(t *testing.T, d *client, size int64) {
	d.say("RETR 1")
	d.hear("+OK")
	if got, want := hashOf(t, d.r, size), hashOf(t, textMessage(), size); got != want {
		t.Errorf("the device got a message with the hash %s, want %s", got, want)
	}
	if line := d.line(); line != "" {
		t.Errorf("behind the message came %q", line)
	}
	d.hear(".")
}

func appendBulk(t *testing.T, d *client, size int64) {
	d.say(fmt.Sprintf("b APPEND INBOX {%d}", size))
	d.hear("+ ")
	must(t, copyN(d, binaryMessage(), size))
	d.say("")
	if got, want := d.hear("b "), "b OK "+hashOf(t, binaryMessage(), size); got != want {
		t.Errorf("the upstream answers %q, want %q", got, want)
	}
}

// TestIdle_SessionsAreSmall holds many sessions in IDLE and divides what the bridge takes for them.
func TestIdle_SessionsAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many handshakes")
	}
	raiseFileLimit(t, 2*idleSessions+200)
	p, c := serveBuilt(t, 0, ", limits: {sessions_per_source: 0, handshake_timeout: 60s}")
	before := p.proc("smaps_rollup", "Pss")
	devices := make(chan *client, idleSessions)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < idleSessions; i += 8 {
				if d, err := idleOnce(c.imaps, i); err != nil {
					t.Errorf("device %d: %v", i, err)
					return
				} else {
					devices <- d
				}
			}
		})
	}
	group.Wait()
	close(devices)
	if t.Failed() {
		return
	}
	var each int64
	until(t, fmt.Sprintf("the bridge to take at most %d KiB a session", idleCost>>10), func() bool {
		each = (p.proc("smaps_rollup", "Pss") - before) / idleSessions
		return each <= idleCost
	})
	t.Logf("%d sessions take %d bytes each", idleSessions, each)
	for d := range devices {
		d.alive(t)
	}
}

// skipUnlessCI skips a test that this machine cannot run; where CI=true that is a failure.
func skipUnlessCI(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// raiseFileLimit lets this process, and the bridge by its own start, open n files.
func raiseFileLimit(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Max < n {
		skipUnlessCI(t, "the hard limit of open files is %d, this takes %d", limit.Max, n)
	}
	limit.Cur = limit.Max
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}
