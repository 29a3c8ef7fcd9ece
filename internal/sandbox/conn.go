package sandbox

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxLine          = 32 << 10 // of a login: a token of 16 KiB is 22 KiB in base64
	handshakeTimeout = 30 * time.Second
	writeTimeout     = 2 * time.Minute
	holdTimeout      = 30 * time.Minute // how long silence lasts at most
	byeTimeout       = time.Second      // a last word must not wait for a peer that does not read
)

var errLineTooLong = errors.New("line too long")

// conn is one connection from accept to close. Its dialog reads; the dialog and whoever ends the session write.
type conn struct {
	listener *Listener
	id       uint64
	raw      net.Conn
	stream   net.Conn // raw, then TLS
	reader   *bufio.Reader
	secure   bool

	ctx     context.Context // ends when the connection is closed
	cancel  context.CancelFunc
	ending  atomic.Bool  // the last word is being said
	dead    atomic.Bool  // a write failed, so that TLS's farewell would only wait
	left    atomic.Int64 // bytes that may still be written before a random drop; negative: no drop
	writing sync.Mutex
}

func newConn(l *Listener, raw net.Conn) *conn {
	ctx, cancel := context.WithCancel(context.Background())
	c := &conn{
		listener: l,
		id:       l.exchange.conns.Add(1),
		raw:      raw,
		stream:   raw,
		reader:   bufio.NewReader(raw),
		ctx:      ctx,
		cancel:   cancel,
	}
	c.left.Store(-1)
	return c
}

func (c *conn) log(e Event) {
	e.At, e.Listener, e.Conn, e.Remote = time.Now(), c.listener.options.Name, c.id, c.raw.RemoteAddr().String()
	c.listener.exchange.log.add(e)
}

func (c *conn) faults() *Faults { return c.listener.faults.Load() }

func (c *conn) personality() Personality { return c.listener.options.Personality }

// startTLS shakes hands. With STARTTLS, bytes that came before the handshake in clear text are an
// injection: they are logged and end the connection (RFC 9051, section 6.2.1).
func (c *conn) startTLS() error {
	if n := c.reader.Buffered(); n > 0 {
		injected, _ := c.reader.Peek(n)
		c.log(Event{Kind: HandshakeFailed, Text: "in one packet with STARTTLS: " + string(injected)})
		return errors.New("bytes in clear text behind STARTTLS")
	}
	if c.faults().ResetInHandshake {
		return c.reset()
	}
	stream := tls.Server(c.raw, c.listener.tls)
	ctx, cancel := context.WithTimeout(c.ctx, handshakeTimeout)
	defer cancel()
	if err := stream.HandshakeContext(ctx); err != nil {
		c.log(Event{Kind: HandshakeFailed, Text: err.Error()})
		return fmt.Errorf("handshake: %w", err)
	}
	c.writing.Lock()
	c.stream, c.secure = stream, true
	c.writing.Unlock()
	c.reader.Reset(stream)
	state := stream.ConnectionState()
	c.log(Event{Kind: Handshake, TLS: TLSInfo{
		Version: state.Version, Suite: state.CipherSuite, ServerName: state.ServerName, Resumed: state.DidResume,
	}})
	return nil
}

// reset waits for the first byte of a hello and answers with a TCP reset.
func (c *conn) reset() error {
	c.raw.SetReadDeadline(time.Now().Add(handshakeTimeout))
	var first [1]byte
	if _, err := c.raw.Read(first[:]); err != nil {
		return err
	}
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.raw.Close()
	return errors.New("reset as asked")
}

// greet says the greeting; it returns false if that was all there is to say.
func (c *conn) greet() bool {
	faults := c.faults()
	greeting := cmp.Or(faults.Greeting, c.personality().greeting(c.listener.options.Protocol))
	if c.writeLine(greeting) != nil || faults.GreetingThenClose {
		return false
	}
	if faults.SilentAfterGreeting {
		c.hold()
		return false
	}
	return true
}

