package certs

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/smallstep/pkcs7"

	"drawbridge/internal/pemfile"
	"drawbridge/internal/private"
	"drawbridge/internal/wholefile"
)

const (
	caFolder   = "ca"
	caCertFile = "ca.crt"
	caKeyFile  = "ca.key"
	caYears    = 10
)

// CA is the certificate authority of this installation, whose certificate administrators import into devices. It is
// immutable and safe for concurrent use.
type CA struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// OpenCA reads the CA kept in dir (the certificates folder of the data directory), making it at first use: RSA-2048,
// SHA-256, ten years, allowed to sign leaves only. Processes that make it at the same time end up with the same one.
func OpenCA(dir string) (*CA, error) {
	ca, err := readCA(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	if err := makeCA(dir, time.Now()); err != nil {
		return nil, fmt.Errorf("make the local CA: %w", err)
	}
	return readCA(dir)
}

// CheckCA tells what OpenCA would refuse of the CA that it finds in dir, and makes nothing.
func CheckCA(dir string) error {
	_, err := readCA(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Certificate is the CA's own certificate. It must not be changed.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// Fingerprint is the SHA-256 of the CA's certificate in lower case hex, for comparing with what a device shows.
func (ca *CA) Fingerprint() string { return fingerprint(ca.cert.Raw) }

// Export gives the CA's certificate, never its key, as "pem", "der", or "pkcs7": a SignedData without signatures
// (RFC 2315, section 9.1), the DER of a .p7b file.
func (ca *CA) Export(format string) ([]byte, error) {
	switch format {
	case "pem":
		return encodeCertificate(ca.cert.Raw), nil
	case "der":
		return bytes.Clone(ca.cert.Raw), nil
	case "pkcs7":
		return pkcs7.DegenerateCertificate(ca.cert.Raw)
	}
	return nil, fmt.Errorf("unknown format %q: use pem, der or pkcs7", format)
}

// Issue makes a key and a leaf for the given DNS names and IP addresses, both as PEM. Nothing of it is kept. An error
// names what is wrong with the names, or says that the CA has expired.
func (ca *CA) Issue(names []string) (certificate, key []byte, err error) {
	names, err = normalizeNames(names)
	if err != nil {
		return nil, nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := ca.sign(names, private.Public(), time.Now())
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	if err != nil {
		return nil, nil, err
	}
	return encodeCertificate(der), key, nil
}

// sign makes the leaf of normalized names.
func (ca *CA) sign(names []string, public crypto.PublicKey, now time.Time) ([]byte, error) {
	if now.After(ca.cert.NotAfter) {
		return nil, fmt.Errorf("the local CA expired on %s: stop Drawbridge, remove the %s folder from the certificates folder, "+
			"start it, and import the new CA into the devices",
			ca.cert.NotAfter.Format(time.DateOnly), caFolder)
	}
	leaf, err := leafTemplate(names, now, ca.cert.NotAfter)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca.cert, public, ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", names[0], err)
	}
	return der, nil
}

// readCA fails with fs.ErrNotExist only if nothing of a CA is there.
func readCA(dir string) (*CA, error) {
	folder := filepath.Join(dir, caFolder)
	keyPath := filepath.Join(folder, caKeyFile)
	cert, certErr := readFile(filepath.Join(folder, caCertFile))
	key, keyErr := readFile(keyPath)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return nil, certErr
	}
	err := cmp.Or(certErr, keyErr)
	if err == nil {
		if open := private.ClosedFile(keyPath); open != nil {
			return nil, fmt.Errorf("key of the local CA: %w", open)
		}
		var ca *CA
		if ca, err = parseCA(cert, key); err == nil {
			return ca, nil
		}
	}
	return nil, fmt.Errorf("local CA in %s: %v; restore the folder from a backup, "+
		"or move it away to have a new CA made, which devices must then import", folder, err)
}

func parseCA(cert, key []byte) (*CA, error) {
	pair, err := pemfile.Pair(cert, key)
	if err != nil {
		return nil, err
	}
	private, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key is a %T, not RSA", pair.PrivateKey)
	}
	return &CA{cert: pair.Leaf, key: private}, nil
}

// makeCA writes key and certificate into a folder of another name and moves it into place: whoever comes second, or is
// killed half-way, leaves the CA of the first untouched.
func makeCA(dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, ".ca-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := writeCA(temp, now); err != nil {
		return err
	}
	folder := filepath.Join(dir, caFolder)
	if err := os.Rename(temp, folder); err != nil {
		if _, statErr := os.Stat(filepath.Join(folder, caKeyFile)); statErr == nil {
			return nil // another process was first
		}
		return err
	}
	return wholefile.SyncFolder(dir)
}

func writeCA(folder string, now time.Time) error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	template, err := caTemplate(now)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := wholefile.Create(filepath.Join(folder, caKeyFile), 0o600, wholefile.Bytes(keyPEM)); err != nil {
		return err
	}
	return wholefile.Create(filepath.Join(folder, caCertFile), 0o600, wholefile.Bytes(encodeCertificate(der)))
}

// caTemplate begins a day before the first leaf does: some verifiers want lifetimes nested.
func caTemplate(now time.Time) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	begin := now.Add(-2 * backdate).UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: caName()},
		NotBefore:             begin,
		NotAfter:              begin.AddDate(caYears, 0, 0),
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SignatureAlgorithm:    x509.SHA256WithRSA,
	}, nil
}

func caName() string {
	name := "Drawbridge CA"
	if host, err := os.Hostname(); err == nil {
		name += " " + host
	}
	return name[:min(len(name), maxCommonName)]
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
