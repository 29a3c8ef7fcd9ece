package journal

import (
	"context"
	"errors"
	"io"

	"drawbridge/inventory"
)

// Stats counts what was read.
type Stats struct {
	Lines int64 // handed on
	Bad   int64 // torn, not JSON, longer than 1 MiB, or with a field of a wrong type; a stream that is cut off is one
}

// LogOptions say how a log is read. The zero value works.
type LogOptions struct {
	// Progress is told now and then how many bytes of the log, as it stands, were read. It may be nil.
	Progress func(read int64)
}

// ReadLog hands each line of a bridge in r to each, in order, and reads to the end in constant memory. r may be plain,
// gzip or Zstandard, several of them one after the other, and be cut off anywhere, which counts as a bad line and is no
// error. Lines of others are passed over, and so is what syslog, journald and containers put before the brace of a line;
// a line that Docker or journald wrapped into JSON of their own is unwrapped. The Line is valid during the call.
//
// An error is that of r, of each, or of ctx.
func ReadLog(ctx context.Context, r io.Reader, each func(*inventory.Line) error, o LogOptions) (Stats, error) {
	in := &source{ctx: ctx, r: r, progress: o.Progress}
	reader := logReader{parser: NewParser(), each: each}
	plain := newPlainReader(in)
	defer plain.Close()
	err := reader.read(plain)
	switch {
	case in.err != nil:
		err = in.err
	case errors.Is(err, errCutOff):
		reader.stats.Bad++
		err = nil
	}
	return reader.stats, err
}

// source is a log as it stands. Its own errors are told from those of what is in it.
type source struct {
	ctx      context.Context
	r        io.Reader
	progress func(read int64)
	read     int64
	err      error // other than io.EOF
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	if s.progress != nil {
		s.progress(s.read)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// logReader reads lines that are anybody's.
type logReader struct {
	parser  *Parser
	each    func(*inventory.Line) error
	line    inventory.Line
	partial []byte // of a line that Docker cut into pieces
	stats   Stats
}

func (lr *logReader) read(r io.Reader) error {
	lines := newLineReader(r)
	for {
		line, _, tooLong, err := lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err // what was read of this line is part of what was cut off
		}
		if tooLong {
			lr.stats.Bad++
		} else if err := lr.take(line); err != nil {
			return err
		}
		if err != nil {
			return nil
		}
	}
}

// take reads one line of a log.
func (lr *logReader) take(line []byte) error {
	ok, bad := lr.find(line)
	if bad {
		lr.stats.Bad++
	}
	if !ok {
		return nil
	}
	if err := lr.each(&lr.line); err != nil {
		return err
	}
	lr.stats.Lines++
	return nil
}
