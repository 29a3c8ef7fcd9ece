package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mailHost is an upstream on loopback that greets and notes what it is sent inside and outside TLS.
type mailHost struct {
	ln      net.Listener
	serving sync.WaitGroup

	mu      sync.Mutex
	states  []tls.ConnectionState
	heard   []byte // what came inside TLS, or in plain text
	arrived int
}

// newMailHost serves with cfg; a nil cfg serves in plain text. ip is a loopback address.
func newMailHost(t testing.TB, ip string, port int, cfg *tls.Config) *mailHost {
	t.Helper()
	return newRawHost(t, ip, port, func(m *mailHost, c net.Conn) { m.session(c, cfg) })
}

// newRawHost serves every connection by f.
func newRawHost(t testing.TB, ip string, port int, f func(*mailHost, net.Conn)) *mailHost {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	m := &mailHost{ln: ln}
	m.serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.arrived++
			m.mu.Unlock()
			m.serving.Go(func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				f(m, c)
			})
		}
	})
	t.Cleanup(m.close)
	return m
}

func (m *mailHost) close() {
	_ = m.ln.Close()
	m.serving.Wait()
}

func (m *mailHost) session(c net.Conn, cfg *tls.Config) {
	if cfg != nil {
		s := tls.Server(c, cfg)
		defer func() { _ = s.Close() }()
		if err := s.Handshake(); err != nil {
			m.hear(s)
			return
		}
		m.mu.Lock()
		m.states = append(m.states, s.ConnectionState())
		m.mu.Unlock()
		c = s
	}
	_, _ = io.WriteString(c, "+OK ready\r\n")
	m.hear(c)
}

// hear notes all that still comes.
func (m *mailHost) hear(c net.Conn) {
	b, _ := io.ReadAll(io.LimitReader(c, 1<<16))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, b...)
}

// application is what the host was sent besides handshakes, once all its sessions are over.
func (m *mailHost) application() string {
	m.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.heard)
}

func (m *mailHost) port() int { return m.ln.Addr().(*net.TCPAddr).Port }

func (m *mailHost) visits() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.arrived
}

// chooses11 answers every hello with a ServerHello of TLS 1.1, whatever was offered.
func chooses11(m *mailHost, c net.Conn) {
	if _, err := io.ReadAtLeast(c, make([]byte, 4096), 50); err != nil {
		return
	}
	body := append([]byte{3, 2}, make([]byte, 33)...)
	body = append(body, 0xc0, 0x13, 0)
	message := append([]byte{2, 0, 0, byte(len(body))}, body...)
	_, _ = c.Write(append([]byte{22, 3, 2, 0, byte(len(message))}, message...))
	m.hear(c)
}

// resets breaks connections off when the hello has come.
func resets(_ *mailHost, c net.Conn) {
	_, _ = c.Read(make([]byte, 1))
	_ = c.(*net.TCPConn).SetLinger(0)
}

// full listens on ip and port so that TCP itself does not answer: its backlog is taken.
func full(t *testing.T, ip string, port int) {
	t.Helper()
	address := net.JoinHostPort(ip, fmt.Sprint(port))
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		c, err := net.DialTimeout("tcp", address, 50*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this system's backlog cannot be filled")
	}
	t.Skip("this system's backlog cannot be filled")
}

// startsTLS greets in plain text and starts TLS after STLS; extra goes out with its answer.
func startsTLS(cfg *tls.Config, extra string) func(*mailHost, net.Conn) {
	return func(m *mailHost, c net.Conn) {
		_, _ = io.WriteString(c, "+OK plain\r\n")
		if line, err := bufio.NewReaderSize(c, 16).ReadString('\n'); err != nil || line != "STLS\r\n" {
			return
		}
		_, _ = io.WriteString(c, "+OK go\r\n"+extra)
		m.session(c, cfg)
	}
}

// descriptors counts this process's open files, 0 where the system does not tell.
func descriptors() int {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(open)
}

// upstreamTo is an upstream mail.test whose name resolves to addresses.
func upstreamTo(port int, roots *x509.CertPool, addresses ...string) UpstreamOptions {
	return UpstreamOptions{Name: "mail", Addresses: map[string]string{"imap": fmt.Sprintf("mail.test:%d", port)}, Roots: roots,
		DialTimeout: patience, LoginTimeout: patience,
		Resolve: func(context.Context, string, string) ([]netip.Addr, error) {
			var all []netip.Addr
			for _, a := range addresses {
				all = append(all, netip.MustParseAddr(a))
			}
			return all, nil
		}}
}

func serverConfig(cert *tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS10}
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }
