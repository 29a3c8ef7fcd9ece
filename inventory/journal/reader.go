package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"drawbridge/inventory"
)

// Errors of reading from a position.
var (
	ErrOtherJournal = errors.New("the position is of another journal")
	ErrDropped      = errors.New("the position is in what a snapshot holds: begin with Snapshot")
	ErrPastEnd      = errors.New("the position is behind the end of the journal")
)

// Position is a place in a journal, between two lines. The zero value is the beginning.
type Position = inventory.Position

// Reader reads a journal that may be written at the same time. It is safe for concurrent use.
type Reader struct {
	dir, journal string
	changed      *signal
	tools        sync.Pool
}

// tools is what reading needs and what is costly to make.
type tools struct {
	parser *Parser
	lines  *lineReader
}

// ID returns the id of the journal, 16 hex digits.
func (r *Reader) ID() string { return r.journal }

// Changed returns a channel that is closed when the next line was written. Take it before ReadFrom, so that nothing is
// missed between.
func (r *Reader) Changed() <-chan struct{} { return r.changed.wait() }

// ReadFrom hands each line from from on to each, in the order in which they were written, and returns the position
// behind the last one that each took. It reads to the end of what is written; a line that is not whole yet is left for
// the next time. The Line and raw, which has no newline, are valid during the call; next is the position behind them.
//
// Bad lines are skipped and counted, and so are a segment that is not there and the rest of a damaged one. What a
// snapshot holds cannot be read any more: ErrDropped. An error of each is returned as it is.
func (r *Reader) ReadFrom(ctx context.Context, from Position,
	each func(l *inventory.Line, raw []byte, next Position) error) (Position, Stats, error) {
	at, stats := from, Stats{}
	segments, err := r.segmentsFrom(&at)
	if err != nil {
		return from, stats, err
	}
	for i, number := range segments {
		if number != at.Segment {
			stats.Bad++ // somebody removed what is between
			at = Position{Journal: r.journal, Segment: number, Offset: 0}
		}
		finished := i < len(segments)-1
		var read Stats
		at, read, err = r.readSegment(ctx, at, finished, each)
		stats.Add(read)
		if err != nil {
			return at, stats, err
		}
	}
	return at, stats, nil
}

// segmentsFrom returns the numbers of the segments from at on, and gives at the names that a zero one lacks.
func (r *Reader) segmentsFrom(at *Position) ([]int64, error) {
	if at.Journal != "" && at.Journal != r.journal {
		return nil, ErrOtherJournal
	}
	found, err := list(r.dir)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	at.Journal = r.journal
	if found.snapshot && at.Segment < found.last() {
		covered, err := snapshotCovers(r.dir, found)
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		if at.Segment <= covered {
			return nil, ErrDropped
		}
	}
	at.Segment = max(at.Segment, 1)
	var numbers []int64
	for _, s := range found.segments {
		if s.number >= at.Segment {
			numbers = append(numbers, s.number)
		}
	}
	return numbers, nil
}

// readSegment reads the segment of at from there on. Of a finished one it returns the beginning of the next.
func (r *Reader) readSegment(ctx context.Context, at Position, finished bool,
	each func(*inventory.Line, []byte, Position) error) (Position, Stats, error) {
	f, err := r.openSegment(at.Segment)
	if err != nil {
		return at, Stats{}, fmt.Errorf("read the journal: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	in := &source{ctx: ctx, r: f}
	t := r.take()
	defer func() {
		t.lines.r.Reset(nil)
		r.tools.Put(t)
	}()
	pass := pass{tools: t, at: at, finished: finished, each: each}
	err = pass.run(in, f)
	if in.err != nil {
		err = fmt.Errorf("read the journal: %w", in.err)
	}
	return pass.at, pass.stats, err
}

func (r *Reader) take() *tools {
	if t, ok := r.tools.Get().(*tools); ok {
		return t
	}
	return &tools{NewParser(), newLineReader(nil)}
}

// openSegment opens a segment, which may be compressed between two looks.
func (r *Reader) openSegment(number int64) (*os.File, error) {
	f, err := os.Open(plainPath(r.dir, r.journal, number))
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	return os.Open(compressedPath(r.dir, r.journal, number))
}

// pass reads one segment.
type pass struct {
	*tools
	at       Position
	finished bool
	each     func(*inventory.Line, []byte, Position) error
	line     inventory.Line
	stats    Stats
}

func (p *pass) run(in *source, f *os.File) error {
	skip, contents := p.seek, io.Reader(in)
	if strings.HasSuffix(f.Name(), compressedSuffix) {
		plain := newPlainReader(in)
		defer plain.Close()
		skip, contents = p.discard, plain
	}
	skipped, err := skip(f, contents)
	if err == nil && skipped == p.at.Offset {
		p.lines.r.Reset(contents)
		err = p.read()
	} else if err == nil && !p.finished {
		return ErrPastEnd
	}
	if errors.Is(err, errCutOff) && in.err == nil {
		p.stats.Bad++
		err = nil
	}
	if err == nil && p.finished {
		p.at = Position{Journal: p.at.Journal, Segment: p.at.Segment + 1, Offset: 0}
	}
	return err
}

// seek goes to the offset in a plain segment, and returns how far it came: a power cut may have taken what was read
// before.
func (p *pass) seek(f *os.File, _ io.Reader) (int64, error) {
	info, err := f.Stat()
	if err != nil || info.Size() < p.at.Offset {
		return 0, err
	}
	return f.Seek(p.at.Offset, io.SeekStart)
}

// discard is seek for a compressed segment.
func (p *pass) discard(_ *os.File, contents io.Reader) (int64, error) {
	n, err := io.CopyN(io.Discard, contents, p.at.Offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// read hands on lines to the end.
func (p *pass) read() error {
	for {
		line, size, tooLong, err := p.lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil && (size == 0 || !p.finished) {
			return nil
		}
		next := Position{Journal: p.at.Journal, Segment: p.at.Segment, Offset: p.at.Offset + size}
		if err := p.take(line, tooLong, next); err != nil {
			return err
		}
		p.at = next
		if err != nil {
			return nil
		}
	}
}

func (p *pass) take(line []byte, tooLong bool, next Position) error {
	if tooLong {
		p.stats.Bad++
		return nil
	}
	if len(line) == 0 {
		return nil
	}
	ok, err := p.parser.Parse(line, &p.line)
	if err != nil {
		p.stats.Bad++
		return nil
	}
	if !ok {
		return nil
	}
	if err := p.each(&p.line, line, next); err != nil {
		return err
	}
	p.stats.Lines++
	return nil
}
