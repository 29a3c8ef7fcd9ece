// Package pemfile reads certificates and keys in PEM as they come in practice.
//
// That is with text around them (openssl's Bag Attributes), saved by Notepad, indented, key and certificates in one file and in
// any order. What cannot be right is told with the command that mends it: an error is "what is wrong; what to do".
//
// The labels are those of RFC 7468, and of OpenSSL.
package pemfile

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drawbridge/internal/textfile"
)

// Certificates returns the certificates of a file, at least one, in the file's order.
func Certificates(file []byte) ([]*x509.Certificate, error) {
	c, err := read(file)
	if err != nil {
		return nil, err
	}
	if len(c.certificates) == 0 {
		return nil, c.noCertificate()
	}
	return c.certificates, nil
}

// Roots returns the system's roots and those of a file.
func Roots(file []byte) (*x509.CertPool, error) {
	certificates, err := Certificates(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, c := range certificates {
		roots.AddCert(c)
	}
	return roots, nil
}

// Pair returns the leaf of one file with the key of another, or of the same, that it was made for, and the chain behind it, leaf
// first whatever the file's order. Of several leaves with their keys the one that is valid longest counts.
func Pair(certificate, key []byte) (tls.Certificate, error) {
	c, err := read(certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	k := c
	if !bytes.Equal(certificate, key) {
		if k, err = read(key); err != nil {
			return tls.Certificate{}, err
		}
	}
	switch {
	case len(c.certificates) == 0:
		return tls.Certificate{}, c.noCertificate()
	case len(k.keys) == 0:
		return tls.Certificate{}, k.noKey()
	}
	leaf, private := match(c.certificates, k.keys)
	if leaf == nil {
		return tls.Certificate{}, errors.New("certificate and key do not belong together; name a certificate and the key it was made for")
	}
	pair := tls.Certificate{PrivateKey: private, Leaf: leaf}
	for _, link := range chain(leaf, c.certificates) {
		pair.Certificate = append(pair.Certificate, link.Raw)
	}
	return pair, nil
}

// match finds the leaf and its key. A CA comes after its leaves, though it lasts longer.
func match(certificates []*x509.Certificate, keys []crypto.Signer) (*x509.Certificate, crypto.Signer) {
	byWorth := slices.Clone(certificates)
	slices.SortStableFunc(byWorth, func(a, b *x509.Certificate) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.NotAfter.Compare(a.NotAfter))
	})
	for _, c := range byWorth {
		for _, k := range keys {
			if public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(c.PublicKey) {
				return c, k
			}
		}
	}
	return nil, nil
}

func rank(c *x509.Certificate) int {
	if c.IsCA {
		return 1
	}
	return 0
}

// chain puts the leaf first, each issuer behind what it issued (RFC 5246, section 7.4.2), then what is left, as it stands.
func chain(leaf *x509.Certificate, all []*x509.Certificate) []*x509.Certificate {
	links := []*x509.Certificate{leaf}
	rest := slices.DeleteFunc(slices.Clone(all), func(c *x509.Certificate) bool { return c.Equal(leaf) })
	for last := leaf; last != nil; {
		i := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, last.RawIssuer) })
		if i < 0 {
			break
		}
		last = rest[i]
		links, rest = append(links, last), slices.Delete(rest, i, i+1)
	}
	return append(links, rest...)
}

// contents are what a file has.
type contents struct {
	certificates []*x509.Certificate
	keys         []crypto.Signer
	others       []string // the labels of other blocks
	sealed       bool     // a key is encrypted
	torn         bool     // a block begins and does not end
	binary       bool     // DER instead of PEM
}

func read(file []byte) (*contents, error) {
	c := &contents{binary: len(file) > 1 && file[0] == 0x30 && file[1]&0x80 != 0} // a SEQUENCE of some length
	rest := trimmed(file)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			c.torn = bytes.Contains(rest, []byte("-----BEGIN "))
			return c, nil
		}
		if err := c.add(block); err != nil {
			return nil, err
		}
	}
}

