package devicetls

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/internal/source"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

// Wire is a device's raw connection under TLS. It gives back what was peeked of it, sees the alerts that pass in clear,
// and holds a handshake slot while, and only while, the handshake computes. During the handshake one goroutine uses it.
type Wire struct {
	net.Conn
	peeked []byte
	source netip.Addr

	slots       *limits.Slots
	ctx         context.Context // of the handshake in progress: ends the wait for a slot
	handshaking bool
	holding     bool
	slot        source.Key        // that it holds
	waited      time.Duration     // for slots
	shown       [sha256.Size]byte // of the leaf that the device was shown

	mu         sync.Mutex
	over       bool         // cut: reads have ended, and writes are last words
	deaf       bool         // hung up: reads have ended
	sent, came recordReader // while the handshake lasts
	received   bool         // a byte came
	opening    []byte       // the first bytes that came after nothing was peeked
}

// NewWire returns the Wire that from now on owns c. slots may be nil.
func NewWire(c net.Conn, source netip.Addr, slots *limits.Slots) *Wire {
	return &Wire{Conn: c, source: source, slots: slots}
}

// Cut ends what is read and written now, and every later read. What is still to be said has LastWordTimeout. Any
// goroutine may call it.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	_ = w.Conn.SetDeadline(login.Past)
}

// HangUp ends what is read now, and every later read until CloseWrite; what is written goes on. Any goroutine may call it.
func (w *Wire) HangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = true
	_ = w.Conn.SetReadDeadline(login.Past)
}

// SetDeadline sets the deadline of reads and writes, which a cut connection's reads have passed.
func (w *Wire) SetDeadline(t time.Time) error {
	return errors.Join(w.SetReadDeadline(t), w.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline of reads.
func (w *Wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || w.deaf {
		t = login.Past
	}
	return w.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of writes.
func (w *Wire) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := time.Now().Add(LastWordTimeout); w.over && (t.IsZero() || t.After(last)) {
		t = last
	}
	return w.Conn.SetWriteDeadline(t)
}

const peekBuffer = 1 << 10

// PeekHello reads until a whole hello has arrived, or what came cannot become one, and leaves every byte in place for
// the engine. The error is hello's, or the connection's.
func (w *Wire) PeekHello() (*hello.Hello, error) {
	buf := make([]byte, 0, peekBuffer)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := w.Conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		w.peeked = buf
		w.received = w.received || n > 0
		if n > 0 {
			h, perr := hello.Parse(buf)
			if !errors.Is(perr, hello.ErrIncomplete) {
				return h, perr
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// Read returns what was peeked, then what comes.
func (w *Wire) Read(p []byte) (int, error) {
	if len(w.peeked) > 0 {
		n := copy(p, w.peeked)
		w.came.follow(p[:n])
		if w.peeked = w.peeked[n:]; len(w.peeked) == 0 {
			w.peeked = nil
		}
		return n, nil
	}
	if !w.handshaking {
		n, err := w.Conn.Read(p)
		w.received = w.received || n > 0
		w.opening = append(w.opening, p[:min(n, recordStart-len(w.opening))]...)
		return n, err
	}
	w.releaseSlot()
	n, err := w.Conn.Read(p)
	w.came.follow(p[:n])
	if aerr := w.acquireSlot(); aerr != nil && err == nil {
		err = aerr
	}
	return n, err
}

// Source is the address of the device.
func (w *Wire) Source() netip.Addr { return w.source }

// Heard reports whether the device has sent a byte.
func (w *Wire) Heard() bool { return w.received }

// recordStart is how much of a connection tells that it opens with a TLS record, in bytes.
const recordStart = 2

// OpenedWithTLS reports whether the first that the device said in plain text was a TLS handshake (RFC 8446, section 5.1).
func (w *Wire) OpenedWithTLS() bool { return bytes.Equal(w.opening, []byte{recordTypeHandshake, 3}) }

// Peeked is what was peeked and not read since.
func (w *Wire) Peeked() []byte { return w.peeked }

// PeekedAlert is the name of an alert among what was peeked; "" where there is none.
func (w *Wire) PeekedAlert() string {
	w.came.follow(w.peeked)
	return w.came.name()
}

// Write sends p, looking for an alert in clear as long as the handshake lasts.
func (w *Wire) Write(p []byte) (int, error) {
	if w.handshaking {
		w.sent.follow(p)
	}
	return w.Conn.Write(p)
}

// recordReader follows the records of one direction and keeps the last alert that passed in clear. Encrypted ones are
// longer than two bytes, and in TLS 1.3 of another type.
type recordReader struct {
	header  int // bytes of it that passed
	left    int // bytes of the body that are to come
	isAlert bool
	alert   uint8 // its description; 0, close_notify, where there was none
}

func (r *recordReader) follow(p []byte) {
	for _, c := range p {
		if r.header < recordHeader {
			r.takeHeader(c)
			continue
		}
		if r.left--; r.left > 0 {
			continue
		}
		if r.isAlert {
			r.alert = c
		}
		r.header = 0
	}
}

// takeHeader takes a byte of the header: type, version, length (RFC 8446, section 5.1).
func (r *recordReader) takeHeader(c byte) {
	switch r.header {
	case 0:
		r.isAlert = c == recordTypeAlert
	case 3:
		r.left = int(c) << 8
	case 4:
		r.left |= int(c)
		r.isAlert = r.isAlert && r.left == 2
	}
	if r.header++; r.header == recordHeader && r.left == 0 {
		r.header = 0
	}
}

// name is that of the last alert; close_notify is none.
func (r *recordReader) name() string {
	if r.alert == AlertCloseNotify {
		return ""
	}
	return AlertName(r.alert)
}

// SendAlert sends an alert of our own, in a record of the given version.
func (w *Wire) SendAlert(version uint16, description uint8) {
	level := byte(alertLevelFatal)
	if description == AlertCloseNotify {
		level = alertLevelWarning
	}
	_ = w.SetWriteDeadline(time.Now().Add(LastWordTimeout))
	_, _ = w.Conn.Write([]byte{recordTypeAlert, byte(version >> 8), byte(version), 0, 2, level, description})
}

// CloseWrite ends our direction of the connection. What the device still sends may be read after it.
func (w *Wire) CloseWrite() error {
	w.mu.Lock()
	w.deaf = false
	w.mu.Unlock()
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (w *Wire) beginHandshake(ctx context.Context) error {
	w.ctx, w.handshaking = ctx, true
	return w.acquireSlot()
}

func (w *Wire) endHandshake() {
	w.releaseSlot()
	w.ctx, w.handshaking = nil, false
}

func (w *Wire) acquireSlot() error {
	if w.slots == nil || w.holding {
		return nil
	}
	began := time.Now()
	slot, err := w.slots.Acquire(w.ctx, w.source)
	w.waited += time.Since(began)
	if err != nil {
		return fmt.Errorf("wait for a handshake's turn: %w", err)
	}
	w.slot, w.holding = slot, true
	return nil
}

func (w *Wire) releaseSlot() {
	if w.holding {
		w.slots.Release(w.slot)
		w.holding = false
	}
}

const (
	LastWordTimeout = 5 * time.Second // for the last thing we say
	lingerTime      = time.Second     // for what the device still sends
	lingerBytes     = 64 << 10
)

// CloseGently lets the device read the last words: a close with unread bytes makes the kernel reset the connection,
// which can overtake an alert that is still under way.
func CloseGently(c net.Conn) {
	half, ok := c.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c, lingerBytes)
	}
	_ = c.Close()
}
