package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/internal/control"
	"drawbridge/internal/sandbox"
)

// startLogin runs drawbridge account login --json and returns the code that it shows, and a channel for its end.
func (w *accountWorld) startLogin(ctx context.Context) (code string, ended <-chan error) {
	w.t.Helper()
	reader, writer := io.Pipe()
	end := make(chan error, 1)
	go func() {
		root := newRoot()
		root.SetArgs([]string{"account", "login", boss, "--json", "--config", w.yaml})
		root.SetOut(writer)
		root.SetErr(io.Discard)
		err := root.ExecuteContext(ctx)
		_ = writer.Close()
		end <- err
	}()
	var p control.Prompt
	if err := json.NewDecoder(reader).Decode(&p); err != nil {
		w.t.Fatalf("the command showed no code: %v, it ended by %v", err, <-end)
	}
	if !strings.HasPrefix(p.URL, w.entra.URL()) {
		w.t.Errorf("url: %s, want one of %s", p.URL, w.entra.URL())
	}
	return p.Code, end
}

// TestAccount_LoginInTheRunningBridge signs in while the bridge runs, and the next session uses it.
func TestAccount_LoginInTheRunningBridge(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	w.serve()
	w.done("47114711", "add", "boss", "--mailbox", boss)
	result, s := w.visit(t, refusedAs(oldDevice(sandbox.IMAP, "boss", "47114711"), unavailable[sandbox.IMAP]))
	if !result.OK() || !strings.Contains(s.Reason, "drawbridge account login "+boss) {
		t.Errorf("before: outcome %s, it read %q, record: %s", result.Outcome, result.Refusal, s.Reason)
	}
	code, ended := w.startLogin(t.Context())
	must(t, w.entra.Approve(code, boss))
	must(t, <-ended)
	w.reads(sandbox.IMAP, "boss", "47114711")
}

// TestAccount_LoginBeforeTheBridgeStarts signs in without one.
func TestAccount_LoginBeforeTheBridgeStarts(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	must(t, os.MkdirAll(w.dataDir(), 0o700))
	code, ended := w.startLogin(t.Context())
	must(t, w.entra.Approve(code, boss))
	must(t, <-ended)
	if _, err := os.Stat(filepath.Join(w.dataDir(), tokenKeyFile)); err != nil {
		t.Errorf("the key of refresh tokens: %v", err)
	}
	w.done("47114711", "add", "boss", "--mailbox", boss)
	w.serve()
	w.reads(sandbox.POP3, "boss", "47114711")
}

// TestAccount_LoginThatFails is declined, given up, and asked for what is no address.
func TestAccount_LoginThatFails(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	w.serve()
	code, ended := w.startLogin(t.Context())
	must(t, w.entra.Decline(code))
	if err := <-ended; err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("declined: got %v, want a sentence", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, ended = w.startLogin(ctx)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
	if _, _, err := w.account("", "login", "boss"); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("got %v, want that the mailbox is no address", err)
	}
	_, ended = w.startLogin(t.Context())
	w.end()
	if err := <-ended; err == nil {
		t.Error("a sign-in outlived its bridge")
	}
}

// TestAccount_LoginShowsCodeAndURL prints them for a person, with nothing in them that a terminal would heed.
func TestAccount_LoginShowsCodeAndURL(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	must(t, os.MkdirAll(w.dataDir(), 0o700))
	var out lockedBuffer
	root := newRoot()
	root.SetArgs([]string{"account", "login", boss, "--upstream", "delegated", "--config", w.yaml})
	root.SetOut(&out)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(t.Context()) }()
	until(t, "the code", func() bool { return strings.Contains(out.String(), "\n") })
	_, rest, _ := strings.Cut(out.String(), "enter the code ")
	code, _, _ := strings.Cut(rest, ",")
	must(t, w.entra.Approve(code, boss))
	must(t, <-ended)
	if got := out.String(); !strings.HasPrefix(got, "Open "+w.entra.URL()) ||
		!strings.HasSuffix(got, "\nSigned in: sessions for "+boss+" use it from now on.\n") {
		t.Errorf("got %q", got)
	}
}
