package devicetls

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/proxy/internal/tlstest"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

// choppy writes in pieces of one byte, each in a packet of its own as far as the kernel goes along.
type choppy struct{ net.Conn }

func (c choppy) Write(p []byte) (int, error) {
	for i := range p {
		if n, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i + n, err
		}
	}
	return len(p), nil
}

// recordAByte sends what is written first, a hello, in records of one byte each.
type recordAByte struct {
	net.Conn
	begun bool
}

func (r *recordAByte) Write(p []byte) (int, error) {
	if r.begun {
		return r.Conn.Write(p)
	}
	r.begun = true
	var cut []byte
	for _, b := range p[recordHeader:] {
		cut = append(cut, p[0], p[1], p[2], 0, 1, b)
	}
	_, err := r.Conn.Write(cut)
	return len(p), err
}

func TestWire_PeekLeavesEveryByteInPlace(t *testing.T) {
	first := handHello{version: v12, suites: list16(rsaAES), alpn: []string{"imap"}}.bytes()
	large := handHello{version: v12, suites: make([]uint16, 1000), alpn: slices.Repeat([]string{"x"}, 60)}.bytes()
	for name, sent := range map[string][]byte{
		"a hello":                  first,
		"a hello and what follows": append(bytes.Clone(first), "pipelined bytes"...),
		"larger than the buffer":   large,
		"plain text":               []byte("USER anna\r\nPASS secret\r\n"),
		"a broken hello":           {22, 3, 1, 0, 4, 1, 0, 0, 0, 9, 9, 9},
		"half a hello":             first[:20],
		"SSLv2 format":             append(sslv2Hello(v10), "rest"...),
	} {
		for way, wrap := range map[string]func(net.Conn) net.Conn{
			"at once":         func(c net.Conn) net.Conn { return c },
			"a byte a packet": func(c net.Conn) net.Conn { return choppy{c} },
		} {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = wrap(ours).Write(sent)
				_ = ours.Close()
			}()
			w := NewWire(theirs, inventorySource, nil)
			_ = w.SetDeadline(time.Now().Add(patience))
			_, _ = w.PeekHello()
			got, err := io.ReadAll(w)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%s, %s: %d bytes came back, want %d: %v", name, way, len(got), len(sent), err)
			}
			if !w.received || w.peeked != nil {
				t.Errorf("%s, %s: received is %t, %d bytes are still held", name, way, w.received, len(w.peeked))
			}
		}
	}
}

func TestWire_PeekTellsWhatCame(t *testing.T) {
	whole := legacyOf(v10).bytes()
	for _, c := range []struct {
		name  string
		sent  []byte
		check func(*hello.Hello, error) bool
	}{
		{"hello", whole, func(h *hello.Hello, err error) bool { return err == nil && h.MaxVersion == hello.TLS10 }},
		{"nothing", nil, func(_ *hello.Hello, err error) bool { return errors.Is(err, io.EOF) }},
		{"half", whole[:len(whole)-1], func(_ *hello.Hello, err error) bool { return errors.Is(err, io.EOF) }},
		{"text", []byte("A1 LOGIN"), func(_ *hello.Hello, err error) bool { return errors.Is(err, hello.ErrNotTLS) }},
		{"endless records", bytes.Repeat([]byte{22, 3, 1, 0, 1, 1}, 4000), func(_ *hello.Hello, err error) bool {
			var m *hello.MalformedError
			return errors.As(err, &m)
		}},
		{"endless message", append([]byte{22, 3, 1, 64, 0, 1, 1, 0, 0}, make([]byte, 80<<10)...), func(_ *hello.Hello, err error) bool {
			var m *hello.MalformedError
			return errors.As(err, &m)
		}},
	} {
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = ours.Write(c.sent)
			_ = ours.Close()
		}()
		w := NewWire(theirs, inventorySource, nil)
		h, err := w.PeekHello()
		if !c.check(h, err) {
			t.Errorf("%s: got %+v, %v", c.name, h, err)
		}
		if held := cap(w.peeked); held > 2*hello.MaxSize {
			t.Errorf("%s: %d bytes are held", c.name, held)
		}
		_ = theirs.Close()
		<-done
	}
}

