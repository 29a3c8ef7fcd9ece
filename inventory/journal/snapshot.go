package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"drawbridge/inventory"
)

// snapshotHead is the first line of a snapshot; the rest belongs to who folds.
type snapshotHead struct {
	Journal string `json:"journal"`
	Covers  int64  `json:"covers"` // the last segment that is in it
}

var errSnapshot = errors.New("the snapshot is damaged")

// Snapshot is what is left of the segments that were dropped.
type Snapshot struct {
	io.Reader          // what Fold wrote; errors of it say that the file is damaged
	Next      Position // where reading goes on
	file      *os.File
	plain     *plainReader
}

// Close ends reading.
func (s *Snapshot) Close() error {
	s.plain.Close()
	return s.file.Close()
}

// Snapshot opens the snapshot, which the caller closes. It is nil, without an error, where nothing was dropped yet and
// reading begins at the zero Position.
func (r *Reader) Snapshot(ctx context.Context) (*Snapshot, error) {
	s, err := openSnapshot(ctx, r.dir, r.journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal's snapshot: %w", err)
	}
	return s, nil
}

// IsSnapshot reports whether a file of a journal is its snapshot, by its name.
func IsSnapshot(name string) bool { return strings.HasSuffix(name, snapshotSuffix) }

// OpenSnapshot opens the snapshot in a file, which the caller closes. The error says that it is none, or damaged.
func OpenSnapshot(ctx context.Context, name string) (*Snapshot, error) {
	s, err := openSnapshotFile(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open a snapshot of a journal: %w", err)
	}
	return s, nil
}

func openSnapshot(ctx context.Context, dir, journal string) (*Snapshot, error) {
	s, err := openSnapshotFile(ctx, snapshotPath(dir, journal))
	if err == nil && s.Next.Journal != journal {
		_ = s.Close()
		return nil, errSnapshot
	}
	return s, err
}

func openSnapshotFile(ctx context.Context, name string) (*Snapshot, error) {
	f, err := os.Open(name) //nolint:gosec // in the data directory, or named by the user
	if err != nil {
		return nil, err
	}
	s := &Snapshot{file: f, plain: newPlainReader(&source{ctx: ctx, r: f})}
	body := bufio.NewReaderSize(s.plain, 64<<10)
	line, err := body.ReadSlice('\n')
	var head snapshotHead
	if err != nil || json.Unmarshal(line, &head) != nil || head.Journal == "" || head.Covers < 1 {
		_ = s.Close()
		return nil, errSnapshot
	}
	s.Reader, s.Next = body, Position{Journal: head.Journal, Segment: head.Covers + 1, Offset: 0}
	return s, nil
}

// snapshotCovers returns the last segment that the snapshot holds, 0 where there is none.
func snapshotCovers(dir string, found listing) (int64, error) {
	if !found.snapshot {
		return 0, nil
	}
	s, err := openSnapshot(context.Background(), dir, found.journal)
	if err != nil {
		return 0, err
	}
	return s.Next.Segment - 1, s.Close()
}

// Lines hands on all lines of the segments that are dropped.
type Lines func(each func(l *inventory.Line) error) (Stats, error)

// Fold makes of an old snapshot, nil where there is none, and of the lines that are dropped a new snapshot.
type Fold func(old io.Reader, lines Lines, snapshot io.Writer) error

// Drop replaces by a snapshot the oldest finished segments all of whose lines are from before before and which upTo, the
// position of who reads the journal, has passed. It returns how many. A crash at any moment leaves the old snapshot with
// all segments or the new one.
func (j *Journal) Drop(ctx context.Context, before time.Time, upTo Position, fold Fold) (int, error) {
	return j.drop(ctx, upTo, fold, func(_, _ int, latest time.Time) bool { return latest.Before(before) })
}

// DropEighth is Drop of the oldest eighth of the finished segments, at least of one, however old they are.
func (j *Journal) DropEighth(ctx context.Context, upTo Position, fold Fold) (int, error) {
	return j.drop(ctx, upTo, fold, func(i, of int, _ time.Time) bool { return i == 0 || i < of/8 })
}

