package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// spoken is a connection whose peer has said in and hears out.
type spoken struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *spoken) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *spoken) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *spoken) SetDeadline(time.Time) error { return nil }

func connOf(text string, o ConnOptions) *Conn {
	return NewConn(&spoken{in: strings.NewReader(text)}, o)
}

func TestConn_Lines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
		end        error
		quirks     []string
	}{
		{"CRLF", "USER a\r\nPASS b\r\n", []string{"USER a", "PASS b"}, io.EOF, nil},
		{"bare LF", "USER a\nPASS b\n", []string{"USER a", "PASS b"}, io.EOF, []string{QuirkBareLF}},
		{"both", "a\r\nb\n\r\n\n", []string{"a", "b", "", ""}, io.EOF, []string{QuirkBareLF}},
		{"CR inside", "a\rb\r\n", []string{"a\rb"}, io.EOF, nil},
		{"two CR", "a\r\r\n", []string{"a"}, io.EOF, []string{QuirkExtraCR}},
		{"8-bit and NUL", "\xff\x00\r\n", []string{"\xff\x00"}, io.EOF, nil},
		{"cut off", "USER a\r\nPASS", []string{"USER a"}, io.ErrUnexpectedEOF, nil},
		{"nothing", "", nil, io.EOF, nil},
		{"longer than the buffer", strings.Repeat("x", 5000) + "\r\ny\r\n", []string{strings.Repeat("x", 5000), "y"}, io.EOF, nil},
	} {
		for way, r := range map[string]func(io.Reader) io.Reader{
			"at once":          func(r io.Reader) io.Reader { return r },
			"a byte at a time": iotest.OneByteReader,
			"end with data":    iotest.DataErrReader,
		} {
			notes := &Notes{}
			k := NewConn(&spoken{in: r(strings.NewReader(c.text))}, ConnOptions{Notes: notes})
			var got []string
			var kept [][]byte
			line, err := k.ReadLine(MaxLine)
			for ; err == nil; line, err = k.ReadLine(MaxLine) {
				kept = append(kept, line)
			}
			for _, l := range kept { // only now: a line is the caller's own
				got = append(got, string(l))
			}
			if !slices.Equal(got, c.want) || err != c.end || !slices.Equal(notes.Quirks, c.quirks) {
				t.Errorf("%s, %s: got %.40q, %v, quirks %q", c.name, way, got, err, notes.Quirks)
			}
		}
	}
}

func TestConn_BareLFOfAnUpstreamIsNoQuirk(t *testing.T) {
	line, err := connOf("+OK\n", ConnOptions{Secure: true}).ReadLine(MaxReply)
	if string(line) != "+OK" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestConn_BoundsOfALine(t *testing.T) {
	for _, limit := range []int{MaxLine, MaxTokenLine, MaxReply, 10} {
		for _, ending := range []string{"\r\n", "\n"} {
			for over, refused := range map[int]bool{-1: false, 0: false, 1: true, 2: true, 1000: true} {
				text := strings.Repeat("x", limit+over)
				line, err := connOf(text+ending, ConnOptions{Notes: &Notes{}}).ReadLine(limit)
				var bound *ProtocolError
				if errors.As(err, &bound) != refused || !refused && string(line) != text {
					t.Errorf("a line of %d bytes and %q where %d are allowed: %d bytes, %v", limit+over, ending, limit, len(line), err)
				}
				if refused && err != nil && !strings.Contains(err.Error(), fmt.Sprint(limit)) {
					t.Errorf("the bound is not told: %v", err)
				}
			}
		}
	}
}

// endless says the same byte for ever and counts.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func TestConn_LineWithoutEndIsNotReadToTheEndOfTime(t *testing.T) {
	e := &endless{}
	_, err := NewConn(&spoken{in: e}, ConnOptions{Notes: &Notes{}}).ReadLine(MaxLine)
	var bound *ProtocolError
	if !errors.As(err, &bound) || e.read > MaxLine+2*readBuffer {
		t.Errorf("%d bytes were read: %v", e.read, err)
	}
}

