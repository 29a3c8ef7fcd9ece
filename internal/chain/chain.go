// Package chain judges the chain of certificates by which a server proves who it is: it must not only verify, but consist of
// keys and signatures that nobody can forge today.
//
// crypto/tls alone takes RSA keys from 1,024 bits on, and does not look at the signature of a certificate that is trusted by
// itself (RFC 9155 and RFC 8446, section 4.2.3, on SHA-1; NIST SP 800-131A on RSA below 2,048 bits).
package chain

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// minRSA is the shortest RSA key that is believed, in bits.
const minRSA = 2048

// WeakError says which certificate of a chain could be forged, and why.
type WeakError struct {
	Certificate *x509.Certificate
	What        string // as in "an RSA key of 1024 bits"
}

// Error says it, with the certificate's subject quoted.
func (e *WeakError) Error() string {
	return fmt.Sprintf("%q has %s", e.Certificate.Subject.String(), e.What)
}

// Verify is VerifyConnection of a [tls.Config] that verifies: it refuses a server none of whose verified chains is strong,
// resumed sessions included. The error is a *[tls.CertificateVerificationError] about a *[WeakError].
func Verify(s tls.ConnectionState) error {
	if len(s.VerifiedChains) == 0 {
		return errors.New("the server's certificate was not verified")
	}
	var first error
	for _, c := range s.VerifiedChains {
		weak := Weakness(c)
		if weak == nil {
			return nil
		}
		if first == nil {
			first = &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: weak}
		}
	}
	return first
}

// Weakness returns what is weak in a chain that begins with the server's certificate, a *[WeakError], or nil. The signature of a
// root by itself proves nothing and does not count, unless the root is the server's own certificate.
func Weakness(chain []*x509.Certificate) error {
	for i, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
			return &WeakError{c, fmt.Sprintf("an RSA key of %d bits", key.N.BitLen())}
		}
		root := i > 0 && i == len(chain)-1 && string(c.RawIssuer) == string(c.RawSubject)
		if !root && !strong(c.SignatureAlgorithm) {
			return &WeakError{c, "a signature by " + c.SignatureAlgorithm.String()}
		}
	}
	return nil
}

// strong reports whether nobody can forge a signature: those with MD5 and SHA-1 can be, and one that Go does not know, such as
// RSA-PSS with SHA-1, cannot be told from them.
func strong(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
		return true
	}
	return false
}
