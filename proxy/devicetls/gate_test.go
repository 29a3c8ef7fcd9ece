package devicetls

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/internal/tlstest"
)

const patience = 10 * time.Second

func legacyProfile(t testing.TB) Profile {
	leaf, _ := tlstest.DeviceLeaf(t)
	return Profile{Protocol: "imap", MinVersion: tls.VersionTLS10, Suites: LegacySuites(),
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return leaf, nil }}
}

// gate is a Terminator behind a loopback listener. To who completes a handshake it says "ready" and then echoes.
type gate struct {
	address string
	results chan terminated
}

type terminated struct {
	info inventory.TLS
	err  error
}

func newGate(t testing.TB, p Profile) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{address: ln.Addr().String(), results: make(chan terminated, 16)}
	terminate := NewStandardTerminator(p)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { g.serve(terminate, c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		all.Wait()
	})
	return g
}

func (g *gate) serve(terminate Terminator, c net.Conn) {
	w := NewWire(c, netip.Addr{}, nil)
	defer CloseGently(w)
	_ = w.SetDeadline(time.Now().Add(patience))
	h, err := w.PeekHello()
	if err != nil {
		g.results <- terminated{err: err}
		return
	}
	t, info, err := terminate(context.Background(), w, h)
	g.results <- terminated{info, err}
	if err != nil {
		return
	}
	defer func() { _ = t.Close() }()
	_, _ = io.WriteString(t, "ready\n")
	_, _ = io.Copy(t, t)
}

func (g *gate) result(t testing.TB) terminated {
	t.Helper()
	select {
	case r := <-g.results:
		return r
	case <-time.After(patience):
		t.Fatal("the Terminator did not return")
		return terminated{}
	}
}

func (g *gate) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// visit makes a handshake and, where it completes, hears the greeting and says something.
func (g *gate) visit(t testing.TB, cfg *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	c := tls.Client(g.dial(t), cfg)
	if err := c.Handshake(); err != nil {
		return tls.ConnectionState{}, err
	}
	heard := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(c, heard); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := c.Write([]byte("NOOP")); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := io.ReadFull(c, heard[:4]); err != nil || string(heard[:4]) != "NOOP" {
		return tls.ConnectionState{}, fmt.Errorf("echo %q: %w", heard[:4], err)
	}
	return c.ConnectionState(), c.Close()
}

// answered is what came of a hello made by hand.
type answered struct {
	alert          string
	record         uint16 // version of the record that carried the alert
	version, suite uint16 // of the ServerHello
	random         [32]byte
	done           bool // all that the server says before the client has to speak again
}

// readAnswer reads the server's first flight.
func readAnswer(t testing.TB, c net.Conn) (a answered) {
	t.Helper()
	for {
		header := make([]byte, recordHeader)
		if _, err := io.ReadFull(c, header); err != nil {
			t.Fatalf("the server's first flight ends early: %v (so far %+v)", err, a)
		}
		body := make([]byte, binary.BigEndian.Uint16(header[3:]))
		if _, err := io.ReadFull(c, body); err != nil {
			t.Fatal(err)
		}
		switch header[0] {
		case recordTypeAlert:
			a.alert, a.record = AlertName(body[1]), binary.BigEndian.Uint16(header[1:])
			return a
		case 22:
			a.read(body)
		default: // change_cipher_spec or encrypted: it is TLS 1.3
			a.done = true
		}
		if a.done {
			return a
		}
	}
}

// read takes the handshake messages of one record.
func (a *answered) read(b []byte) {
	for len(b) >= 4 {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		body := b[4 : 4+n]
		switch b[0] {
		case 2: // ServerHello
			a.version = binary.BigEndian.Uint16(body)
			copy(a.random[:], body[2:])
			rest := body[35+int(body[34]):]
			a.suite = binary.BigEndian.Uint16(rest)
			if i := slices.Index(list16(aes13, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256), a.suite); i >= 0 {
				a.version = v13
			}
		case 14: // ServerHelloDone
			a.done = true
		}
		b = b[4+n:]
	}
}

var inventorySource = netip.MustParseAddr("127.0.0.1")

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
