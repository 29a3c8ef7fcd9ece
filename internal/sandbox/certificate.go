package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Certificate chooses what a listener presents.
type Certificate int

// The kinds of certificates. All but the first must be refused by whoever verifies.
const (
	GoodCertificate       Certificate = iota // of the stand-in's CA, for outlook.office365.com, localhost, 127.0.0.1 and ::1
	SelfSignedCertificate                    // right names, no CA
	ExpiredCertificate                       // of the CA, ended an hour ago
	WrongNameCertificate                     // of the CA, for another name
)

// authority is the throwaway CA of one stand-in. Its one leaf key is RSA, as Exchange Online's is.
type authority struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
	leafKey     *rsa.PrivateKey
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the key of the CA: %w", err)
	}
	leafKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the key of the server: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Throwaway CA of a stand-in"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the CA: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the CA: %w", err)
	}
	return &authority{certificate: certificate, key: key, leafKey: leafKey}, nil
}

// CA returns the certificate of the stand-in's CA in PEM, for the `ca` of an upstream or an authority.
func (a *authority) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Roots returns a pool with the stand-in's CA.
func (a *authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func (a *authority) issue(kind Certificate, now time.Time) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "outlook.office365.com"},
		NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"outlook.office365.com", "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	parent, signer := a.certificate, a.key
	switch kind {
	case SelfSignedCertificate:
		parent, signer = template, a.leafKey
	case ExpiredCertificate:
		template.NotAfter = now.Add(-time.Hour)
	case WrongNameCertificate:
		template.Subject.CommonName = "mail.example.net"
		template.DNSNames, template.IPAddresses = []string{"mail.example.net"}, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, a.leafKey.Public(), signer)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign the server's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.leafKey}, nil
}
