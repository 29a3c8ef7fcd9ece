package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
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
	text := fmt.Sprintf("data_dir: %s\ndrain: 1s\nlisteners:\n  - {name: imaps, protocol: imap, address: %q%s}\n"+
		"  - {name: pop3s, protocol: pop3, address: %q%s}\n"+
		"certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]\nadmin: {address: \"\"}\nlog: {output: [bridge.log]}\nupstreams:\n"+
		"%s", w.dataDir(),
		c.imaps, listener, c.pop3s, listener, w.upstream("mail", s.imap, s.pop3,
			"limits: {sessions_per_mailbox: 0, dials_per_second: 0, queue: 60s}"))
	must(t, os.WriteFile(p.config, []byte(text), 0o600))
	p.start(buildBridge(t))
	return p, c
}

func TestBulk_PassesByteForByte(t *testing.T) {
	carryBulk(t, 8<<20, func(_ *process, carry func()) { carry() })
}

// carryBulk carries a message of size bytes down and up over TLS 1.0. Each time around is given the way there.
func carryBulk(t *testing.T, size int64, around func(p *process, carry func())) {
	t.Helper()
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
			around(p, func() { transfer.carry(t, d, size) })
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

func TestIdle_ManySessionsStayUp(t *testing.T) {
	holdIdle(t, 200, func(_ *process, arrive func()) { arrive() })
}

// holdIdle holds many sessions in IDLE, which answer still when around is over. That is given the way to let them arrive.
func holdIdle(t *testing.T, sessions int, around func(p *process, arrive func())) {
	t.Helper()
	raiseFileLimit(t, uint64(2*sessions+200))
	p, c := serveBuilt(t, 0, ", limits: {sessions_per_source: 0, handshake_timeout: 60s}")
	devices := make(chan *client, sessions)
	around(p, func() { arriveIdle(t, c.imaps, devices) })
	if t.Failed() {
		return
	}
	for d := range devices {
		d.alive(t)
	}
}

// arriveIdle fills devices with as many as there is room for, eight at a time.
func arriveIdle(t *testing.T, address string, devices chan *client) {
	t.Helper()
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < cap(devices); i += 8 {
				if d, err := idleOnce(address, i); err != nil {
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
