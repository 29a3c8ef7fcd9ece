package certs

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

const (
	// leafLifetime is the longest that clients which limit it accept (398 days) less one.
	leafLifetime = 397 * 24 * time.Hour
	// backdate is how long ago a new leaf began: a device whose clock shows another zone's time is up to 14 hours off.
	backdate = 24 * time.Hour
	// keyBits is the size of every key made here.
	keyBits = 2048
	// maxCommonName is ub-common-name of RFC 5280, appendix A.1.
	maxCommonName = 64
)

// leafTemplate describes a leaf for normalized names that ends no later than its CA. keyEncipherment is what RSA key
// exchange needs, digitalSignature what ECDHE and DHE need.
func leafTemplate(names []string, now, caEnd time.Time) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	dns, ips := splitNames(names)
	begin := now.Add(-backdate).UTC().Truncate(time.Second)
	end := begin.Add(leafLifetime)
	if end.After(caEnd) {
		end = caEnd
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName(names)},
		NotBefore:             begin,
		NotAfter:              end,
		DNSNames:              dns,
		IPAddresses:           ips,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    x509.SHA256WithRSA,
	}, nil
}

// commonName is the first name that fits the field.
func commonName(names []string) string {
	for _, name := range names {
		if len(name) <= maxCommonName {
			return name
		}
	}
	return names[0][:maxCommonName]
}

// newSerial makes a positive serial number of at most 127 random bits, which fits the 20 octets of RFC 5280, section
// 4.1.2.2, with room for devices that hold 16.
func newSerial() (*big.Int, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	n, err := rand.Int(rand.Reader, limit.Sub(limit, big.NewInt(1)))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}

// renewalOf is when two thirds of a leaf's life are over, by the reckoning of certmagic, which counts the last second
// as part of it.
func renewalOf(leaf *x509.Certificate) time.Time {
	end := leaf.NotAfter.Add(time.Second)
	window := time.Duration(float64(end.Sub(leaf.NotBefore)) * renewalWindow)
	return end.Add(-window)
}
