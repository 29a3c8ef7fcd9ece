package login

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of what one side may make us hold before the relay, in bytes.
const (
	MaxLine      = 8 << 10  // a line of a device
	MaxTokenLine = 24 << 10 // a line of a device that carries a token of its own
	MaxLiteral   = 4 << 10  // a literal of a device before login
	MaxReply     = 64 << 10 // a line of an upstream
)

const readBuffer = 2 << 10 // released when the relay begins

// ErrLoggedOut is returned by Login.Read when the device ended the session with LOGOUT or QUIT.
var ErrLoggedOut = errors.New("the device logged out before it logged in")

// ProtocolError says which bound a peer broke, in words for the record.
type ProtocolError struct{ Problem string }

// Error returns the problem.
func (e *ProtocolError) Error() string { return e.Problem }

// Past is a deadline that has passed: it ends whatever waits on a connection.
var Past = time.Unix(1, 0)

// IsTimeout reports whether err is a connection's deadline.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// IsClosed reports whether err is the end of a connection, by whichever side and however rudely.
func IsClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// ErrLongLine is a line beyond MaxLine whose command would have been allowed a longer one for a token only.
var ErrLongLine = longLine(MaxLine)

func longLine(limit int) *ProtocolError {
	return &ProtocolError{fmt.Sprintf("the device sent a line of more than %d bytes before login: check that it is set to this listener's "+
		"protocol", limit)}
}

// ReadCommand returns a device's next line, of at most MaxTokenLine bytes. One beyond MaxLine must be of a command that
// may carry a token, which long names; otherwise it is a *ProtocolError.
func (c *Conn) ReadCommand(long func(line []byte) bool) (string, error) {
	line, err := c.ReadLine(MaxTokenLine)
	if err == nil && len(line) > MaxLine && !long(line) {
		err = ErrLongLine
	}
	return string(line), err
}

// Conn is one side of a session, a device or an upstream: lines until login, bytes afterwards. One reader owns the
// bytes for the Conn's whole life, so none is lost between the two. It is used by one goroutine at a time until the
// relay, which reads and writes from one goroutine each.
type Conn struct {
	conn    net.Conn
	r       *bufio.Reader
	secure  bool
	upgrade func(ctx context.Context, c net.Conn) (net.Conn, error)
	notes   *Notes // nil for an upstream

	noTokens                    bool
	badCommands, maxBadCommands int
	announced                   *Announced
	afterFirstLine              time.Duration
	recordSize                  int
	in, out                     atomic.Int64 // bytes inside TLS

	mu   sync.Mutex
	over bool // cut: every deadline has passed
}

// ConnOptions say what a Conn is for.
type ConnOptions struct {
	Secure         bool   // the connection is inside TLS already
	Notes          *Notes // where the quirks of a device's lines go; nil for an upstream
	MaxBadCommands int    // 0: no limit
	NoTokens       bool   // no token of the device's own is taken
	// Upgrade makes the connection a TLS one after STARTTLS; nil where that is not offered.
	Upgrade func(ctx context.Context, c net.Conn) (net.Conn, error)
	// Announced is what this upstream announced to earlier sessions; nil for a device.
	Announced  *Announced
	RecordSize int // the largest record of application data that the peer is sent, in bytes; 0: TLS's own bound
	// AfterFirstLine is how long the peer has from its first line on; 0: the deadline stays as it is.
	AfterFirstLine time.Duration
}

// NewConn returns the Conn that from now on owns c.
func NewConn(c net.Conn, o ConnOptions) *Conn {
	k := &Conn{conn: c, secure: o.Secure, upgrade: o.Upgrade, notes: o.Notes, noTokens: o.NoTokens,
		maxBadCommands: o.MaxBadCommands, announced: o.Announced, afterFirstLine: o.AfterFirstLine, recordSize: o.RecordSize}
	k.r = bufio.NewReaderSize(connReader{k}, readBuffer)
	return k
}

// connReader reads from whatever the Conn's connection currently is and counts what came inside TLS.
type connReader struct{ c *Conn }

func (r connReader) Read(p []byte) (int, error) {
	n, err := r.c.conn.Read(p)
	if r.c.secure {
		r.c.in.Add(int64(n))
	}
	return n, err
}

