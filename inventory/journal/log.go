package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

// Stats counts what was read.
type Stats struct {
	Lines int64 // handed on
	Bad   int64 // torn, not JSON, longer than 1 MiB, or with a field of a wrong type; a stream that is cut off is one
}

func (s *Stats) add(o Stats) {
	s.Lines += o.Lines
	s.Bad += o.Bad
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

// lineReader cuts a stream into lines, in constant memory whatever is in it.
type lineReader struct{ r *bufio.Reader }

func newLineReader(r io.Reader) *lineReader { return &lineReader{bufio.NewReaderSize(r, maxLine)} }

// next returns the next line without its newline, valid until the next call, and how many bytes it took. Of a line
// longer than 1 MiB, tooLong is true and there is no line. At the end of the stream err is io.EOF, and line what stands
// behind the last newline, if anything.
func (lr *lineReader) next() (line []byte, size int64, tooLong bool, err error) {
	line, err = lr.r.ReadSlice('\n')
	size = int64(len(line))
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		var more []byte
		more, err = lr.r.ReadSlice('\n')
		size += int64(len(more))
	}
	if tooLong {
		return nil, size, true, err
	}
	if err == nil {
		line = line[:len(line)-1]
	}
	return line, size, false, err
}

// find reads line, which may have anything before its brace, into lr.line. A line without JSON in it is somebody else's
// and not bad.
func (lr *logReader) find(line []byte) (ok, bad bool) {
	i := bytes.IndexByte(line, '{')
	if i < 0 {
		return false, false
	}
	ok, err := lr.parse(line[i:])
	if err == nil {
		return ok, false
	}
	if j := bytes.Index(line[i+1:], []byte(`{"msg":"`)); j >= 0 { // a brace in what stands before it
		if ok, err := lr.parse(line[i+1+j:]); err == nil {
			return ok, false
		}
	}
	return false, bytes.Contains(line, []byte(`":`))
}

// parse reads JSON that is a line or has one in it.
func (lr *logReader) parse(line []byte) (ok bool, err error) {
	if done, err := lr.parser.quick(line, &lr.line); done {
		return err == nil, err
	}
	root, err := lr.parser.object(line)
	if err != nil {
		return false, err
	}
	if root.Get("msg") == nil {
		for _, wrapper := range [...]string{"log", "MESSAGE"} { // of Docker's json-file driver, and of journalctl -o json
			if v := root.Get(wrapper); v != nil && v.Type() == fastjson.TypeString {
				inner, _ := v.StringBytes()
				return lr.unwrap(inner, wrapper == "log")
			}
		}
	}
	lr.line = inventory.Line{}
	return lr.parser.known(root, line, &lr.line)
}

// unwrap reads a line that stood in a string. Docker cuts lines at 16 KiB; only the last piece has the newline.
func (lr *logReader) unwrap(inner []byte, pieces bool) (ok bool, err error) {
	whole := !pieces || bytes.HasSuffix(inner, []byte("\n"))
	if !whole || len(lr.partial) > 0 {
		if len(lr.partial)+len(inner) > maxLine {
			lr.partial = lr.partial[:0]
			return false, errTooLong
		}
		lr.partial = append(lr.partial, inner...)
		inner = lr.partial
	}
	if !whole {
		return false, nil
	}
	inner = bytes.Clone(inner) // the parser reuses what it stands in
	lr.partial = lr.partial[:0]
	i := bytes.IndexByte(inner, '{')
	if i < 0 {
		return false, nil
	}
	return lr.parser.Parse(inner[i:], &lr.line)
}
