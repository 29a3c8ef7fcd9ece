package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/internal/terminal"
)

func TestDemo_OnceShowsEveryDeviceAndLeavesNothing(t *testing.T) {
	demoOnce(t)
}

// demoOnce runs the demo as a user would, and returns how long it took; TestMain sees that no goroutine stays.
func demoOnce(t *testing.T) (took time.Duration) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("XDG_STATE_HOME", dir)
	var stdout, stderr bytes.Buffer
	began := time.Now()
	if code := run(t.Context(), []string{"demo", "--once"}, &stdout, &stderr); code != exitDone {
		t.Errorf("exit %d, want 0", code)
	}
	took = time.Since(began)
	if stderr.Len() > 0 {
		t.Errorf("standard error: %s", &stderr)
	}
	fleet := sandbox.ModernFleet()
	if len(fleet) < 6 {
		t.Errorf("%d devices, want at least 6", len(fleet))
	}
	said := stdout.String()
	for _, d := range fleet {
		if !strings.Contains(said, "\n"+d.Name+"\n") {
			t.Errorf("the device %q is not shown", d.Name)
		}
		if d.Password != "" && len(d.Password) > 4 && strings.Contains(said, d.Password) || d.Token != "" && strings.Contains(said, d.Token) {
			t.Errorf("a secret of the device %q is shown", d.Name)
		}
	}
	for what, want := range map[string]int{"as it should\n": len(fleet), "  record: ": len(fleet), "\x1b": 0, "✗": 0, "The inventory": 1,
		"127.0.0.1/fax307 ": 1} {
		if got := strings.Count(said, what); got != want {
			t.Errorf("%q is printed %d times, want %d\n%s", what, got, want, said)
		}
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("the demo left %v behind", left)
	}
	return took
}

// TestDemo_TellsADeviceThatDoesNotEndAsItShould expects the wrong thing of each device.
func TestDemo_TellsADeviceThatDoesNotEndAsItShould(t *testing.T) {
	t.Parallel()
	fleet := sandbox.ModernFleet()
	s, err := newScene(fleet)
	must(t, err)
	defer s.close()
	for _, i := range []int{0, len(fleet) - 4, len(fleet) - 3, len(fleet) - 1} { // mail over IMAP and POP3, a refusal, an alert
		d := fleet[i]
		right := d.Expect
		d.Expect = sandbox.Refused
		if right == sandbox.Refused {
			d.Reads = "another line"
		}
		var out bytes.Buffer
		p := &printer{terminal.Printer{Out: &out}}
		if p.visit(t.Context(), s, d) {
			t.Errorf("%s: the visit counts as right although %s was expected instead of %s", d.Name, d.Expect, right)
		}
		if !strings.Contains(out.String(), "✗") || !strings.Contains(out.String(), "expected: refused") {
			t.Errorf("%s: the demo prints %q, want it marked as wrong", d.Name, &out)
		}
	}
	if got := s.records.count.Load(); got != 4 {
		t.Errorf("%d records, want 4", got)
	}
}

// TestDemo_StaysUpUntilItIsInterrupted runs it without --once.
func TestDemo_StaysUpUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"demo"}, w, io.Discard)
		_ = w.Close()
	}()
	said := readUntil(t, r, "Ctrl-C ends it.")
	_, rest, _ := strings.Cut(said, "The dashboard: ")
	link, rest, _ := strings.Cut(rest, " (password for this run: ")
	password, _, _ := strings.Cut(rest, ")")
	v := newVisitor(t, link, password, nil)
	until(t, "the dashboard to tell of the fleet", func() bool { return strings.Contains(v.get("/api/devices"), "127.0.0.1/fax307") })
	v.client.CloseIdleConnections()
	address := said[strings.LastIndex(said, "-connect ")+len("-connect "):]
	address, _, _ = strings.Cut(address, " ")
	c := dial(t, address, deviceVersions[0].version)
	c.hear("* OK")
	c.say(`a LOGIN fax307 30714`, "b LOGOUT")
	c.hear("a OK")
	c.hear("b OK")
	interrupt()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if got := <-code; got != exitDone {
		t.Errorf("exit %d after the interruption, want 0", got)
	}
}

// TestDemo_FailsWhenItIsInterruptedAtWork has Ctrl-C come before the fleet is through.
func TestDemo_FailsWhenItIsInterruptedAtWork(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r, w := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"demo", "--once"}, w, &stderr)
		_ = w.Close()
	}()
	readUntil(t, r, "connected to")
	interrupt()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if got := <-code; got != exitFailed || !strings.Contains(stderr.String(), "drawbridge: the demo was interrupted") {
		t.Errorf("exit %d, standard error %q, want 1 and that it was interrupted", got, &stderr)
	}
}

// readUntil reads up to the line that holds text.
func readUntil(t *testing.T, r io.Reader, text string) string {
	t.Helper()
	var said []byte
	for buf := make([]byte, 4096); !bytes.Contains(said, []byte(text)); {
		n, err := r.Read(buf)
		said = append(said, buf[:n]...)
		if err != nil {
			t.Fatalf("waiting for %q: %v, after\n%s", text, err, said)
		}
	}
	return string(said)
}
