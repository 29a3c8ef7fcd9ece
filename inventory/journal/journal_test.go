package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func session(n int) *inventory.Session {
	return &inventory.Session{Time: noon, Bridge: "bridge-1", Run: "4f2a", ID: fmt.Sprint("4f2a-", n), Listener: "imaps",
		Protocol: "imap", Source: inventory.Source{IP: netip.MustParseAddr("10.20.3.7")}, Login: inventory.Login{Account: "scanner1"},
		TLS: inventory.TLS{Version: hello.TLS10}, Outcome: inventory.OutcomeBridged, StartedAt: noon}
}

func opened(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	if o.Instance.Run == "" {
		o.Instance = inventory.Instance{Bridge: "bridge-1", Run: "4f2a"}
	}
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closed(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// ids reads r from from to its end and returns the ids of its sessions.
func ids(t testing.TB, r *Reader, from Position) ([]string, Position, Stats) {
	t.Helper()
	var got []string
	next, stats, err := r.ReadFrom(t.Context(), from, func(l *inventory.Line, _ []byte, _ Position) error {
		got = append(got, strings.TrimPrefix(l.Session.ID, "4f2a-"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, next, stats
}

// names returns what is in dir, without the journal's id.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name()[idDigits:])
	}
	return strings.Join(all, " ")
}

// numbers returns "0 1 2 …" up to n.
func numbers(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return strings.Join(all, " ")
}

func TestJournal_WritesTheLinesOfTheLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := opened(t, dir, Options{Now: func() time.Time { return noon }})
	j.Bridge(inventory.BridgeLine{Time: noon, Bridge: "bridge-1", Run: "4f2a", Event: inventory.BridgeStart})
	j.Admitted(session(1))
	j.Ended(session(1))
	j.TurnedAway(inventory.TurnedAway{})
	j.Flood(inventory.FloodLine{Time: noon, Count: 3})
	change, err := j.Change(t.Context(), inventory.Change{Device: "10.20.3.7/scanner1", Key: inventory.KeyNote, New: "x\x1b", By: "root"})
	if err != nil || !change.Time.Equal(noon) {
		t.Errorf("change: %v, %v", change, err)
	}
	closed(t, j)
	got, err := os.ReadFile(plainPath(dir, j.ID(), 1))
	if err != nil {
		t.Fatal(err)
	}
	const begin = `"time":"2026-11-24T12:00:00.000Z","bridge":"bridge-1","run":"4f2a",`
	const sess = begin + `"session_id":"4f2a-1","device":"10.20.3.7/scanner1","listener":"imaps","protocol":"imap","source_ip":"10.20.3.7",`
	want := `{"msg":"bridge",` + begin + `"event":"start","journal":"` + j.ID() + `"}
{"msg":"admitted",` + sess + `"account":"scanner1","tls_version":"1.0","readiness":"unknown","started_at":"2026-11-24T12:00:00.000Z"}
{"msg":"session",` + sess + `"tls_version":"1.0","account":"scanner1","outcome":"bridged","readiness":"unknown",` +
		`"started_at":"2026-11-24T12:00:00.000Z","duration_ms":0}
{"msg":"flood","time":"2026-11-24T12:00:00.000Z","count":3,"sessions":0}
{"msg":"change",` + begin + `"device":"10.20.3.7/scanner1","key":"note","new":"x\\u001b","by":"root"}
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, plainPath(dir, j.ID(), 1): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestJournal_OneWriter(t *testing.T) {
	dir := t.TempDir()
	j := opened(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second writer: %v", err)
	}
	closed(t, j)
	again := opened(t, dir, Options{})
	defer closed(t, again)
	if again.ID() == "" || again.ID() == newID() {
		t.Errorf("the id is %q", again.ID())
	}
}

func TestJournal_TwoInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"0123456789abcdef", "fedcba9876543210"} {
		if err := os.WriteFile(plainPath(dir, id, 1), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrTwoJournals) {
		t.Error(err)
	}
}

// TestJournal_SharesWrites has 64 sessions admitted, and ended, while a write hangs: one more write takes what has come.
func TestJournal_SharesWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions, rounds = 64, 50
		disk := &disk{}
		j := opened(t, t.TempDir(), Options{open: disk.open})
		all := func(write func(*inventory.Session)) {
			hang := make(chan struct{})
			disk.set(func() { disk.hang = hang })
			var wg sync.WaitGroup
			for n := range sessions {
				wg.Go(func() { write(session(n)) })
			}
			synctest.Wait()
			disk.set(func() { disk.hang = nil })
			close(hang)
			wg.Wait()
			synctest.Wait()
		}
		for range rounds {
			all(j.Admitted)
			all(j.Ended)
		}
		closed(t, j)
		if lines := bytes.Count(disk.bytes(), []byte("\n")); lines != 2*rounds*sessions || disk.writes > 4*rounds {
			t.Errorf("%d writes for %d lines, want %d for %d", disk.writes, lines, 4*rounds, 2*rounds*sessions)
		}
	})
}

// TestJournal_AdmittedReturnsWhenItIsWritten has 64 sessions admitted at a time.
func TestJournal_AdmittedReturnsWhenItIsWritten(t *testing.T) {
	const workers, each = 64, 50
	disk := &disk{ids: map[string]bool{}}
	j := opened(t, t.TempDir(), Options{open: disk.open})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range each {
				s := session(w*each + n)
				j.Admitted(s)
				if !disk.holds(s.ID) {
					t.Errorf("%s is not written when Admitted returns", s.ID)
				}
				j.Ended(s)
			}
		})
	}
	wg.Wait()
	closed(t, j)
	if lines := bytes.Count(disk.bytes(), []byte("\n")); lines != 2*workers*each {
		t.Errorf("%d lines, want %d", lines, 2*workers*each)
	}
	if h := j.Health(); h != (Health{}) {
		t.Errorf("%+v", h)
	}
}

func TestJournal_PreviousRun(t *testing.T) {
	dir := t.TempDir()
	start := func(run string) *Journal {
		j := opened(t, dir, Options{Instance: inventory.Instance{Run: run}})
		j.Bridge(inventory.BridgeLine{Time: noon, Run: run, Event: inventory.BridgeStart})
		return j
	}
	previous := func(j *Journal, run string, end inventory.PreviousRun) {
		t.Helper()
		if r, e := j.Previous(); r != run || e != end {
			t.Errorf("the previous run is %q, %q; want %q, %q", r, e, run, end)
		}
	}
	one := start("1")
	previous(one, "", "")
	one.Bridge(inventory.BridgeLine{Time: noon, Run: "1", Event: inventory.BridgeStop})
	closed(t, one)
	two := start("2")
	previous(two, "1", inventory.PreviousClean)
	closed(t, two) // without a stop: as if killed
	command := opened(t, dir, Options{Instance: inventory.Instance{Run: "of a command"}})
	if _, err := command.Change(t.Context(), inventory.Change{Device: "d", Key: inventory.KeyNote}); err != nil {
		t.Error(err)
	}
	closed(t, command)
	three := start("3")
	previous(three, "2", inventory.PreviousCrashed)
	closed(t, three)
	if got, want := names(t, dir), "-00000001.jsonl"; !strings.HasPrefix(got, want) {
		t.Errorf("the segments are %s", got)
	}
	var starts []string
	r := &Reader{dir: dir, journal: three.ID()}
	_, _, err := r.ReadFrom(t.Context(), Position{}, func(l *inventory.Line, _ []byte, _ Position) error {
		if l.Start.Event == inventory.BridgeStart {
			starts = append(starts, l.Start.Previous+" "+string(l.Start.PreviousRun))
		}
		return nil
	})
	if got := strings.Join(starts, ", "); err != nil || got != " , 1 clean, 2 crash" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestJournal_KilledInAWrite leaves a part of a line, as a kill in the middle of a write does.
func TestJournal_KilledInAWrite(t *testing.T) {
	dir := t.TempDir()
	j := opened(t, dir, Options{})
	j.Ended(session(0))
	closed(t, j)
	path := plainPath(dir, j.ID(), 1)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"msg":"session","time":"2026-11-24T12:00:00.000Z","sess`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()

	r := &Reader{dir: dir, journal: j.ID()}
	got, tail, stats := ids(t, r, Position{})
	if len(got) != 1 || stats != (Stats{Lines: 1}) {
		t.Errorf("before it is healed: %v, %+v", got, stats)
	}
	j = opened(t, dir, Options{})
	j.Ended(session(1))
	closed(t, j)
	if got, _, stats := ids(t, r, tail); fmt.Sprint(got) != "[1]" || stats != (Stats{Lines: 1, Bad: 1}) {
		t.Errorf("from the torn line on: %v, %+v", got, stats)
	}
	if got, _, stats := ids(t, j.Reader, Position{}); fmt.Sprint(got) != "[0 1]" || stats != (Stats{Lines: 2, Bad: 1}) {
		t.Errorf("from the beginning: %v, %+v", got, stats)
	}
}

func TestJournal_ChangesHaveTimesOfTheirOwn(t *testing.T) {
	dir, now := t.TempDir(), noon
	var last time.Time
	for range 2 { // the second time the clock went back
		j := opened(t, dir, Options{Now: func() time.Time { return now }})
		for range 5 {
			c, err := j.Change(t.Context(), inventory.Change{Device: "d", Key: "note"})
			if err != nil || !c.Time.After(last) {
				t.Errorf("%v is not after %v: %v", c.Time, last, err)
			}
			last = c.Time
		}
		closed(t, j)
		now = noon.Add(-time.Hour)
	}
}

func TestJournal_AfterClose(t *testing.T) {
	j := opened(t, t.TempDir(), Options{})
	closed(t, j)
	closed(t, j)
	j.Admitted(session(1)) // returns at once
	if _, err := j.Change(context.Background(), inventory.Change{}); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if h := j.Health(); h.Lost != 2 {
		t.Errorf("%+v", h)
	}
}

func TestJournal_WakesATail(t *testing.T) {
	j := opened(t, t.TempDir(), Options{Rotate: 1000})
	defer closed(t, j)
	go func() {
		for n := range 100 {
			j.Ended(session(n))
		}
	}()
	var all []string
	at := Position{}
	for len(all) < 100 {
		changed := j.Changed()
		var got []string
		got, at, _ = ids(t, j.Reader, at)
		all = append(all, got...)
		if len(all) < 100 {
			<-changed
		}
	}
	if strings.Join(all, " ") != numbers(100) {
		t.Errorf("got %v", all)
	}
}
