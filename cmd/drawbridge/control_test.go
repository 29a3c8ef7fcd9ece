package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/web"
)

// serveControl answers on a control socket until the test ends.
func serveControl(t *testing.T, dir string, handler http.Handler) {
	t.Helper()
	l, err := listenControl(dir)
	must(t, err)
	s := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
}

// TestControl_ServesFromADeepDirectory has a socket path longer than Unix allows.
func TestControl_ServesFromADeepDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep", 30))
	must(t, os.MkdirAll(dir, 0o700))
	if path := filepath.Join(dir, controlFile); len(path) <= maxSocketPath {
		t.Fatalf("%s is not long", path)
	}
	serveControl(t, dir, web.Health(func() web.Readiness {
		return web.Readiness{Ready: true, State: stateServing, Warnings: []string{"one"}}
	}))
	r, err := askReadiness(t.Context(), dir)
	if err != nil || !r.Ready || len(r.Warnings) != 1 {
		t.Errorf("got %+v, %v, want ready with one warning", r, err)
	}
}

// TestControl_ReplacesADeadSocket finds the socket of a bridge that was killed, and a file of another kind.
func TestControl_ReplacesADeadSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dead, err := listenControl(dir)
	must(t, err)
	must(t, dead.Close())
	if _, err := os.Lstat(filepath.Join(dir, controlFile)); err != nil {
		t.Fatalf("the dead socket is not there: %v", err)
	}
	serveControl(t, dir, http.NotFoundHandler())
	info, err := os.Lstat(filepath.Join(dir, controlFile))
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket has the mode %v, want Srw-------", info.Mode())
	}
	other := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(other, controlFile, "kept"), 0o700))
	if l, err := listenControl(other); err == nil {
		_ = l.Close()
		t.Error("a folder in the place of the socket was removed")
	}
}

// TestControl_TellsAnAnswerThatIsNone has something else answer on the socket, and nothing in time.
func TestControl_TellsAnAnswerThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serveControl(t, dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	if _, err := askReadiness(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v, want that the answer cannot be read", err)
	}
	silent := t.TempDir()
	l, err := listenControl(silent)
	must(t, err)
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := askReadiness(ctx, silent); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no bridge answers in "+silent) {
		t.Errorf("got %v, want a time-out that says that no bridge answers", err)
	}
}

// TestDataDir_IsForOneProcessAndItsOwner takes the lock twice, and closes a directory that stood open.
func TestDataDir_IsForOneProcessAndItsOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "drawbridge")
	must(t, os.MkdirAll(path, 0o755))
	d, err := openDataDir(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has the mode %v, want 0700", info.Mode())
	}
	if _, err := openDataDir(path); !errors.Is(err, errLocked) {
		t.Errorf("a second lock: got %v, want %v", err, errLocked)
	}
	must(t, d.Close())
	again, err := openDataDir(path)
	must(t, err)
	must(t, again.Close())
}

// TestNewBridge_LeavesNothingOpen has the last thing that can fail fail: everything that was open before is closed again.
func TestNewBridge_LeavesNothingOpen(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "1s")
	taken, err := net.Listen("tcp", c.admin)
	must(t, err)
	defer func() { _ = taken.Close() }()
	cfg := w.configure(c.String(), "")
	withAuthority(t, cfg.DataDir)
	if b, err := newBridge(cfg, w.logs); err == nil {
		b.close()
		t.Fatal("the bridge opened although admin.address is taken")
	}
	for _, address := range []string{c.imaps, c.pop3s} {
		if listening(address) {
			t.Errorf("%s is still open", address)
		}
	}
	d, err := openDataDir(cfg.DataDir)
	if err != nil {
		t.Fatalf("the data directory is still locked: %v", err)
	}
	must(t, d.Close())
}