// Secure reports whether the connection is inside TLS.
func (c *Conn) Secure() bool { return c.secure }

// CanStartTLS reports whether StartTLS is possible: not inside TLS yet, and offered.
func (c *Conn) CanStartTLS() bool { return !c.secure && c.upgrade != nil }

// Buffered returns how many bytes have arrived and were not read yet.
func (c *Conn) Buffered() int { return c.r.Buffered() }

// SpokeFirst reports whether the peer has said something already: before the greeting it should not have. It does not
// wait, and may miss what is only just under way.
func (c *Conn) SpokeFirst() bool {
	if c.r.Buffered() > 0 {
		return true
	}
	under := c.conn
	if over, is := under.(interface{ NetConn() net.Conn }); is {
		under = over.NetConn()
	}
	w, ok := under.(interface{ Pending() bool })
	return ok && w.Pending()
}

// Announced is what the upstream announced to earlier sessions, nil for a device.
func (c *Conn) Announced() *Announced { return c.announced }

// BadCommand counts a bad command before login, of which word is known by name and size is the line's, in bytes: any other word
// is not written down, since a device out of step sends its password as a command. It returns a *ProtocolError when the device
// has used up its bound.
func (c *Conn) BadCommand(word string, size int) error {
	c.badCommands++
	if c.maxBadCommands > 0 && c.badCommands >= c.maxBadCommands {
		last := word
		if last == "" {
			last = fmt.Sprintf("unknown command, %d bytes", size)
		}
		return &ProtocolError{fmt.Sprintf("the device sent %d bad commands before login (limits.bad_commands: %d), the last one: %s; check "+
			"that it is set to this listener's protocol", c.badCommands, c.maxBadCommands, last)}
	}
	return nil
}

// ReadLine returns the next line without its ending, which is CRLF or a bare LF (noted as a quirk of a device). The
// slice is the caller's. A line longer than limit bytes, its ending not counted, is of a device a *ProtocolError.
func (c *Conn) ReadLine(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := c.r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > limit+len("\r\n") {
			return nil, c.tooLong(limit)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, lineError(line, err)
		}
	}
	if c.afterFirstLine > 0 {
		_ = c.SetDeadline(time.Now().Add(c.afterFirstLine))
		c.afterFirstLine = 0
	}
	if line = c.trimEnding(line); len(line) > limit {
		return nil, c.tooLong(limit)
	}
	return line, nil
}

// tooLong is the error for a line beyond limit: a device has broken a bound, an upstream does not speak the protocol.
func (c *Conn) tooLong(limit int) error {
	if c.notes == nil {
		return fmt.Errorf("it sent a line of more than %d bytes", limit)
	}
	return longLine(limit)
}

// lineError tells a line that was cut off from a clean end.
func lineError(line []byte, err error) error {
	if errors.Is(err, io.EOF) && len(line) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *Conn) trimEnding(line []byte) []byte {
	line = line[:len(line)-1]
	trimmed := bytes.TrimRight(line, "\r")
	switch returns := len(line) - len(trimmed); {
	case returns == 0:
		c.quirk(QuirkBareLF)
	case returns > 1:
		c.quirk(QuirkExtraCR)
	}
	return trimmed
}

// quirk notes a quirk of a device.
func (c *Conn) quirk(name string) {
	if c.notes != nil {
		c.notes.Quirk(name)
	}
}

// ReadLiteral returns the next n bytes; n beyond MaxLiteral is a *ProtocolError.
func (c *Conn) ReadLiteral(n int) ([]byte, error) {
	if n < 0 || n > MaxLiteral {
		return nil, &ProtocolError{fmt.Sprintf("the device sent a literal of more than %d bytes before login: check that "+
			"it is set to this listener's protocol", MaxLiteral)}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return nil, err
	}
	return b, nil
}

// WriteString sends s in one write.
func (c *Conn) WriteString(s string) error { return c.Send([]byte(s)) }