func TestConn_Literals(t *testing.T) {
	k := connOf("a b\r\n\x00c"+strings.Repeat("y", MaxLiteral)+"rest\r\ncut", ConnOptions{})
	for _, want := range []string{"a b\r\n\x00c", "", strings.Repeat("y", MaxLiteral)} {
		if got, err := k.ReadLiteral(len(want)); string(got) != want || err != nil {
			t.Fatalf("got %.20q, %v, want %.20q", got, err, want)
		}
	}
	for _, n := range []int{-1, MaxLiteral + 1, 1 << 30} {
		var bound *ProtocolError
		if _, err := k.ReadLiteral(n); !errors.As(err, &bound) || !strings.Contains(err.Error(), "4096") {
			t.Errorf("a literal of %d bytes: %v", n, err)
		}
	}
	if line, err := k.ReadLine(MaxLine); string(line) != "rest" || err != nil {
		t.Errorf("the line behind is %q, %v", line, err)
	}
	if _, err := k.ReadLiteral(10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a literal that is cut off: %v", err)
	}
}

func TestConn_StartTLSSaysOKThenUpgradesAndCountsOnlyInside(t *testing.T) {
	inside := &spoken{in: strings.NewReader("NOOP\r\n")}
	outside := &spoken{in: strings.NewReader("STLS\r\n")}
	saidBefore := ""
	k := NewConn(outside, ConnOptions{Notes: &Notes{}, Upgrade: func(_ context.Context, c net.Conn) (net.Conn, error) {
		saidBefore = c.(*spoken).out.String()
		return inside, nil
	}})
	if line, err := k.ReadLine(MaxLine); string(line) != "STLS" || err != nil || k.Secure() || !k.CanStartTLS() {
		t.Fatalf("got %q, %v, secure %t", line, err, k.Secure())
	}
	if err := k.StartTLS(t.Context(), "+OK go\r\n"); err != nil {
		t.Fatal(err)
	}
	if saidBefore != "+OK go\r\n" || !k.Secure() || k.CanStartTLS() {
		t.Errorf("before TLS %q was said, secure is %t", saidBefore, k.Secure())
	}
	if in, out := k.in.Load(), k.out.Load(); in != 0 || out != 0 {
		t.Errorf("%d and %d bytes in clear were counted", in, out)
	}
	if line, err := k.ReadLine(MaxLine); string(line) != "NOOP" || err != nil {
		t.Fatalf("inside TLS came %q, %v", line, err)
	}
	if err := k.WriteString("+OK\r\n"); err != nil || inside.out.String() != "+OK\r\n" {
		t.Fatalf("inside TLS went %q, %v", inside.out.String(), err)
	}
	if in, out := k.in.Load(), k.out.Load(); in != 6 || out != 5 {
		t.Errorf("%d bytes came and %d went, want 6 and 5", in, out)
	}
	if err := k.StartTLS(t.Context(), "+OK\r\n"); err == nil || errors.Is(err, ErrInjected) {
		t.Errorf("TLS in TLS: %v", err)
	}
}

func TestConn_StartTLSRefusesWhatCameInClearWithIt(t *testing.T) {
	for _, injected := range []string{"USER a\r\n", "\n", "\x16\x03\x01"} {
		c := &spoken{in: strings.NewReader("STLS\r\n" + injected)}
		k := NewConn(c, ConnOptions{Upgrade: func(context.Context, net.Conn) (net.Conn, error) {
			t.Errorf("%q: TLS was started", injected)
			return nil, errors.New("never")
		}})
		if _, err := k.ReadLine(MaxLine); err != nil {
			t.Fatal(err)
		}
		if err := k.StartTLS(t.Context(), "+OK go\r\n"); !errors.Is(err, ErrInjected) {
			t.Errorf("%q: got %v", injected, err)
		}
		if c.out.Len() > 0 || k.Secure() {
			t.Errorf("%q: %q was sent, secure is %t", injected, c.out.String(), k.Secure())
		}
	}
}

