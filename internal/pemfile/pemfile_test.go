package pemfile_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"drawbridge/internal/pemfile"
)

// issued is a certificate and its key, in PEM.
type issued struct {
	cert             *x509.Certificate
	signer           crypto.Signer
	certificate, key []byte
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// issue makes a certificate, signed by parent or, where that is nil, by itself.
func issue(t *testing.T, name string, parent *issued, isCA bool, end time.Time) *issued {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return issueFor(t, key, name, parent, isCA, end)
}

func issueFor(t *testing.T, key crypto.Signer, name string, parent *issued, isCA bool, end time.Time) *issued {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(end.Unix()), Subject: pkix.Name{CommonName: name}, NotBefore: noon, NotAfter: end,
		IsCA: isCA, BasicConstraintsValid: true}
	if parent == nil {
		parent = &issued{cert: template, signer: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert: cert, signer: key, certificate: block("CERTIFICATE", der), key: block("PRIVATE KEY", private)}
}

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func saved16(order binary.AppendByteOrder, text []byte) []byte {
	out := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(string(text))) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

func eachLine(text []byte, before, after string) []byte {
	return []byte(before + strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "\n", after+before) + after)
}

func TestPair_AsFilesCome(t *testing.T) {
	year := noon.AddDate(1, 0, 0)
	root := issue(t, "root", nil, true, noon.AddDate(10, 0, 0))
	middle := issue(t, "middle", root, true, noon.AddDate(5, 0, 0))
	leaf := issue(t, "leaf", middle, false, year)
	old := issue(t, "leaf", middle, false, noon.AddDate(0, 1, 0))
	both := join(leaf.certificate, middle.certificate, leaf.key)
	bags := join([]byte("Bag Attributes\n    localKeyID: 01 00 00 00\nsubject=CN = leaf\n"), leaf.certificate,
		[]byte("Bag Attributes: <Empty Attributes>\nKey Attributes\n    X509v3 Key Usage: 10\n"), leaf.key)
	pkcs1 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(leaf.signer.(*rsa.PrivateKey)))
	for _, test := range []struct {
		name             string
		certificate, key []byte
		chain            string
	}{
		{"two files", leaf.certificate, leaf.key, "leaf"},
		{"one file", both, both, "leaf middle"},
		{"the key first", join(leaf.key, leaf.certificate), join(leaf.key, leaf.certificate), "leaf"},
		{"CA first", join(root.certificate, middle.certificate, leaf.certificate), leaf.key, "leaf middle root"},
		{"links out of order", join(leaf.certificate, root.certificate, middle.certificate), leaf.key, "leaf middle root"},
		{"a certificate of nothing there", join(old.certificate, root.certificate, leaf.certificate), leaf.key, "leaf leaf root"},
		{"CA first, with its key", join(middle.certificate, middle.key, leaf.certificate, leaf.key),
			join(middle.key, leaf.key), "leaf middle"},
		{"an old pair before the new one", join(old.certificate, old.key, leaf.certificate, leaf.key),
			join(old.certificate, old.key, leaf.certificate, leaf.key), "leaf leaf"},
		{"the other key too", leaf.certificate, join(old.key, leaf.key), "leaf"},
		{"PKCS#1", leaf.certificate, pkcs1, "leaf"},
		{"PKCS#8 under the label of PKCS#1", leaf.certificate, bytes.ReplaceAll(leaf.key, []byte("PRIVATE"), []byte("RSA PRIVATE")), "leaf"},
		{"bag attributes", bags, bags, "leaf"},
		{"a byte order mark", join([]byte("\xef\xbb\xbf"), both), join([]byte("\xef\xbb\xbf"), both), "leaf middle"},
		{"UTF-16", saved16(binary.LittleEndian, both), saved16(binary.LittleEndian, both), "leaf middle"},
		{"UTF-16, big end first", saved16(binary.BigEndian, leaf.certificate), saved16(binary.BigEndian, leaf.key), "leaf"},
		{"line ends of Windows", eachLine(leaf.certificate, "", "\r\n"), eachLine(leaf.key, "", "\r\n"), "leaf"},
		{"line ends of old Macs", eachLine(leaf.certificate, "", "\r"), eachLine(leaf.key, "", "\r"), "leaf"},
		{"out of a YAML file", eachLine(leaf.certificate, "    ", "  \n"), eachLine(leaf.key, "\t", "\n"), "leaf"},
		{"without the last line end", bytes.TrimSpace(leaf.certificate), bytes.TrimSpace(leaf.key), "leaf"},
		{"openssl's trusted form", block("TRUSTED CERTIFICATE", join(leaf.cert.Raw, []byte{0x30, 0x02, 0x0c, 0x00})), leaf.key, "leaf"},
	} {
		pair, err := pemfile.Pair(test.certificate, test.key)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := namesOf(t, pair); got != test.chain {
			t.Errorf("%s: got the chain %q, want %q", test.name, got, test.chain)
		}
		if !pair.Leaf.Equal(leaf.cert) || !leaf.signer.Public().(*rsa.PublicKey).Equal(pair.PrivateKey.(*rsa.PrivateKey).Public()) {
			t.Errorf("%s: got another leaf or key", test.name)
		}
	}
}

