package proxy

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/inventory"
)

const patience = 10 * time.Second

// testAuthority is a root that issues RSA certificates for tests.
type testAuthority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *testAuthority {
	t.Helper()
	a := &testAuthority{key: newKey(t), pool: x509.NewCertPool()}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert = a.sign(t, root, root, a.key)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *testAuthority) sign(t testing.TB, leaf, parent *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue returns a certificate for name that is valid until notAfter.
func (a *testAuthority) issue(t testing.TB, name string, notAfter time.Time) *tls.Certificate {
	t.Helper()
	key := sharedKey()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	return &tls.Certificate{Certificate: [][]byte{a.sign(t, leaf, a.cert, key).Raw}, PrivateKey: key}
}

// sharedKey and sharedDevices spare the tests most of the RSA keys.
var (
	sharedKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	sharedDevices sync.Mutex
	devicesRoot   *testAuthority
	devicesLeaf   *tls.Certificate
)

// deviceLeaf is a certificate for the devices' side, and its authority.
func deviceLeaf(t testing.TB) (*tls.Certificate, *testAuthority) {
	t.Helper()
	sharedDevices.Lock()
	defer sharedDevices.Unlock()
	if devicesLeaf == nil {
		devicesRoot = newAuthority(t)
		devicesLeaf = devicesRoot.issue(t, "bridge.test", time.Now().Add(time.Hour))
	}
	return devicesLeaf, devicesRoot
}

func legacyProfile(t testing.TB) Profile {
	leaf, _ := deviceLeaf(t)
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
	defer closeGently(w)
	_ = w.SetDeadline(time.Now().Add(patience))
	h, err := w.peekHello()
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

func clientOf(t testing.TB, version uint16, suites ...uint16) *tls.Config {
	_, root := deviceLeaf(t)
	return &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: suites, RootCAs: root.pool, ServerName: "bridge.test"}
}

// answered is what came of a hello made by hand.
type answered struct {
	alert          string
	record         uint16 // version of the record that carried the alert
	version, suite uint16 // of the ServerHello
	done           bool   // all that the server says before the client has to speak again
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
			a.alert, a.record = alertName(body[1]), binary.BigEndian.Uint16(header[1:])
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
