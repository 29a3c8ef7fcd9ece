// Package tlstest has the certificates with which the tests of proxy play devices and upstreams.
package tlstest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// Authority is a root that issues RSA certificates for tests.
type Authority struct {
	Cert *x509.Certificate
	Key  *rsa.PrivateKey
	Pool *x509.CertPool
}

// NewAuthority returns a new root.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	return NewAuthorityOf(t, NewKey(t), x509.SHA256WithRSA)
}

// NewAuthorityOf returns a new root with key, which it signs by algorithm.
func NewAuthorityOf(t testing.TB, key *rsa.PrivateKey, algorithm x509.SignatureAlgorithm) *Authority {
	t.Helper()
	a := &Authority{Key: key, Pool: x509.NewCertPool()}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		SignatureAlgorithm: algorithm, DNSNames: []string{"mail.test"}}
	a.Cert = a.sign(t, root, root, a.Key)
	a.Pool.AddCert(a.Cert)
	return a
}

// NewKey returns a new RSA key.
func NewKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	return NewKeyOf(t, 2048)
}

// NewKeyOf returns a new RSA key of so many bits, 1024 at least.
func NewKeyOf(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *Authority) sign(t testing.TB, leaf, parent *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Issue returns a certificate for name that is valid until notAfter.
func (a *Authority) Issue(t testing.TB, name string, notAfter time.Time) *tls.Certificate {
	t.Helper()
	return a.issue(t, name, notAfter, SharedKey(), x509.SHA256WithRSA)
}

// IssueOf returns a certificate for name with key, signed by algorithm, that is valid for an hour.
func (a *Authority) IssueOf(t testing.TB, name string, key *rsa.PrivateKey, algorithm x509.SignatureAlgorithm) *tls.Certificate {
	t.Helper()
	return a.issue(t, name, time.Now().Add(time.Hour), key, algorithm)
}

// Own is the root's own certificate as a server shows it, for mail.test.
func (a *Authority) Own() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{a.Cert.Raw}, PrivateKey: a.Key}
}

func (a *Authority) issue(t testing.TB, name string, notAfter time.Time, key *rsa.PrivateKey,
	algorithm x509.SignatureAlgorithm) *tls.Certificate {
	t.Helper()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, SignatureAlgorithm: algorithm,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	return &tls.Certificate{Certificate: [][]byte{a.sign(t, leaf, a.Cert, key).Raw}, PrivateKey: key}
}

// SharedKey and what follows spare the tests most of the RSA keys.
var (
	SharedKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	sharedDevices sync.Mutex
	devicesRoot   *Authority
	devicesLeaf   *tls.Certificate
)

// DeviceLeaf is a certificate for the devices' side, and its authority.
func DeviceLeaf(t testing.TB) (*tls.Certificate, *Authority) {
	t.Helper()
	sharedDevices.Lock()
	defer sharedDevices.Unlock()
	if devicesLeaf == nil {
		devicesRoot = NewAuthority(t)
		devicesLeaf = devicesRoot.Issue(t, "bridge.test", time.Now().Add(time.Hour))
	}
	return devicesLeaf, devicesRoot
}

// ClientOf is a device that knows one version, and suites of it.
func ClientOf(t testing.TB, version uint16, suites ...uint16) *tls.Config {
	_, root := DeviceLeaf(t)
	return &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: suites, RootCAs: root.Pool, ServerName: "bridge.test"}
}

// TCPPair returns the two ends of a connection over loopback.
func TCPPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}