func TestWire_HelloAByteAPacketOrRecordStillHandshakes(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"packet": func(c net.Conn) net.Conn { return choppy{c} },
		"record": func(c net.Conn) net.Conn { return &recordAByte{Conn: c} },
	} {
		for _, version := range []uint16{v10, v12, v13} {
			c := tls.Client(wrap(g.dial(t)), tlstest.ClientOf(t, version, ecdheAES))
			if err := c.Handshake(); err != nil {
				t.Errorf("a byte a %s at %s: %v", name, tls.VersionName(version), err)
			}
			_ = c.Close()
			if r := g.result(t); r.err != nil {
				t.Errorf("a byte a %s at %s: %v", name, tls.VersionName(version), r.err)
			}
		}
	}
}

func TestWire_NotesAlertsInClear(t *testing.T) {
	alert := []byte{21, 3, 1, 0, 2, 2, 40}
	other := []byte{22, 3, 1, 0, 3, 21, 3, 1}
	encrypted := append([]byte{21, 3, 1, 0, 32}, make([]byte, 32)...)
	goodbye := []byte{21, 3, 1, 0, 2, 1, 0}
	for _, c := range []struct {
		name   string
		writes [][]byte
		want   string
	}{
		{"alone", [][]byte{alert}, alertNoSuite},
		{"behind another record in one write", [][]byte{slices.Concat(other, alert)}, alertNoSuite},
		{"in a later write", [][]byte{other, alert}, alertNoSuite},
		{"before another record", [][]byte{slices.Concat(alert, other)}, alertNoSuite},
		{"header and body in two writes", [][]byte{alert[:5], alert[5:]}, alertNoSuite},
		{"split in the header", [][]byte{alert[:3], alert[3:]}, alertNoSuite},
		{"behind a record split over two writes", [][]byte{other[:6], slices.Concat(other[6:], alert)}, alertNoSuite},
		{"encrypted", [][]byte{encrypted}, ""},
		{"what looks like one inside a record", [][]byte{{22, 3, 1, 0, 7, 21, 3, 1, 0, 2, 2, 40}}, ""},
		{"the same, split there", [][]byte{{22, 3, 1, 0, 7}, alert}, ""},
		{"close_notify", [][]byte{goodbye}, ""},
		{"application data", [][]byte{append([]byte{23, 3, 1, 0, 2}, 2, 40)}, ""},
		{"nothing", nil, ""},
	} {
		w := NewWire(sink{}, inventorySource, nil)
		if err := w.beginHandshake(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range c.writes {
			if n, err := w.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		if got := w.sent.name(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	w := NewWire(sink{}, inventorySource, nil)
	_, _ = w.Write(alert)
	if got := w.sent.name(); got != "" {
		t.Errorf("after the handshake %q was noted: what looks like a record is application data there", got)
	}
}

// sink takes everything.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error) { return len(p), nil }

func TestWire_SendAlertIsOneRecordAndNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		w := NewWire(theirs, inventorySource, nil)
		done := make(chan []byte)
		go func() {
			got, _ := io.ReadAll(ours)
			done <- got
		}()
		w.SendAlert(v11, AlertDecodeError)
		w.SendAlert(versionSSL3, AlertCloseNotify)
		_ = w.Close()
		if got, want := <-done, []byte{21, 3, 2, 0, 2, 2, 50, 21, 3, 0, 0, 2, 1, 0}; !bytes.Equal(got, want) {
			t.Errorf("got % x, want % x", got, want)
		}
		deaf, held := net.Pipe()
		defer func() { _ = deaf.Close() }()
		began := time.Now()
		NewWire(held, inventorySource, nil).SendAlert(v10, AlertInternalError)
		if waited := time.Since(began); waited != LastWordTimeout {
			t.Errorf("a device that reads nothing held an alert for %s, want %s", waited, LastWordTimeout)
		}
		_ = held.Close()
	})
}

// halfPipe is a pipe whose one direction can end.
type halfPipe struct {
	net.Conn
	half chan struct{}
}

func (h halfPipe) CloseWrite() error {
	close(h.half)
	return nil
}

func TestWire_CloseGentlyHalfClosesAndLingersForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		h := halfPipe{theirs, make(chan struct{})}
		over := make(chan struct{})
		go func() { // a device that never closes and never stops talking
			defer close(over)
			for {
				if _, err := ours.Write([]byte("NOOP\r\n")); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
		began := time.Now()
		CloseGently(h)
		<-h.half
		if took := time.Since(began); took != lingerTime {
			t.Errorf("it took %s, want %s", took, lingerTime)
		}
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is not closed: %v", err)
		}
		<-over
		_ = ours.Close()
	})
}

