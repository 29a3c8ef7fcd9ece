package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/internal/crowd"
	"drawbridge/internal/web"
)

// held is a server with small bounds whose path /hold answers when release is closed.
type held struct {
	t       *testing.T
	address string
	holding chan struct{} // one for each request that is held
	release chan struct{}
}

func serveHeld(t *testing.T, b crowd.Bounds) *held {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &held{t: t, address: l.Addr().String(), holding: make(chan struct{}, 100), release: make(chan struct{})}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			h.holding <- struct{}{}
			<-h.release
		}
		_, _ = io.WriteString(w, "ok")
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		web.Server{Socket: l, Bounds: b, Handler: handler, Name: "test", Log: zap.NewNop()}.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return h
}

// dial opens a connection from an address of loopback.
func (h *held) dial(from string) net.Conn {
	h.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	c, err := d.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func (h *held) ask(c net.Conn, path string) {
	_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
}

// answers tells whether an answer comes, rather than the end of the connection.
func (h *held) answers(c net.Conn) bool {
	h.t.Helper()
	line, err := bufio.NewReader(c).ReadString('\n')
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		h.t.Fatal("neither an answer nor an end")
	}
	return err == nil && strings.Contains(line, "200")
}

func (h *held) served(c net.Conn) bool {
	h.ask(c, "/")
	return h.answers(c)
}

// TestServer_IdleConnectionsGiveWay has connections that ask for nothing, or for nothing more, fill the bounds.
func TestServer_IdleConnectionsGiveWay(t *testing.T) {
	for name, fill := range map[string]struct {
		sources []string // one connection each
		comes   string
		gone    int // the connection that gives way
	}{
		"an address its own bound":               {[]string{"127.0.0.2", "127.0.0.2", "127.0.0.2"}, "127.0.0.2", 0},
		"others, the fullest address makes room": {[]string{"127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.4"}, "127.0.0.5", 1},
		"others, each with one":                  {[]string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"}, "127.0.0.7", 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := serveHeld(t, crowd.Bounds{All: 5, Each: 3})
			var all []net.Conn
			for _, from := range fill.sources {
				c := h.dial(from)
				if !h.served(c) { // so that the order in which they wait is known
					t.Fatal("a connection within the bounds is not served")
				}
				all = append(all, c)
			}
			if !h.served(h.dial(fill.comes)) {
				t.Error("one that comes when idle ones fill the bounds is not served")
			}
			for i, c := range all {
				if i == fill.gone {
					if n, err := io.Copy(io.Discard, c); err != nil {
						t.Errorf("connection %d of %d: %v after %d bytes, want its end", i, len(all), err, n)
					}
				} else if i > fill.gone && !h.served(c) {
					t.Errorf("connection %d gave way too", i)
				}
			}
		})
	}
}

// TestServer_RequestsUnderWayStay has every place taken by a request that is being answered.
func TestServer_RequestsUnderWayStay(t *testing.T) {
	h := serveHeld(t, crowd.Bounds{All: 5, Each: 3})
	var busy []net.Conn
	for _, from := range []string{"127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		c := h.dial(from)
		h.ask(c, "/hold")
		<-h.holding
		busy = append(busy, c)
	}
	for _, from := range []string{"127.0.0.2", "127.0.0.9"} {
		if h.served(h.dial(from)) {
			t.Errorf("one from %s is served beyond the bounds", from)
		}
	}
	close(h.release)
	for i, c := range busy {
		if !h.answers(c) {
			t.Errorf("request %d was cut", i)
		}
	}
	if !h.served(h.dial("127.0.0.9")) {
		t.Error("no place comes free")
	}
}

// pipes is a listener of connections in memory, so that a test's clock holds for them.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.over); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

func noCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }

// TestServer_BrokenConnectionsAreOneLineAMinute breaks 10,000 handshakes in some minutes.
func TestServer_BrokenConnectionsAreOneLineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			web.Server{Socket: p,
				TLS: &tls.Config{GetCertificate: noCertificate}, Handler: http.NotFoundHandler(), Name: "admin address", Log: zap.New(core)}.Serve(ctx)
		}()
		breakOne := func() {
			ours, theirs := net.Pipe()
			p.conns <- theirs
			_, _ = ours.Write([]byte("GET / \x1b[31m\r\n\r\n"))
			_, _ = io.Copy(io.Discard, ours)
			_ = ours.Close()
		}
		for range 100 {
			breakOne()
		}
		synctest.Wait()
		if n := logs.Len(); n != 1 {
			t.Errorf("%d lines of the first 100, want 1", n)
		}
		time.Sleep(61 * time.Second)
		for range 50 {
			breakOne()
		}
		synctest.Wait() // net/http closes such a connection before it says so
		cancel()
		<-done
		counted := int64(0)
		for _, line := range logs.All() {
			counted += line.ContextMap()["count"].(int64)
			if last := line.ContextMap()["last"].(string); !strings.Contains(last, "TLS handshake") || strings.ContainsAny(last, "\x1b\n") {
				t.Errorf("a line tells %q", last)
			}
		}
		if counted != 150 || logs.Len() != 3 {
			t.Errorf("%d lines count %d broken connections, want 3 and 150", logs.Len(), counted)
		}
	})
}
