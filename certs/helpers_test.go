package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/certs"
)

// Two goroutines have no end that we could call: certmagic's rate limiter, one a directory and account for the life of
// the process, and the worker of Pebble's validation authority. All else must be gone.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
	)
}

const patience = 20 * time.Second

// device says how a client connects: what it sends as server name, which name it checks, with which TLS.
type device struct {
	sni    string
	verify string
	roots  *x509.CertPool
	config *tls.Config
}

// oldTLS is TLS 1.0 with RSA key exchange and nothing else.
func oldTLS() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	}
}

func newTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// serve accepts TLS of all versions with the certificates of s, and echoes. It returns the address.
func serve(t testing.TB, s *certs.Source) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go echo(tls.Server(c, serverConfig(s)))
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func serverConfig(s *certs.Source) *tls.Config {
	return &tls.Config{
		GetCertificate: s.GetCertificate,
		MinVersion:     tls.VersionTLS10,
		CipherSuites:   []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	}
}

func echo(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.Copy(c, c)
}

// connect makes a handshake as d and gives the open session, with the leaf it was shown.
func connect(t testing.TB, addr string, d device) (*tls.Conn, *x509.Certificate) {
	t.Helper()
	raw, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	return handshake(t, raw, d)
}

func handshake(t testing.TB, raw net.Conn, d device) (*tls.Conn, *x509.Certificate) {
	t.Helper()
	config := d.config.Clone()
	config.ServerName = d.sni
	config.InsecureSkipVerify = true // verified below for d.verify, which need not be what was sent
	c := tls.Client(raw, config)
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := c.HandshakeContext(t.Context()); err != nil {
		c.Close()
		t.Fatalf("handshake with server name %q: %v", d.sni, err)
	}
	_ = c.SetDeadline(time.Time{})
	chain := c.ConnectionState().PeerCertificates
	if d.verify != "" {
		options := x509.VerifyOptions{Roots: d.roots, DNSName: d.verify, Intermediates: x509.NewCertPool()}
		for _, cert := range chain[1:] {
			options.Intermediates.AddCert(cert)
		}
		if _, err := chain[0].Verify(options); err != nil {
			t.Errorf("certificate shown for server name %q does not verify for %q: %v", d.sni, d.verify, err)
		}
	}
	return c, chain[0]
}

// shown is the leaf that a device which sends sni gets.
func shown(t testing.TB, s *certs.Source, sni string) *x509.Certificate {
	t.Helper()
	cert, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: sni})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf
}

func echoes(t testing.TB, c *tls.Conn, text string) {
	t.Helper()
	// Written apart: TLS 1.0 splits off the first byte (against BEAST), whose echo a pipe would wait with.
	written := make(chan error, 1)
	go func() { _, err := io.WriteString(c, text); written <- err }()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("session answered %q, %v, want %q", got, err, text)
	}
	if err := <-written; err != nil {
		t.Fatalf("session is broken: %v", err)
	}
}

func newSource(t testing.TB, o certs.Options) *certs.Source {
	t.Helper()
	s, err := certs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs s until the test ends, or stop is called.
func start(t testing.TB, s *certs.Source) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	}
	t.Cleanup(stop)
	return stop
}

// until waits for a condition, looking ever so often.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func observed() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return zap.New(core), logs
}

func said(logs *observer.ObservedLogs, level zapcore.Level, message string) int {
	return logs.FilterLevelExact(level).FilterMessageSnippet(message).Len()
}

func poolOf(cas ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, ca := range cas {
		pool.AddCert(ca)
	}
	return pool
}

func openCA(t testing.TB, dir string) *certs.CA {
	t.Helper()
	ca, err := certs.OpenCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// openssl runs the program of that name.
func openssl(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		t.Skip("openssl is missing")
	}
	out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