// trimmed returns a file's lines as encoding/pem wants them: in UTF-8, without blanks around them.
func trimmed(file []byte) []byte {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(textfile.Decode(file)))
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	return []byte(strings.Join(lines, "\n"))
}

func (c *contents) add(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		certificate, err := parseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("certificate %d of the file cannot be read; export it again", len(c.certificates)+1)
		}
		c.certificates = append(c.certificates, certificate)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			c.sealed = true
			return nil
		}
		key, err := parseKey(block.Bytes)
		if err != nil {
			return fmt.Errorf("key %d of the file cannot be read; export it again, as an RSA or EC key", len(c.keys)+1)
		}
		c.keys = append(c.keys, key)
	case "ENCRYPTED PRIVATE KEY":
		c.sealed = true
	default:
		c.others = append(c.others, block.Type)
	}
	return nil
}

// parseCertificate parses a certificate, and leaves out what openssl's TRUSTED CERTIFICATE has behind it.
func parseCertificate(der []byte) (*x509.Certificate, error) {
	var certificate asn1.RawValue
	if _, err := asn1.Unmarshal(der, &certificate); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(certificate.FullBytes)
}

// parseKey parses a key in any of the forms that stand under these labels; programs mix them up.
func parseKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if signer, ok := key.(crypto.Signer); ok {
		return signer, nil
	}
	return nil, cmp.Or(err, errors.New("the key signs nothing"))
}

// noCertificate says what stands where a certificate belongs.
func (c *contents) noCertificate() error {
	switch {
	case c.has("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"):
		return errors.New("the file holds the request for a certificate; name the file that the authority sent back")
	case c.has("PKCS7", "CMS"):
		return errors.New("the file holds a PKCS#7 bag; run: openssl pkcs7 -print_certs -in FILE -out FILE.pem")
	case c.torn:
		return errTorn
	case len(c.keys) > 0 || c.sealed:
		return errors.New("the file holds a key and no certificate; name the file with -----BEGIN CERTIFICATE-----")
	case c.binary:
		return errBinary
	}
	return errors.New("the file holds no certificate in PEM; name a file with -----BEGIN CERTIFICATE-----; " +
		"for a DER file run: openssl x509 -inform der -in FILE -out FILE.pem")
}

// noKey says what stands where a key belongs.
func (c *contents) noKey() error {
	switch {
	case c.sealed:
		return errors.New("the key is encrypted; take the passphrase off: openssl pkey -in FILE -out KEY.pem")
	case c.has("OPENSSH PRIVATE KEY"):
		return errors.New("the key is in OpenSSH's form; run on a copy: ssh-keygen -p -m PEM -f FILE")
	case c.torn:
		return errTorn
	case c.binary:
		return errBinary
	case len(c.certificates) > 0:
		return errors.New("the file holds a certificate and no key; name the file with -----BEGIN PRIVATE KEY-----, " +
			"or put the key into this one; for a PKCS#12 file run: openssl pkcs12 -in FILE -nodes -out FILE.pem")
	}
	return errors.New("the file holds no key in PEM; name a file with -----BEGIN PRIVATE KEY-----; " +
		"for a PKCS#12 file run: openssl pkcs12 -in FILE -nodes -out FILE.pem")
}

var (
	errTorn   = errors.New("the file is cut off inside of a PEM block; copy it again, as a whole")
	errBinary = errors.New("the file is not PEM; for a PKCS#12 file run: openssl pkcs12 -in FILE -nodes -out FILE.pem, " +
		"for a certificate in DER: openssl x509 -inform der -in FILE -out FILE.pem, for a key: openssl pkey -inform der -in FILE -out FILE.pem")
)

func (c *contents) has(labels ...string) bool {
	return slices.ContainsFunc(c.others, func(label string) bool { return slices.Contains(labels, label) })
}
