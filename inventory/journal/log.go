package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"drawbridge/inventory"
)

// Stats counts what was read.
type Stats struct {
	Lines    int64 // handed on
	Bad      int64 // torn, not JSON, longer than 1 MiB, or with a field of a wrong type; a stream that is cut off is one
	Withheld int64 // that journalctl left out, since they are long: null in place of the message
	Console  int64 // records for people (log.format: console), which tell too little to be read
}

// Add adds what was read elsewhere.
func (s *Stats) Add(o Stats) {
	s.Lines += o.Lines
	s.Bad += o.Bad
	s.Withheld += o.Withheld
	s.Console += o.Console
}

// LogOptions say how a log is read. The zero value works.
type LogOptions struct {
	// Progress is told now and then how many bytes of the log, as it stands, were read. It may be nil.
	Progress func(read int64)
}

// ReadLog hands each line of a bridge in r to each, in order, and reads to the end in bounded memory. r may be plain,
// gzip or Zstandard, several of them one after the other, UTF-16 as PowerShell redirects it, and be cut off anywhere, which counts
// as a bad line and is no error. Lines of others are passed over, and so is what syslog, journald and containers put before the
// brace of a line; what collectors wrapped into JSON of their own is unwrapped, what they cut into pieces is put together, and
// objects may follow one another on a line, as in an array. What looks as if it were a bridge's and cannot be read is counted.
// The Line is valid during the call.
//
// An error is that of r, of each, or of ctx.
func ReadLog(ctx context.Context, r io.Reader, each func(*inventory.Line) error, o LogOptions) (Stats, error) {
	in := &source{ctx: ctx, r: r, progress: o.Progress}
	reader := logReader{parser: NewParser(), each: each}
	plain := newPlainReader(in)
	defer plain.Close()
	err := reader.read(asUTF8(plain))
	reader.giveUpAll()
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

// asUTF8 decodes r where it is UTF-16, as Windows PowerShell writes what it redirects.
func asUTF8(r io.Reader) io.Reader {
	in := bufio.NewReader(r)
	switch start, _ := in.Peek(4); {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}), string(start) == "{\x00\"\x00":
		return transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder())
	}
	return in
}

// logReader reads lines that are anybody's.
type logReader struct {
	parser *Parser
	each   func(*inventory.Line) error
	line   inventory.Line
	pieces map[string][]byte // of lines that are not whole yet, by their stream; maxStreams of maxLine bytes at most
	stats  Stats
}

// read reads all lines. One that is longer than the buffer may be many objects: what was not read of it is carried on.
func (lr *logReader) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, maxLine)
	var carried []byte
	skipping := false // the rest of a line that was too long
	for {
		line, err := in.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full && !errors.Is(err, io.EOF) {
			return err // what was read of this line is part of what was cut off
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(carried) > 0 {
			line = append(carried, line...)
		}
		done := len(line)
		if !skipping {
			var broken error
			if done, broken = lr.take(line, !full, 0); broken != nil {
				return broken
			}
		}
		carried, skipping = nil, full && (skipping || len(line)-done >= maxLine)
		switch {
		case skipping && done < len(line):
			lr.stats.Bad++
		case full && !skipping:
			carried = bytes.Clone(line[done:])
		case errors.Is(err, io.EOF):
			return nil
		}
	}
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