func TestWire_AlertIsNotOvertakenByAReset(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		w := NewWire(c, inventorySource, nil)
		_, _ = w.PeekHello()
		w.SendAlert(v10, AlertDecodeError)
		CloseGently(w)
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(append([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, make([]byte, 16<<10)...)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || len(got) != 7 || got[6] != AlertDecodeError {
		t.Errorf("the device read % x, %v", got, err)
	}
	_ = c.Close()
	<-done
}

// Slots are few: one that is held by a device which takes its time in the handshake would be missed by all the others.
func TestWire_SlotIsHeldOnlyWhileTheHandshakeComputes(t *testing.T) {
	slots := limits.NewSlots(1, nil)
	terminate := NewStandardTerminator(legacyProfile(t))
	slow, stalled := tlstest.TCPPair(t)
	defer func() { _ = slow.Close() }()
	if _, err := slow.Write(legacyOf(v10).bytes()); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- terminateOn(terminate, stalled, slots) }()
	if got := readAnswer(t, slow); !got.done {
		t.Fatalf("got %+v", got)
	}
	// Now the first waits for its device, and the slot must be free for whole handshakes of the same source.
	for _, version := range []uint16{v10, v12, v13} {
		ours, theirs := tlstest.TCPPair(t)
		done := make(chan error, 1)
		go func() { done <- terminateOn(terminate, theirs, slots) }()
		_ = ours.SetDeadline(time.Now().Add(patience))
		if err := tls.Client(ours, tlstest.ClientOf(t, version, ecdheAES)).Handshake(); err != nil {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		_ = ours.Close()
	}
	_ = slow.Close()
	if err := <-gone; err == nil {
		t.Error("a handshake completed without its device")
	}
	if slots.Held() != 0 {
		t.Errorf("%d slots are still held when all handshakes are over", slots.Held())
	}
}

// terminateOn serves one handshake with slots and closes c.
func terminateOn(terminate Terminator, c net.Conn, slots *limits.Slots) error {
	w := NewWire(c, inventorySource, slots)
	defer func() { _ = w.Close() }()
	_ = w.SetDeadline(time.Now().Add(patience))
	h, err := w.PeekHello()
	if err != nil {
		return err
	}
	_, _, err = terminate(context.Background(), w, h)
	return err
}

func TestWire_HandshakeThatGetsNoSlot(t *testing.T) {
	slots := limits.NewSlots(1, nil)
	slot, err := slots.Acquire(t.Context(), inventorySource)
	if err != nil {
		t.Fatal(err)
	}
	defer slots.Release(slot)
	ours, theirs := tlstest.TCPPair(t)
	defer func() { _ = ours.Close() }()
	w := NewWire(theirs, inventorySource, slots)
	defer func() { _ = w.Close() }()
	if _, err := ours.Write(legacyOf(v10).bytes()); err != nil {
		t.Fatal(err)
	}
	h, err := w.PeekHello()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, info, err := NewStandardTerminator(legacyProfile(t))(ctx, w, h)
	var e *TLSError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || info.Completed {
		t.Errorf("got %#v, %+v, want a *TLSError around context.Canceled", err, info)
	}
	if slots.Held() != 1 {
		t.Errorf("%d slots are held, want that of the test alone", slots.Held())
	}
}

func TestWire_KindsOfErrors(t *testing.T) {
	for _, c := range []struct {
		err             error
		timeout, closed bool
	}{
		{os.ErrDeadlineExceeded, true, false},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true, false},
		{io.EOF, false, true},
		{io.ErrUnexpectedEOF, false, true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false, true},
		{syscall.EPIPE, false, true},
		{net.ErrClosed, false, true},
		{context.Canceled, false, false},
		{nil, false, false},
	} {
		if login.IsTimeout(c.err) != c.timeout || login.IsClosed(c.err) != c.closed {
			t.Errorf("%v: timeout %t, closed %t", c.err, login.IsTimeout(c.err), login.IsClosed(c.err))
		}
	}
	if err := NewWire(sink{}, inventorySource, nil).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("half-closing what cannot be: %v", err)
	}
}
