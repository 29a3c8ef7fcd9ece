package sandbox

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mark stands for a rewriting whose traces can be taken out again.
func mark(line []byte) []byte { return append([]byte("<"), append(line, '>')...) }

// refilter is the filter's specification, written for a whole stream at once: which bytes are a line to
// rewrite, which pass.
func refilter(stream []byte, rewrite func([]byte) []byte) []byte {
	var out []byte
	for len(stream) > 0 {
		line, rest, whole := bytes.Cut(stream, []byte("\n"))
		if !whole {
			held := len(line) <= maxRewritten && !isData(line)
			if held {
				return out
			}
			return append(out, line...)
		}
		line = stream[:len(line)+1]
		literal := !isText(line) && announces(line) >= 0
		if !isData(line) && len(line) <= maxRewritten && !literal {
			out, stream = append(out, rewrite(slices.Clone(line))...), rest
			continue
		}
		text := isText(line)
		out, stream = append(out, line...), rest
		for size := announces(line); size >= 0 && !text; size = announces(line) {
			n := min(size, int64(len(stream)))
			out, stream = append(out, stream[:n]...), stream[n:]
			if n < size {
				return out
			}
			end := bytes.IndexByte(stream, '\n') + 1
			if end == 0 {
				return append(out, stream...)
			}
			line = stream[:end]
			out, stream = append(out, line...), stream[end:]
		}
	}
	return out
}

var announcement = regexp.MustCompile(`\{([0-9]+)\+?\}\r?\n\z`)

// announces returns the size of the literal that a line announces, or -1.
func announces(line []byte) int64 {
	found := announcement.FindSubmatch(line)
	if found == nil || len(bytes.TrimRight(found[0], "\r\n")) > 24 {
		return -1
	}
	size, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		return -1
	}
	return size
}

func filterSeeds() []string {
	return []string{
		"* OK hello {5}\r\na1 OK done\r\n",
		"* 1 FETCH (BODY[] {11}\r\n* OK no\r\nxx BODY[2] {3}\r\nabc)\r\na1 OK FETCH completed\r\n",
		"* LIST () \"/\" {5}\r\nInbox\r\n* LIST () \"/\" INBOX\r\n+ idling\r\n",
		"* SEARCH 1 2 3\n* 2 EXISTS\n",
		"* " + strings.Repeat("x", 5000) + " {4}\r\n* OK * OK\r\n",
		"a1 OK " + strings.Repeat("y", 5000) + "{4}\r\n* OK x\r\n",
		"* 1 FETCH {0}\r\n\r\n* 1 FETCH {99999999999999999999}\r\n* OK\r\n",
		"* 1 FETCH {0000000000000000000000000005}\r\n* OK\r\n",
		"* 1 FETCH {000000000000000000005}\r\n* OK x\r\n",
		"* 1 FETCH {5}\r\r\n* OK x\r\n",
		"* 1 FETCH {}\r\n* OK x\r\n",
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range filterSeeds() {
		for _, step := range []byte{1, 7, 255} {
			f.Add([]byte(seed), step)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, step byte) {
		var got bytes.Buffer
		filter := &filter{out: &got, rewrite: mark}
		for piece := range slices.Chunk(stream, max(1, int(step))) {
			if n, err := filter.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("wrote %d of %d: %v", n, len(piece), err)
			}
		}
		if want := refilter(stream, mark); !bytes.Equal(got.Bytes(), want) {
			t.Errorf("pieces of %d\n got %q\nwant %q", step, got.Bytes(), want)
		}
	})
}

func TestFilter_PassesErrorsOn(t *testing.T) {
	for _, stream := range []string{"* OK x\r\n", "* 1 FETCH x\r\n", "* 1 FETCH {5}\r\n", strings.Repeat("x", 5000)} {
		f := &filter{out: brokenWriter{}, rewrite: mark}
		if _, err := f.Write([]byte(stream)); err == nil {
			t.Errorf("%.20q: no error", stream)
		}
	}
	var out bytes.Buffer
	f := &filter{out: &out, rewrite: mark, literal: func(size int64) (int64, error) { return size / 2, errBye{"* BYE"} }}
	if n, err := f.Write([]byte("* 1 FETCH {6}\r\nabcdef)\r\n")); n != 18 || err == nil || err.Error() != "ended with * BYE" {
		t.Errorf("got %d, %v", n, err)
	}
	if out.String() != "* 1 FETCH {6}\r\nabc" {
		t.Errorf("got %q", out.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzCommands holds the reader of commands to its promise: what it passes on is what came, less whole commands that it answers
// itself, and it never panics or loops.
func FuzzCommands(f *testing.F) {
	f.Add([]byte("a NOOP\r\nb APPEND x {3+}\r\nabc\r\nc ID NIL\r\nd IDLE\r\nDONE\r\ne NOOP\r\n"))
	f.Add([]byte("\r\n( x\r\na\r\na X {4+}\r\nabcd {2+}\r\nxx\r\na UID FETCH 1 y\n"))
	f.Add([]byte("a SEARCH TEXT {4+}\r\nb ID\r\n {0+}\r\nx\r\n"))
	exchange := &Exchange{log: newLog()}
	f.Fuzz(func(t *testing.T, stream []byte) {
		l := newListener(exchange, ListenOptions{}.withDefaults(), certificateOfNobody)
		s := &imapSession{conn: &conn{listener: l, raw: addressOnly{}, reader: bufio.NewReader(bytes.NewReader(stream))}}
		got, _ := io.ReadAll(&commandReader{session: s})
		rest := got
		for len(rest) > 0 {
			line, after, _ := bytes.Cut(rest, []byte("\n"))
			line = append(line[:len(line):len(line)], '\n')
			if !bytes.Contains(stream, bytes.TrimRight(line, "\r\n")) && !bytes.HasPrefix(line, []byte(placeholder+" NOOP\r")) {
				t.Fatalf("passed on %q, which never came in %q", line, stream)
			}
			rest = after
		}
		if n := len(s.pending); n > bytes.Count(stream, []byte("\n")) {
			t.Errorf("%d commands in %d lines", n, bytes.Count(stream, []byte("\n")))
		}
	})
}

func TestDotWriter_TOP(t *testing.T) {
	const mail = "A: b\r\n\r\n.one\r\n\r\nthree"
	for lines, want := range []string{"A: b\r\n\r\n.\r\n", "A: b\r\n\r\n..one\r\n.\r\n", "A: b\r\n\r\n..one\r\n\r\n.\r\n",
		"A: b\r\n\r\n..one\r\n\r\nthree\r\n.\r\n"} {
		var b bytes.Buffer
		out := bufio.NewWriter(&b)
		d := &dotWriter{out: out, lines: lines}
		fmt.Fprint(d, mail)
		if err := d.finish(); err != nil {
			t.Fatal(err)
		}
		out.Flush()
		if b.String() != want {
			t.Errorf("%d lines: got %q, want %q", lines, b.String(), want)
		}
	}
}

var certificateOfNobody = tls.Certificate{}

// addressOnly is a connection of which only the address is asked.
type addressOnly struct{ net.Conn }

func (addressOnly) RemoteAddr() net.Addr { return &net.TCPAddr{} }
