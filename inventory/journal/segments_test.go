package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
)

// rotated writes n sessions into segments of about five, each an hour after the one before, and waits until all but the
// newest segment are compressed.
func rotated(t testing.TB, dir string, n int) *Journal {
	t.Helper()
	var now time.Time // of the lines that the journal dates itself
	j := opened(t, dir, Options{Rotate: 1500, Now: func() time.Time { return now }})
	for i := range n {
		now = noon.Add(time.Duration(i) * time.Hour)
		s := session(i)
		s.Time = now
		j.Admitted(s) // to be written by itself
		j.Ended(s)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.archive.restarted().compressAll(); err != nil {
		t.Fatal(err)
	}
	return j
}

// restarted returns an archive of the same segments that was not stopped.
func (a *archive) restarted() *archive { return newArchive(a.dir, a.journal) }

// sessions reads r from from on and returns the numbers of its session records.
func sessions(t testing.TB, r *Reader, from Position) []string {
	t.Helper()
	var got []string
	_, stats, err := r.ReadFrom(t.Context(), from, func(l *inventory.Line, _ []byte, _ Position) error {
		if l.Message == inventory.MessageSession {
			got = append(got, strings.TrimPrefix(l.Session.ID, "4f2a-"))
		}
		return nil
	})
	if err != nil || stats.Bad != 0 {
		t.Fatal(stats, err)
	}
	return got
}

func TestJournal_RotatesAndCompresses(t *testing.T) {
	dir := t.TempDir()
	j := rotated(t, dir, 40)
	files := strings.Fields(names(t, dir))
	if len(files) < 5 {
		t.Fatalf("the files are %v", files)
	}
	for i, name := range files {
		want := fmt.Sprintf("-%08d.jsonl.zst", i+1)
		if i == len(files)-1 {
			want = strings.TrimSuffix(want, ".zst")
		}
		if name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
	if got := strings.Join(sessions(t, j.Reader, Position{}), " "); got != numbers(40) {
		t.Errorf("got %s", got)
	}
	if info, err := os.Stat(compressedPath(dir, j.ID(), 1)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// TestReader_AnyPositionSplitsAlike reads up to each position, and then from there on.
func TestReader_AnyPositionSplitsAlike(t *testing.T) {
	dir := t.TempDir()
	j := rotated(t, dir, 20)
	if err := os.WriteFile(plainPath(dir, j.ID(), 999), []byte("\n{\"msg\":\"sess\nbad\n{\"msg\":\"other\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type read struct {
		lines []string
		bad   int64
	}
	all, positions := read{}, []Position{{}}
	stop := errors.New("stop")
	readUpTo := func(from Position, n int, to *read) Position {
		left := n
		next, stats, err := j.ReadFrom(t.Context(), from, func(_ *inventory.Line, raw []byte, next Position) error {
			if left--; left < 0 {
				return stop
			}
			to.lines = append(to.lines, string(raw))
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			t.Fatal(err)
		}
		to.bad += stats.Bad
		return next
	}
	end := readUpTo(Position{}, 1<<30, &all)
	for n := range all.lines {
		positions = append(positions, readUpTo(Position{}, n, &read{}))
	}
	if len(all.lines) != 40 || all.bad != 2+1 { // two bad lines and the segments that are not there
		t.Fatalf("%d lines, %d bad", len(all.lines), all.bad)
	}
	for n := range all.lines {
		var split read
		readUpTo(readUpTo(Position{}, n, &split), 1<<30, &split)
		if !slices.Equal(split.lines, all.lines) || split.bad != all.bad {
			t.Errorf("split after %d: %d lines, %d bad", n, len(split.lines), split.bad)
		}
	}
	var none read
	if again := readUpTo(end, 1<<30, &none); again != end || len(none.lines) != 0 {
		t.Errorf("from the end: %v, %d lines", again, len(none.lines))
	}
}

func TestReader_Positions(t *testing.T) {
	dir := t.TempDir()
	j := rotated(t, dir, 10)
	nothing := func(*inventory.Line, []byte, Position) error { return nil }
	for name, tt := range map[string]struct {
		from Position
		want error
	}{
		"of another journal":    {Position{Journal: "x", Segment: 1}, ErrOtherJournal},
		"behind the end":        {Position{Segment: lastSegment(t, dir), Offset: 1 << 40}, ErrPastEnd},
		"past a finished one":   {Position{Segment: 1, Offset: 1 << 40}, nil}, // its end went with a power cut
		"in a segment to come":  {Position{Segment: 99}, nil},
		"of this journal, zero": {Position{Journal: j.ID()}, nil},
	} {
		if _, _, err := j.ReadFrom(t.Context(), tt.from, nothing); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func lastSegment(t testing.TB, dir string) int64 {
	t.Helper()
	found, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	return found.last()
}

func TestReader_DamagedSegment(t *testing.T) {
	dir := t.TempDir()
	j := rotated(t, dir, 40)
	path := compressedPath(dir, j.ID(), 2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, stats := ids(t, j.Reader, Position{})
	if stats.Bad != 1 || len(got) < 60 || got[len(got)-1] != "39" {
		t.Errorf("%v, %+v", got, stats)
	}
}

// TestOpen_HealsACrashOfTheArchive leaves what a crash between any two of its steps does.
func TestOpen_HealsACrashOfTheArchive(t *testing.T) {
	for name, crash := range map[string]func(t *testing.T, plain, compressed string, contents []byte){
		"while it compressed": func(t *testing.T, plain, compressed string, contents []byte) {
			rename(t, compressed, compressed+temporarySuffix)
			write(t, compressed+temporarySuffix, contents[:10])
			write(t, plain, contents)
		},
		"before the plain one was removed": func(t *testing.T, plain, _ string, contents []byte) {
			write(t, plain, contents)
		},
		"before it began": func(t *testing.T, plain, compressed string, contents []byte) {
			write(t, plain, contents)
			if err := os.Remove(compressed); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := rotated(t, dir, 40)
			f, err := os.Open(compressedPath(dir, j.ID(), 2))
			if err != nil {
				t.Fatal(err)
			}
			p := newPlainReader(f)
			contents, err := io.ReadAll(p)
			p.Close()
			_ = f.Close()
			if err != nil {
				t.Fatal(err)
			}
			crash(t, plainPath(dir, j.ID(), 2), compressedPath(dir, j.ID(), 2), contents)
			if got := strings.Join(sessions(t, j.Reader, Position{}), " "); got != numbers(40) {
				t.Errorf("before it is healed: %s", got)
			}
			again := opened(t, dir, Options{})
			closed(t, again)
			if err := again.archive.restarted().compressAll(); err != nil {
				t.Fatal(err)
			}
			if files := names(t, dir); strings.Count(files, "-00000002") != 1 || strings.Contains(files, temporarySuffix) {
				t.Errorf("the files are %s", files)
			}
			if got := strings.Join(sessions(t, again.Reader, Position{}), " "); got != numbers(40) {
				t.Errorf("after it is healed: %s", got)
			}
		})
	}
}

func write(t *testing.T, path string, contents []byte) {
	t.Helper()
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// foldIDs is a Fold whose snapshot is the numbers of all session records.
func foldIDs(old io.Reader, lines Lines, snapshot io.Writer) error {
	if old != nil {
		if _, err := io.Copy(snapshot, old); err != nil {
			return err
		}
	}
	_, err := lines(func(l *inventory.Line) error {
		if l.Message != inventory.MessageSession {
			return nil
		}
		_, err := fmt.Fprintln(snapshot, strings.TrimPrefix(l.Session.ID, "4f2a-"))
		return err
	})
	return err
}

// rebuilt returns the numbers of all session records: of the snapshot, and of what is behind it.
func rebuilt(t *testing.T, r *Reader) string {
	t.Helper()
	s, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return strings.Join(sessions(t, r, Position{}), " ")
	}
	defer func() { _ = s.Close() }()
	if _, _, err := r.ReadFrom(t.Context(), Position{}, nil); !errors.Is(err, ErrDropped) {
		t.Errorf("from the beginning, part of which is in the snapshot: %v", err)
	}
	held, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(append(strings.Fields(string(held)), sessions(t, r, s.Next)...), " ")
}

func TestDrop_KeepsTheFold(t *testing.T) {
	dir := t.TempDir()
	rotated(t, dir, 40)
	j := opened(t, dir, Options{})
	defer closed(t, j)
	last := Position{Journal: j.ID(), Segment: lastSegment(t, dir)}
	if n, err := j.Drop(t.Context(), noon.Add(-time.Hour), last, foldIDs); n != 0 || err != nil {
		t.Errorf("nothing is so old: %d, %v", n, err)
	}
	if n, err := j.Drop(t.Context(), noon.AddDate(1, 0, 0), Position{Journal: j.ID(), Segment: 2}, foldIDs); n != 1 || err != nil {
		t.Errorf("the store has passed the first segment: %d, %v", n, err)
	}
	if n, err := j.Drop(t.Context(), noon.Add(20*time.Hour), last, foldIDs); n < 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := rebuilt(t, j.Reader); got != numbers(40) {
		t.Errorf("got %s", got)
	}
	if n, err := j.Drop(t.Context(), noon.AddDate(1, 0, 0), Position{Journal: j.ID(), Segment: 1000}, foldIDs); n == 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if lastSegment(t, dir) != last.Segment || strings.Count(names(t, dir), ".jsonl") != 1 {
		t.Errorf("all but the newest segment can be dropped: %s", names(t, dir))
	}
	if _, err := j.Drop(t.Context(), noon, Position{Journal: "x"}, foldIDs); !errors.Is(err, ErrOtherJournal) {
		t.Error(err)
	}
}

// TestDropEighth: an eighth at a time, and at least one, until only the newest is left; the fold stays, and the size shrinks.
func TestDropEighth(t *testing.T) {
	dir := t.TempDir()
	rotated(t, dir, 40)
	j := opened(t, dir, Options{})
	defer closed(t, j)
	if n, err := j.DropEighth(t.Context(), Position{Journal: j.ID(), Segment: 1}, foldIDs); n != 0 || err != nil {
		t.Errorf("the store has passed none: %d, %v", n, err)
	}
	last := lastSegment(t, dir)
	for left := int(last) - 1; left > 0; {
		before, _ := j.Size()
		n, err := j.DropEighth(t.Context(), Position{Journal: j.ID(), Segment: last}, foldIDs)
		if want := max(left/8, 1); n != want || err != nil {
			t.Fatalf("of %d finished: %d, %v; want %d", left, n, err, want)
		}
		if after, err := j.Size(); err != nil || after <= 0 || n > 1 && after >= before {
			t.Errorf("%d bytes, %v; before %d", after, err, before)
		}
		left -= n
	}
	if n, err := j.DropEighth(t.Context(), Position{Journal: j.ID(), Segment: last}, foldIDs); n != 0 || err != nil {
		t.Errorf("only the newest is left: %d, %v", n, err)
	}
	if got := rebuilt(t, j.Reader); got != numbers(40) {
		t.Errorf("got %s", got)
	}
}

func TestDrop_AFoldThatFailsDropsNothing(t *testing.T) {
	dir := t.TempDir()
	rotated(t, dir, 40)
	j := opened(t, dir, Options{})
	defer closed(t, j)
	broken := errors.New("broken")
	_, err := j.Drop(t.Context(), noon.AddDate(1, 0, 0), Position{Journal: j.ID(), Segment: 5},
		func(_ io.Reader, _ Lines, w io.Writer) error { _, _ = w.Write([]byte("half")); return broken })
	if !errors.Is(err, broken) || strings.Contains(names(t, dir), "snapshot") {
		t.Errorf("%v, %s", err, names(t, dir))
	}
	if got := rebuilt(t, j.Reader); got != numbers(40) {
		t.Errorf("got %s", got)
	}
}

// TestDrop_Crashes puts back what a crash between the steps of Drop leaves.
func TestDrop_Crashes(t *testing.T) {
	for name, crash := range map[string]func(t *testing.T, dir, id string, segment []byte){
		"before a segment was removed": func(t *testing.T, dir, id string, segment []byte) {
			write(t, compressedPath(dir, id, 2), segment)
		},
		"while the next snapshot was written": func(t *testing.T, dir, id string, _ []byte) {
			write(t, snapshotPath(dir, id)+temporarySuffix, []byte("half"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			rotated(t, dir, 40)
			j := opened(t, dir, Options{})
			segment, err := os.ReadFile(compressedPath(dir, j.ID(), 2))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := j.Drop(t.Context(), noon.AddDate(1, 0, 0), Position{Journal: j.ID(), Segment: 4}, foldIDs); n != 3 || err != nil {
				t.Fatal(n, err)
			}
			closed(t, j)
			crash(t, dir, j.ID(), segment)
			if got := rebuilt(t, j.Reader); got != numbers(40) {
				t.Errorf("before it is healed: %s", got)
			}
			j = opened(t, dir, Options{})
			defer closed(t, j)
			if got := rebuilt(t, j.Reader); got != numbers(40) {
				t.Errorf("after it is healed: %s", got)
			}
			if files := names(t, dir); strings.Contains(files, snapshotSuffix+temporarySuffix) || strings.Contains(files, "-00000002") {
				t.Errorf("the files are %s", files)
			}
		})
	}
}

// TestJournal_Killed writes in a process that is killed at some moment: what was told to be written is there.
func TestJournal_Killed(t *testing.T) {
	if dir := os.Getenv("DRAWBRIDGE_TEST_KILLED"); dir != "" {
		j := opened(t, dir, Options{Rotate: 20_000})
		for n := 0; ; n++ {
			j.Admitted(session(n))
			fmt.Println("admitted", n)
			j.Ended(session(n))
		}
	}
	dir := t.TempDir()
	for round := range 5 {
		last := runUntilKilled(t, "TestJournal_Killed", 200+100*round, "DRAWBRIDGE_TEST_KILLED="+dir)
		j := opened(t, dir, Options{})
		seen := map[string]bool{}
		_, stats, err := j.ReadFrom(t.Context(), Position{}, func(l *inventory.Line, _ []byte, _ Position) error {
			if l.Message == inventory.MessageAdmitted {
				seen[l.Session.ID] = true
			}
			return nil
		})
		if err != nil || stats.Bad > int64(round)+1 {
			t.Errorf("%+v, %v", stats, err)
		}
		for n := range last + 1 {
			if id := session(n).ID; !seen[id] {
				t.Errorf("round %d: session %s was admitted and is not there", round, id)
			}
		}
		closed(t, j)
	}
}