// hold reads and stays silent until the peer goes or the connection is closed.
func (c *conn) hold() {
	c.stream.SetReadDeadline(time.Now().Add(holdTimeout))
	io.Copy(io.Discard, c.reader)
}

// readLine reads a line of a login dialog, without its end, CRLF or LF.
func (c *conn) readLine() (string, error) {
	return c.readText(Received, c.listener.options.LoginIdle, maxLine)
}

func (c *conn) readText(kind EventKind, idle time.Duration, most int) (string, error) {
	c.stream.SetReadDeadline(time.Now().Add(idle))
	line, err := readLine(c.reader, most)
	if err != nil {
		return "", err
	}
	text := withoutEnd(line)
	c.log(Event{Kind: kind, Text: text})
	return text, nil
}

// readLine returns a line with its end, in memory of its own.
func readLine(reader *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(line) > most {
			return nil, errLineTooLong
		}
	}
}

func (c *conn) writeLine(line string) error {
	_, err := c.Write([]byte(line + "\r\n"))
	return err
}

// Write sends bytes, or nothing more once the session is being ended.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.stream.SetWriteDeadline(time.Now().Add(writeTimeout))
	if c.ending.Load() {
		return 0, net.ErrClosed
	}
	if !c.faults().SplitReplies {
		return c.writePart(p)
	}
	for i := range p {
		if _, err := c.writePart(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// writePart is called with the lock of writing held.
func (c *conn) writePart(p []byte) (int, error) {
	p, last := c.beforeDrop(p)
	n, err := c.stream.Write(p)
	if last && err == nil {
		c.raw.Close()
		err = net.ErrClosed
	}
	if err != nil {
		c.dead.Store(true)
	}
	return n, err
}

// bye says a last line, whatever is being written, and closes. The order of the first two
// statements and of those in Write sees to it that the short deadline wins.
func (c *conn) bye(line string) {
	if c.ending.Swap(true) {
		return
	}
	c.raw.SetWriteDeadline(time.Now().Add(byeTimeout))
	c.writing.Lock()
	c.writePart([]byte(line + "\r\n"))
	c.writing.Unlock()
	c.close()
}

// abort ends the connection without a last word, so that closing a listener waits for no peer.
func (c *conn) abort() {
	c.ending.Store(true)
	c.cancel()
	c.raw.Close()
}

// close ends the connection from wherever; it may be called more than once.
func (c *conn) close() {
	c.cancel()
	if !c.ending.Swap(true) {
		c.raw.SetWriteDeadline(time.Now().Add(byeTimeout))
	}
	c.writing.Lock()
	stream := c.stream
	c.writing.Unlock()
	if !c.dead.Load() {
		stream.Close()
	}
	c.raw.Close()
}

// endAfter ends the session with a line when its token does; life 0 is for ever. The returned function ends the
// watch, and the connection with it, and waits for that.
func (c *conn) endAfter(life time.Duration, line string) (stop func()) {
	if life <= 0 {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if wait(c.ctx, life) {
			c.bye(line)
		}
	}()
	return func() {
		c.cancel()
		<-done
	}
}

// dropWithin is how many bytes of replies a connection says at most before it is dropped.
const dropWithin = 2048

// doom decides whether the connection will be dropped and when; false: at once.
func (c *conn) doom(faults *Faults) bool {
	if faults.DropRate <= 0 {
		return true
	}
	random := rand.New(rand.NewPCG(faults.DropSeed, c.id))
	if random.Float64() >= faults.DropRate {
		return true
	}
	if random.IntN(4) == 0 {
		c.abort()
		return false
	}
	c.left.Store(1 + random.Int64N(dropWithin))
	return true
}

// beforeDrop returns what may still be written, and whether the connection drops behind it. It is called with the lock of writing held.
func (c *conn) beforeDrop(p []byte) (part []byte, last bool) {
	left := c.left.Load()
	if left < 0 {
		return p, false
	}
	n := min(left, int64(len(p)))
	c.left.Store(left - n)
	return p[:n], n == left
}
