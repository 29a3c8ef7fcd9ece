package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// limitFiles has the drawbridge that processes start run with a limit of open files.
func limitFiles(t *testing.T, files int) {
	t.Helper()
	folder := t.TempDir()
	program := buildBridge(t)
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec '%s' \"$@\"\n", files, program)
	must(t, os.WriteFile(filepath.Join(folder, "drawbridge"), []byte(script), 0o700))
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestAdmin_IdleConnectionsCostDevicesNothing opens more connections to the admin address and to the control socket than the
// bridge may have files, and has a device log in meanwhile.
func TestAdmin_IdleConnectionsCostDevicesNothing(t *testing.T) {
	const idle, files = 3000, 2000
	raiseFileLimit(t, 2*idle)
	limitFiles(t, files)
	w, c := drainWorld(t, "1s")
	p := serveProcess(t, w, c.String()+"log: {output: [bridge.log]}\n")
	for i := range idle {
		network, address := "tcp", c.admin
		if i%2 == 1 {
			network, address = "unix", filepath.Join(w.dataDir(), "control.sock")
		}
		guest, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), network, address)
		if err != nil {
			break // no more are taken: that is what the others have to bear
		}
		defer func() { _ = guest.Close() }()
		_, _ = io.WriteString(guest, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") // after which it may stay idle for a minute
	}
	d := dial(t, c.imaps, deviceVersions[0].version)
	d.hear("* OK")
	d.say("a LOGIN device@contoso.example right", "b LOGOUT")
	d.hear("a OK")
	if code := p.healthcheck(); code != exitDone {
		t.Errorf("healthcheck exits with %d meanwhile", code)
	}
	answer, err := net.DialTimeout("tcp", c.admin, patience)
	must(t, err)
	defer func() { _ = answer.Close() }()
	must(t, answer.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(answer, "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
	must(t, err)
	if text, err := io.ReadAll(answer); err != nil || len(text) < 12 || string(text[9:12]) != "200" {
		t.Errorf("/readyz meanwhile: %.80q, %v", text, err)
	}
}