func TestConn_StartTLSThatFails(t *testing.T) {
	broken := errors.New("broken handshake")
	c := &spoken{in: strings.NewReader("")}
	k := NewConn(c, ConnOptions{Upgrade: func(context.Context, net.Conn) (net.Conn, error) { return nil, broken }})
	if err := k.StartTLS(t.Context(), ""); !errors.Is(err, broken) || k.Secure() || c.out.Len() > 0 {
		t.Errorf("got %v, secure %t, sent %q", err, k.Secure(), c.out.String())
	}
	if err := connOf("", ConnOptions{}).StartTLS(t.Context(), "+OK"); err == nil {
		t.Error("TLS was started where it is not offered")
	}
	deaf, theirs := net.Pipe()
	_ = deaf.Close()
	called := false
	k = NewConn(theirs, ConnOptions{Upgrade: func(_ context.Context, c net.Conn) (net.Conn, error) { called = true; return c, nil }})
	if err := k.StartTLS(t.Context(), "+OK\r\n"); err == nil || called {
		t.Errorf("the OK could not be sent, but got %v, upgraded %t", err, called)
	}
}

func TestConn_DeadlineFromTheFirstLineOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = ours.Close() }()
		k := NewConn(theirs, ConnOptions{Secure: true, AfterFirstLine: 30 * time.Second})
		_ = k.SetDeadline(time.Now().Add(10 * time.Second))
		began := time.Now()
		go func() {
			for _, after := range []time.Duration{5 * time.Second, 20 * time.Second} { // at 5 s and 25 s
				time.Sleep(after)
				_, _ = io.WriteString(ours, "+OK\r\n")
			}
		}()
		for range 2 {
			if _, err := k.ReadLine(MaxReply); err != nil {
				t.Fatalf("after %s: %v", time.Since(began), err)
			}
		}
		_, err := k.ReadLine(MaxReply)
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != 35*time.Second {
			t.Errorf("it ended after %s with %v, want 35 s: only the first line counts", took, err)
		}
		_ = k.Close()
	})
}

func TestConn_BoundOfBadCommands(t *testing.T) {
	k := connOf("", ConnOptions{MaxBadCommands: 10})
	for i := range 9 {
		if err := k.BadCommand("", 7); err != nil {
			t.Fatalf("bad command %d: %v", i+1, err)
		}
	}
	var bound *ProtocolError
	const want = "limits.bad_commands: 10), the last one: unknown command, 7 bytes"
	if err := k.BadCommand("", 7); !errors.As(err, &bound) || !strings.Contains(err.Error(), want) {
		t.Errorf("the tenth: %v", err)
	}
	free := connOf("", ConnOptions{})
	for range 1000 {
		if err := free.BadCommand("NOOP", 4); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConn_Announced(t *testing.T) {
	var none *Announced
	none.Store([]string{"USER"})
	if none.Load() != nil {
		t.Error("a device remembers capabilities")
	}
	a := &Announced{}
	if a.Load() != nil {
		t.Error("the zero value remembers something")
	}
	a.Store([]string{})
	if a.Load() == nil {
		t.Error("an empty list reads as none")
	}
	a.Store([]string{"SASL PLAIN"})
	if k := connOf("", ConnOptions{Announced: a}); !slices.Equal(k.Announced().Load(), []string{"SASL PLAIN"}) {
		t.Errorf("got %q", k.Announced().Load())
	}
	if a.Store(nil); a.Load() != nil {
		t.Error("nil does not forget")
	}
}

// FuzzConnLines holds ReadLine against cutting the text by hand, however it arrives.
func FuzzConnLines(f *testing.F) {
	for _, s := range []string{"a\r\nb\n", "\n\n\r\n", strings.Repeat("x", 70) + "\r\n", "\r", "a\r\r\nb"} {
		f.Add(s, byte(3))
	}
	f.Fuzz(func(t *testing.T, text string, step byte) {
		const limit = 64
		k := NewConn(&spoken{in: &stepReader{text, int(step%7) + 1}}, ConnOptions{})
		for rest := text; ; {
			raw, after, whole := strings.Cut(rest, "\n")
			want := strings.TrimRight(raw, "\r")
			line, err := k.ReadLine(limit)
			if !whole || len(want) > limit || len(raw) > limit+1 {
				if err == nil && len(want) > limit || err == nil && !whole {
					t.Fatalf("got %q, want an error", line)
				}
				return
			}
			if err != nil || string(line) != want {
				t.Fatalf("got %q, %v, want %q", line, err, want)
			}
			rest = after
		}
	})
}

type stepReader struct {
	rest string
	step int
}

func (s *stepReader) Read(p []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.step)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