// Send sends b, in pieces of recordSize bytes where one is set: each becomes a record of its own.
func (c *Conn) Send(b []byte) error {
	for {
		piece := b
		if c.recordSize > 0 {
			piece = b[:min(len(b), c.recordSize)]
		}
		n, err := c.conn.Write(piece)
		if c.secure {
			c.out.Add(int64(n))
		}
		if b = b[len(piece):]; err != nil || len(b) == 0 {
			return err
		}
	}
}

// ErrInjected is returned by StartTLS when bytes came in plain text together with the command that starts TLS. They
// could be an attacker's, so they are never read as commands or responses.
var ErrInjected = errors.New("bytes in plain text came together with the start of TLS, as an attacker would send them: they were thrown " +
	"away and the session was ended: look for what changes the packets on the way, or update who sent them")

// StartTLS makes the connection a TLS one, after sending ok where it is not empty. It fails with ErrInjected, before
// anything is sent, if a byte is buffered: nothing sent in plain text is read after it.
func (c *Conn) StartTLS(ctx context.Context, ok string) error {
	if !c.CanStartTLS() {
		return errors.New("start TLS: not offered here")
	}
	if c.r.Buffered() > 0 {
		return ErrInjected
	}
	if ok != "" {
		if err := c.WriteString(ok); err != nil {
			return err
		}
	}
	t, err := c.upgrade(ctx, c.conn)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.secure = t, true
	return nil
}

// SetDeadline ends reads and writes at t, or at once where the Conn was cut.
func (c *Conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		t = Past
	}
	return c.conn.SetDeadline(t)
}

// Cut ends all that is read and written, now and later. Any goroutine may call it.
func (c *Conn) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	_ = c.conn.SetDeadline(Past)
}

// Close closes the connection; inside TLS with close_notify.
func (c *Conn) Close() error { return c.conn.Close() }

// Bytes returns how many bytes inside TLS came from the peer, and how many went to it. Any goroutine may call it.
func (c *Conn) Bytes() (in, out int64) { return c.in.Load(), c.out.Load() }

// Release hands over what is buffered and lets the buffer go: from now on ReadRaw reads. pass is not called where there is
// nothing.
func (c *Conn) Release(pass func([]byte) error) error {
	p, _ := c.r.Peek(c.r.Buffered())
	c.r = nil
	if len(p) == 0 {
		return nil
	}
	return pass(p)
}

// ReadRaw reads what comes after Release.
func (c *Conn) ReadRaw(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	c.in.Add(int64(n))
	return n, err
}

// CloseWrite ends our direction and lets the other go on: close_notify, and to a device a FIN too, since not every old one
// understands the alert.
func (c *Conn) CloseWrite() {
	if half, ok := c.conn.(halfCloser); ok {
		_ = half.CloseWrite()
	}
	over, ok := c.conn.(interface{ NetConn() net.Conn })
	if !ok || c.notes == nil {
		return
	}
	if half, ok := over.NetConn().(halfCloser); ok {
		_ = half.CloseWrite()
	}
}

type halfCloser interface{ CloseWrite() error }

// Announced remembers which capabilities an upstream announced last, so that a login need not ask again, without those that
// turned out not to hold. It is safe for concurrent use; its zero value remembers nothing.
type Announced struct{ last atomic.Pointer[announcement] }

// announcement is a list as it was told, and what holds of it.
type announcement struct{ told, holds []string }

// Load returns what holds, nil where nothing is remembered. It is not to be changed.
func (a *Announced) Load() []string {
	if a == nil {
		return nil
	}
	if p := a.last.Load(); p != nil {
		return p.holds
	}
	return nil
}

// Store remembers list; nil forgets.
func (a *Announced) Store(list []string) { a.Correct(list, list) }

// Correct remembers that of the list told only holds does; nil forgets.
func (a *Announced) Correct(told, holds []string) {
	switch {
	case a == nil:
	case told == nil:
		a.last.Store(nil)
	default:
		a.last.Store(&announcement{told, holds})
	}
}

// Corrected returns what holds of a list that has just been told, and whether less than all of it does.
func (a *Announced) Corrected(told []string) (holds []string, less bool) {
	if a == nil {
		return told, false
	}
	p := a.last.Load()
	if p == nil || !slices.Equal(p.told, told) {
		return told, false
	}
	return p.holds, len(p.holds) < len(told)
}