// Size returns how many bytes the files of the journal have.
func (j *Journal) Size() (int64, error) {
	found, err := list(j.dir)
	if err != nil {
		return 0, fmt.Errorf("measure the journal: %w", err)
	}
	total := fileSize(snapshotPath(j.dir, j.journal))
	for _, s := range found.segments {
		total += j.sizeOf(s)
	}
	return total, nil
}

func (j *Journal) sizeOf(s segment) int64 {
	return fileSize(plainPath(j.dir, j.journal, s.number)) + fileSize(compressedPath(j.dir, j.journal, s.number))
}

// fileSize returns the size of a file, 0 where there is none: it may be compressed between two looks.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func (j *Journal) drop(ctx context.Context, upTo Position, fold Fold, is func(i, of int, latest time.Time) bool) (int, error) {
	j.archive.files.Lock()
	defer j.archive.files.Unlock()
	old, err := j.droppable(ctx, upTo, is)
	if err == nil && len(old) > 0 {
		err = j.replace(ctx, old, fold)
	}
	if err != nil {
		return 0, fmt.Errorf("drop old segments of the journal: %w", err)
	}
	return len(old), nil
}

// droppable returns the segments to drop, oldest first: those that is
// says it of, by their place among the finished ones and their latest time.
func (j *Journal) droppable(ctx context.Context, upTo Position, is func(i, of int, latest time.Time) bool) ([]segment, error) {
	if upTo.Journal != j.journal {
		return nil, ErrOtherJournal
	}
	found, err := list(j.dir)
	if err != nil {
		return nil, err
	}
	for i, s := range found.segments {
		if s.number >= upTo.Segment || s.number == found.last() {
			return found.segments[:i], nil
		}
		latest, err := j.latest(ctx, s.number)
		if err != nil {
			return nil, err
		}
		if !is(i, len(found.segments)-1, latest) {
			return found.segments[:i], nil
		}
	}
	return nil, nil
}

// latest returns the latest time in a finished segment.
func (j *Journal) latest(ctx context.Context, number int64) (time.Time, error) {
	if t, ok := j.times.Load(number); ok {
		return t.(time.Time), nil
	}
	var latest time.Time
	_, _, err := j.readSegment(ctx, Position{Journal: j.journal, Segment: number}, true,
		func(l *inventory.Line, _ []byte, _ Position) error {
			if l.Time.After(latest) {
				latest = l.Time
			}
			return nil
		})
	if err == nil {
		j.times.Store(number, latest)
	}
	return latest, err
}

// replace writes the new snapshot over the old one and removes what it holds.
func (j *Journal) replace(ctx context.Context, old []segment, fold Fold) error {
	covers := old[len(old)-1].number
	if err := j.writeSnapshot(ctx, old, covers, fold); err != nil {
		return err
	}
	for _, s := range old {
		j.times.Delete(s.number)
		if err := removeSegment(j.dir, j.journal, s); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) writeSnapshot(ctx context.Context, old []segment, covers int64, fold Fold) error {
	before, err := openSnapshot(ctx, j.dir, j.journal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var body io.Reader
	if before != nil {
		defer func() { _ = before.Close() }() // it was only read
		body = before
	}
	lines := func(each func(*inventory.Line) error) (Stats, error) { return j.linesOf(ctx, old, each) }
	return writeCompressed(snapshotPath(j.dir, j.journal), func(w io.Writer) error {
		head, err := json.Marshal(snapshotHead{j.journal, covers})
		if err != nil {
			return err
		}
		if _, err := w.Write(append(head, '\n')); err != nil {
			return err
		}
		return fold(body, lines, w)
	})
}

func (j *Journal) linesOf(ctx context.Context, segments []segment, each func(*inventory.Line) error) (Stats, error) {
	var all Stats
	for _, s := range segments {
		_, read, err := j.readSegment(ctx, Position{Journal: j.journal, Segment: s.number, Offset: 0}, true,
			func(l *inventory.Line, _ []byte, _ Position) error { return each(l) })
		all.Add(read)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func removeSegment(dir, journal string, s segment) error {
	for _, path := range [...]string{plainPath(dir, journal, s.number), compressedPath(dir, journal, s.number)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
