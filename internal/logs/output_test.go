package logs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/inventory"
)

// sink takes what is written, after each of the errors in turn, of which each takes part of a write.
type sink struct {
	mu     sync.Mutex
	errs   []error
	got    bytes.Buffer
	closed bool
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		n, _ := s.got.Write(p[:len(p)/2])
		return n, err
	}
	return s.got.Write(p)
}

func (s *sink) Close() error {
	s.closed = true
	return nil
}

// stalled takes nothing until it is let go.
type stalled struct{ free chan struct{} }

func (s stalled) Write(p []byte) (int, error) {
	<-s.free
	return len(p), nil
}

// TestOutput_StalledDelaysNobody logs more than the queue has room for, to an output that takes nothing.
func TestOutput_StalledDelaysNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := stalled{make(chan struct{})}
		l := logs.To(out)
		text := zap.String("text", strings.Repeat("x", 1<<20))
		l.Events.Info("the first line", text)
		synctest.Wait() // it is being written
		for range 70 {
			l.Events.Info("a line", text)
		}
		if lost := l.Health()[0].Lost; lost != 8 {
			t.Errorf("%d of 71 lines of 1 MiB are lost, want 8: 64 MiB wait, the one that is being written with them", lost)
		}
		began := time.Now()
		l.Close()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("Close took %v, want 2 s", took)
		}
		close(out.free)
	})
}

// TestOutput_TriesAgain has a full disk: nothing is lost and no line torn.
func TestOutput_TriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{errs: []error{syscall.ENOSPC, syscall.ENOSPC}}
		l := logs.To(out)
		l.Events.Info("one")
		synctest.Wait()
		if h := l.Health()[0]; !errors.Is(h.Err, syscall.ENOSPC) || h.Lost != 0 {
			t.Errorf("while it fails: %+v", h)
		}
		l.Events.Info("two")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if h := l.Health()[0]; h.Err != nil || h.Lost != 0 {
			t.Errorf("when it does not fail any longer: %+v", h)
		}
		l.Close()
		lines := strings.Split(out.got.String(), "\n")
		if len(lines) != 3 || !strings.HasSuffix(lines[0], `"msg":"one"}`) || !strings.HasSuffix(lines[1], `"msg":"two"}`) || !out.closed {
			t.Errorf("it has %q, closed: %t", lines, out.closed)
		}
	})
}

// TestOutput_GoneGetsNothing has a reader that ended: its lines are counted and not kept, and the others wait for nothing.
func TestOutput_GoneGetsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{errs: []error{syscall.EPIPE, syscall.EPIPE}}
		l := logs.To(out)
		for range 2 {
			l.Events.Info("a line")
			synctest.Wait()
		}
		if h := l.Health()[0]; h.Lost != 2 || !errors.Is(h.Err, syscall.EPIPE) {
			t.Errorf("%+v, want two lines lost", h)
		}
		out.got.Reset()
		l.Events.Info("back")
		l.Close()
		if !strings.Contains(out.got.String(), "back") {
			t.Errorf("a reader that is back got %q", out.got.String())
		}
	})
}

// TestOutput_ClosesWhileItFails loses what cannot be written, and says so.
func TestOutput_ClosesWhileItFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := logs.To(&sink{errs: []error{syscall.EIO, syscall.EIO, syscall.EIO}})
		l.Events.Info("one")
		synctest.Wait()
		l.Events.Info("two")
		began := time.Now()
		l.Close()
		l.Events.Info("three")
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v, want no wait", took)
		}
		if lost := l.Health()[0].Lost; lost != 3 {
			t.Errorf("%d lines lost, want 3", lost)
		}
	})
}

// TestLog_NamedPipe is opened before its reader comes, and keeps no bridge from starting.
func TestLog_NamedPipe(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/bridge.fifo"
	must(t, syscall.Mkfifo(path, 0o600))
	l := openTestLogs(t, config.Log{Level: "info", Format: "json", Output: []string{path}, Rotate: config.Rotate{Size: 1 << 20}})
	l.Events.Info("a line")
	reader, err := os.Open(path)
	must(t, err)
	defer func() { _ = reader.Close() }()
	l.Close()
	if got, err := io.ReadAll(reader); err != nil || !strings.Contains(string(got), "a line") {
		t.Errorf("the reader has %q, %v", got, err)
	}
}

// TestLog_OneShortLineForPeople is what a console shows of each record.
func TestLog_OneShortLineForPeople(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/bridge.log"
	l := openTestLogs(t, config.Log{Level: "info", Format: "console", Output: []string{path}, Rotate: config.Rotate{Size: 1 << 20}})
	at := time.Date(2026, 11, 24, 10, 12, 3, 123e6, time.UTC)
	l.Records.Ended(&inventory.Session{Time: at, ID: "0123456789abcdef", Bridge: "bridge-1", Listener: "imaps",
		Login:   inventory.Login{ClaimedAccount: "fax\x1b[2J"},
		Outcome: inventory.OutcomeLoginFailed, Phase: inventory.PhaseDecide, Reason: "the password is wrong", Duration: 1200 * time.Millisecond})
	l.Records.Flood(inventory.FloodLine{Time: at, Listener: "imaps", Reason: "not in allow", Count: 12})
	l.Records.Change(inventory.ChangeLine{Change: inventory.Change{Time: at, Device: "10.0.0.1/fax", Key: "stage", New: "block", By: "anna"}})
	l.Records.Bridge(inventory.BridgeLine{Time: at, Event: inventory.BridgeStart, Version: "1.2.3", Run: "4f2a"})
	l.Close()
	content, err := os.ReadFile(path)
	must(t, err)
	const lead = "2026-11-24T10:12:03.123Z\tinfo\t"
	want := lead + "session\t" + `on imaps unknown as "fax\\u001b[2J" login_failed in decide after 1.2s ` +
		"- the password is wrong [0123456789abcdef]\n" +
		lead + "flood\ton imaps 12 connections - not in allow\n" +
		lead + "change\t" + `10.0.0.1/fax: stage is now "block" by anna` + "\n" +
		lead + "bridge\tstart version 1.2.3 run 4f2a\n"
	if string(content) != want {
		t.Errorf("got\n%swant\n%s", content, want)
	}
}
