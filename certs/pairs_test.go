package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"drawbridge/certs"
)

// rsaPair is a certificate file and key file, from a CA of the test's own.
func rsaPair(t testing.TB, ca *certs.CA, names ...string) (certificate, key []byte) {
	t.Helper()
	certificate, key, err := ca.Issue(names)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func ecdsaPair(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, private, template(name))
}

func ed25519Pair(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, private, template(name))
}

func template(name string) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	return c
}

func selfSigned(t testing.TB, private crypto.Signer, c *x509.Certificate) (certificate, key []byte) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// sum is the fingerprint as List shows it.
func sum(leaf *x509.Certificate) string {
	s := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(s[:])
}
