package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// limitedProgram is the command with so few open files, of which no more are to be had.
func limitedProgram(t *testing.T, files int) string {
	t.Helper()
	program, err := exec.LookPath("drawbridge")
	must(t, err)
	script := filepath.Join(t.TempDir(), "limited")
	text := fmt.Sprintf("#!/bin/sh\nulimit -n %d && exec '%s' \"$@\"\n", files, program)
	must(t, os.WriteFile(script, []byte(text), 0o700))
	return script
}

// TestFiles_StrangersLeaveVerifiedDevicesTheirs opens more silent connections than the bridge may have files, from sources that
// never logged in.
func TestFiles_StrangersLeaveVerifiedDevicesTheirs(t *testing.T) {
	raiseFileLimit(t, 8000)
	w, c := drainWorld(t, "1s")
	p := &process{t: t, config: filepath.Join(w.dir, "drawbridge.yaml"), log: filepath.Join(w.dir, "bridge.log"), exited: make(chan struct{})}
	withAuthority(t, w.dataDir())
	must(t, os.Chmod(w.dataDir(), 0o700))
	must(t, os.WriteFile(p.config, []byte("data_dir: "+w.dataDir()+"\n"+c.String()+"log: {output: [bridge.log]}\n"), 0o600))
	p.start(limitedProgram(t, 2000))
	if log := p.logged(); !strings.Contains(log, "limits.sessions add up to 20000, but the limit of 2000 open files bears 410 sessions") {
		t.Errorf("the log does not say that the limits do not fit: %s", log)
	}
	known := idleDevice(t, c.imaps)
	must(t, known.Close())

	for stranger := range 30 {
		for range 50 {
			silentFrom(t, fmt.Sprintf("127.9.0.%d", stranger+1), c.imaps, c.pop3s)
		}
		if stranger+1 == 22 {
			must(t, idleDevice(t, c.imaps).Close())
		}
	}
	for range 5 {
		idleDevice(t, c.imaps)
	}
	if code := p.healthcheck(); code != exitDone {
		t.Errorf("healthcheck ends with %d", code)
	}
	raw := dialFrom(t, "127.9.1.1", c.imaps, 0)
	if got, err := raw.rest(); err != nil || got != busyAlert {
		t.Errorf("one more stranger reads %x, %v, want the alert internal_error", got, err)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitDone {
		t.Errorf("the bridge ended with %d", code)
	}
	log := p.logged()
	if !strings.Contains(log, "103 sessions of sources without a verified login, a quarter of what its limit of 2000 open files bears") {
		t.Error("the log does not say why connections were turned away")
	}
	if strings.Contains(log, "accepting a connection failed") {
		t.Error("files ran out")
	}
}

// silentFrom connects from a source to each address and says nothing until the test ends.
func silentFrom(t *testing.T, source string, addresses ...string) {
	t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	for _, address := range addresses {
		c, err := d.DialContext(t.Context(), "tcp", address)
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
	}
}