func namesOf(t *testing.T, pair tls.Certificate) string {
	t.Helper()
	var names []string
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Subject.CommonName)
	}
	return strings.Join(names, " ")
}

func TestPair_OfECKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issueFor(t, key, "leaf", nil, false, noon.AddDate(1, 0, 0))
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := join(block("EC PARAMETERS", []byte{0x06, 0x00}), block("EC PRIVATE KEY", sec1), leaf.certificate)
	if _, err := pemfile.Pair(file, file); err != nil {
		t.Error(err)
	}
}

func TestPair_SaysWhatMendsIt(t *testing.T) {
	leaf, other := issue(t, "leaf", nil, false, noon.AddDate(1, 0, 0)), issue(t, "other", nil, false, noon.AddDate(1, 0, 0))
	sealed := block("ENCRYPTED PRIVATE KEY", []byte("x"))
	sealed1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}})
	for _, test := range []struct {
		name             string
		certificate, key []byte
		says             string
	}{
		{"another's key", leaf.certificate, other.key, "do not belong together; name a certificate and the key it was made for"},
		{"encrypted", leaf.certificate, sealed, "is encrypted; take the passphrase off: openssl pkey"},
		{"encrypted as of old", leaf.certificate, sealed1, "is encrypted; take the passphrase off"},
		{"encrypted as of old, on Windows", leaf.certificate, eachLine(sealed1, "", "\r\n"), "is encrypted; take the passphrase off"},
		{"a request", block("CERTIFICATE REQUEST", []byte("x")), leaf.key, "the request for a certificate; name the file that the authority"},
		{"a bag", block("PKCS7", []byte("x")), leaf.key, "openssl pkcs7 -print_certs"},
		{"a key of SSH", leaf.certificate, block("OPENSSH PRIVATE KEY", []byte("x")), "ssh-keygen -p -m PEM"},
		{"cut off", leaf.certificate[:len(leaf.certificate)/2], leaf.key, "cut off"},
		{"key cut off", leaf.certificate, leaf.key[:len(leaf.key)/2], "cut off"},
		{"the two exchanged", leaf.key, leaf.certificate, "a key and no certificate"},
		{"a certificate for a key", leaf.certificate, leaf.certificate, "a certificate and no key"},
		{"PKCS#12", []byte("\x30\x82\x09\x00\x02\x01\x03"), []byte("\x30\x82\x09\x00\x02\x01\x03"), "openssl pkcs12 -in FILE -nodes"},
		{"DER", leaf.cert.Raw, leaf.key, "openssl x509 -inform der"},
		{"a key in DER", leaf.certificate, []byte("\x30\x82\x04\xa4\x02\x01\x00"), "openssl pkey -inform der"},
		{"nothing", nil, nil, "holds no certificate in PEM"},
		{"prose", leaf.certificate, []byte("hunter2"), "holds no key in PEM"},
		{"a broken certificate", join(leaf.certificate, block("CERTIFICATE", []byte("x"))), leaf.key, "certificate 2 of the file cannot be read"},
		{"a broken key", leaf.certificate, block("PRIVATE KEY", []byte("x")), "key 1 of the file cannot be read"},
	} {
		_, err := pemfile.Pair(test.certificate, test.key)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "; ") ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q", test.name, err, test.says)
		}
	}
}

func TestRoots(t *testing.T) {
	one, two := issue(t, "one", nil, true, noon.AddDate(1, 0, 0)), issue(t, "two", nil, true, noon.AddDate(1, 0, 0))
	file := join([]byte("\xef\xbb\xbf"), one.certificate, []byte("\r\n# and\r\n"), eachLine(two.certificate, "", "\r\n"))
	roots, err := pemfile.Roots(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*issued{one, two} {
		if _, err := c.cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: noon.AddDate(0, 1, 0)}); err != nil {
			t.Errorf("%s: %v", c.cert.Subject, err)
		}
	}
	if _, err := pemfile.Roots(one.key); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a key for roots: %v", err)
	}
}

func FuzzPair(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add(block("PRIVATE KEY", []byte("x")))
	f.Fuzz(func(t *testing.T, file []byte) {
		if pair, err := pemfile.Pair(file, file); err == nil && (pair.Leaf == nil || len(pair.Certificate) == 0) {
			t.Error("half a pair")
		}
	})
}
