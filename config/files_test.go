package config_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

// pair writes a certificate and its key and returns their PEM.
func pair(t *testing.T, folder, name string) (certificate, key []byte) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "bridge.contoso.local"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	write(t, filepath.Join(folder, name+".pem"), certificate, 0o644)
	write(t, filepath.Join(folder, name+".key"), key, 0o600)
	return certificate, key
}

func write(t *testing.T, file string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// in parses a text as a file of a folder.
func in(folder, text string) (*config.Config, error) {
	return config.Parse(filepath.Join(folder, "drawbridge.yaml"), []byte(text), machine)
}

func TestParse_CertificateFiles(t *testing.T) {
	folder := t.TempDir()
	pair(t, folder, "one")
	pair(t, folder, "two")
	entry := func(certificate, key string) string {
		return "certificates: [{file: {certificate: " + certificate + ", key: " + key + "}}]"
	}
	c, err := in(folder, entry("one.pem", "one.key"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "file", c.Certificates[0].File, &config.CertificateFile{
		Certificate: filepath.Join(folder, "one.pem"), Key: filepath.Join(folder, "one.key")})
	for _, test := range []struct{ name, text, says string }{
		{"another's key", entry("one.pem", "two.key"), "do not belong together"},
		{"no key", entry("one.pem", "none.key"), "does not exist"},
		{"a folder for a key", entry("one.pem", "."), "is a folder"},
		{"no certificate", entry("one.key", "one.key"), "a key and no certificate"},
	} {
		if _, err := in(folder, test.text); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}

func TestParse_WarnsOfAKeyThatEverybodyCanRead(t *testing.T) {
	folder := t.TempDir()
	_, key := pair(t, folder, "one")
	write(t, filepath.Join(folder, "one.key"), key, 0o644)
	c, err := in(folder, "certificates: [{file: {certificate: one.pem, key: one.key}}]")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "can be read by everybody") {
		t.Errorf("warnings: got %q", c.Warnings)
	}
}

func TestParse_PrivateRoots(t *testing.T) {
	folder := t.TempDir()
	certificate, _ := pair(t, folder, "root")
	write(t, filepath.Join(folder, "broken.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o644)
	text := func(ca string) string {
		return "upstreams: {x: {imap: a.local:993, pop3: a.local:995, auth: passthrough, ca: " + ca + "}}\n" +
			"certificates: [{acme: {names: [bridge.contoso.com], ca: " + ca + "}}]"
	}
	c, err := in(folder, text("root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "roots of the upstream", c.Upstreams[0].CAPEM, certificate)
	equal(t, "path", c.Upstreams[0].CA, filepath.Join(folder, "root.pem"))
	equal(t, "roots of the ACME service", c.Certificates[0].ACME.CAPEM, certificate)
	for ca, says := range map[string]string{"root.key": "a key and no certificate", "broken.pem": "certificate 1 of the file",
		"none.pem": "does not exist"} {
		_, err := in(folder, text(ca))
		if err == nil || strings.Count(err.Error(), says) != 2 {
			t.Errorf("%s: %v, want %q twice", ca, err, says)
		}
	}
}
