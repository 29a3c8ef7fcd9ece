package certs_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"drawbridge/certs"
)

func TestOpenCA_MakesWhatOldDevicesImport(t *testing.T) {
	ca := openCA(t, t.TempDir()).Certificate()
	if key, ok := ca.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("key is %T, want RSA-2048", ca.PublicKey)
	}
	if ca.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Errorf("signature is %v, want SHA256-RSA", ca.SignatureAlgorithm)
	}
	if !ca.IsCA || ca.MaxPathLen != 0 || !ca.MaxPathLenZero || !ca.BasicConstraintsValid {
		t.Error("basicConstraints do not say CA with path length 0")
	}
	if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; ca.KeyUsage != want {
		t.Errorf("key usage is %b, want %b", ca.KeyUsage, want)
	}
	if len(ca.SubjectKeyId) == 0 {
		t.Error("no subject key identifier")
	}
	if !strings.HasPrefix(ca.Subject.CommonName, "Drawbridge CA") || len(ca.Subject.CommonName) > 64 {
		t.Errorf("common name %q", ca.Subject.CommonName)
	}
	if years := ca.NotAfter.Sub(ca.NotBefore).Hours() / 24 / 365; years < 9.9 || years > 10.1 || ca.NotAfter.Year() >= 2050 {
		t.Errorf("valid from %v to %v, want ten years and an end before 2050", ca.NotBefore, ca.NotAfter)
	}
	for _, ext := range ca.Extensions {
		if ext.Id.String() == "2.5.29.19" && !ext.Critical {
			t.Error("basicConstraints are not critical")
		}
	}
}

func TestOpenCA_IsTheSameAtEveryStart(t *testing.T) {
	dir := t.TempDir()
	cas := make([]*certs.CA, 4)
	var all sync.WaitGroup
	for i := range cas {
		all.Go(func() { cas[i], _ = certs.OpenCA(dir) })
	}
	all.Wait()
	want := openCA(t, dir).Fingerprint()
	for i, ca := range cas {
		if ca == nil || ca.Fingerprint() != want {
			t.Errorf("start %d has another CA", i)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".ca-*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenCA_SaysWhatToDoAboutDamage(t *testing.T) {
	other := t.TempDir()
	openCA(t, other)
	for name, tc := range map[string]struct {
		damage func(t *testing.T, folder string)
		want   string
	}{
		"garbage certificate": {func(t *testing.T, f string) { write(t, f, "ca.crt", []byte("nonsense")) }, "no certificate in PEM"},
		"lost key": {func(t *testing.T, f string) {
			if err := os.Remove(filepath.Join(f, "ca.key")); err != nil {
				t.Fatal(err)
			}
		}, "restore the folder"},
		"lost certificate": {func(t *testing.T, f string) {
			if err := os.Remove(filepath.Join(f, "ca.crt")); err != nil {
				t.Fatal(err)
			}
		}, "restore the folder"},
		"broken certificate": {func(t *testing.T, f string) {
			write(t, f, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
		}, "move it away"},
		"broken key": {func(t *testing.T, f string) {
			write(t, f, "ca.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
		}, "move it away"},
		"ECDSA key": {func(t *testing.T, f string) {
			_, key := ecdsaPair(t, "a.test")
			write(t, f, "ca.key", key)
		}, "do not belong together"},
		"another CA's key": {func(t *testing.T, f string) {
			key, err := os.ReadFile(filepath.Join(other, "ca", "ca.key"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, f, "ca.key", key)
		}, "do not belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			openCA(t, dir)
			tc.damage(t, filepath.Join(dir, "ca"))
			if _, err := certs.OpenCA(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestOpenCA_FolderThatCannotBeMade(t *testing.T) {
	file := write(t, t.TempDir(), "file", nil)
	if _, err := certs.OpenCA(filepath.Join(file, "below")); err == nil {
		t.Error("a CA below a file")
	}
}

func TestExport(t *testing.T) {
	ca := openCA(t, t.TempDir())
	export := func(format string) []byte {
		data, err := ca.Export(format)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if bytes.Contains(data, []byte("PRIVATE")) {
			t.Fatalf("%s holds a key", format)
		}
		return data
	}
	block, rest := pem.Decode(export("pem"))
	if block == nil || len(rest) != 0 || !bytes.Equal(block.Bytes, ca.Certificate().Raw) {
		t.Error("pem is not the CA's certificate alone")
	}
	if !bytes.Equal(export("der"), ca.Certificate().Raw) {
		t.Error("der is not the CA's certificate")
	}
	p7, err := pkcs7.Parse(export("pkcs7"))
	if err != nil || len(p7.Certificates) != 1 || !p7.Certificates[0].Equal(ca.Certificate()) {
		t.Errorf("pkcs7 does not hold the CA's certificate: %v", err)
	}
	if _, err := ca.Export("key"); err == nil || !strings.Contains(err.Error(), "pem, der or pkcs7") {
		t.Errorf("format key: %v", err)
	}
}

func TestExport_OpenSSLReadsIt(t *testing.T) {
	dir := t.TempDir()
	ca := openCA(t, dir)
	for _, format := range []string{"pem", "der", "pkcs7"} {
		data, err := ca.Export(format)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "export."+format, data)
	}
	leaf, _, err := ca.Issue([]string{"bridge.contoso.local", "10.20.0.5"})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "leaf.pem", leaf)
	printed := openssl(t, "pkcs7", "-inform", "DER", "-in", filepath.Join(dir, "export.pkcs7"), "-print_certs")
	if !strings.Contains(printed, "Drawbridge CA") || !strings.Contains(printed, "BEGIN CERTIFICATE") {
		t.Errorf("openssl pkcs7 printed %q", printed)
	}
	openssl(t, "x509", "-inform", "DER", "-in", filepath.Join(dir, "export.der"), "-noout")
	openssl(t, "verify", "-x509_strict", "-CAfile", filepath.Join(dir, "export.pem"),
		"-verify_hostname", "bridge.contoso.local", filepath.Join(dir, "leaf.pem"))
	openssl(t, "verify", "-x509_strict", "-CAfile", filepath.Join(dir, "export.pem"),
		"-verify_ip", "10.20.0.5", filepath.Join(dir, "leaf.pem"))
}

func TestIssue(t *testing.T) {
	ca := openCA(t, t.TempDir())
	names := []string{"Bridge.Contoso.local.", "bridge", "*.print.contoso.local", "10.20.0.5", "2001:db8::5"}
	certificate, key, err := ca.Issue(names)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	checkLeaf(t, pair.Leaf, ca.Certificate())
	for _, name := range []string{"bridge.contoso.local", "bridge", "floor3.print.contoso.local", "10.20.0.5", "2001:db8::5"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: poolOf(ca.Certificate()), DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := pair.Leaf.Subject.CommonName; got != "bridge.contoso.local" {
		t.Errorf("common name %q, want the first name", got)
	}
	if len(pair.Leaf.DNSNames) != 3 || len(pair.Leaf.IPAddresses) != 2 {
		t.Errorf("names %v and addresses %v", pair.Leaf.DNSNames, pair.Leaf.IPAddresses)
	}
}

// checkLeaf looks at what every leaf of the local CA has in common.
func checkLeaf(t *testing.T, leaf, ca *x509.Certificate) {
	t.Helper()
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("key is %T, want RSA-2048", leaf.PublicKey)
	}
	if leaf.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Errorf("signature is %v", leaf.SignatureAlgorithm)
	}
	if leaf.SerialNumber.Sign() <= 0 || leaf.SerialNumber.BitLen() > 127 {
		t.Errorf("serial %v is not positive within 127 bits", leaf.SerialNumber)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life != 397*24*time.Hour {
		t.Errorf("lifetime %v, want 397 days", life)
	}
	if early := time.Since(leaf.NotBefore); early < 23*time.Hour || early > 25*time.Hour {
		t.Errorf("begins %v ago, want a day", early)
	}
	if leaf.NotBefore.Before(ca.NotBefore) || leaf.NotAfter.After(ca.NotAfter) || leaf.NotAfter.Year() >= 2050 {
		t.Error("lifetime is not within the CA's, or beyond UTCTime")
	}
	if want := x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment; leaf.KeyUsage != want {
		t.Errorf("key usage %b, want %b", leaf.KeyUsage, want)
	}
	if len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("extended key usage %v", leaf.ExtKeyUsage)
	}
	if leaf.IsCA || !bytes.Equal(leaf.AuthorityKeyId, ca.SubjectKeyId) {
		t.Error("is a CA, or does not point at its CA")
	}
}

func TestIssue_RefusesNamesThatNoCertificateCanHave(t *testing.T) {
	ca := openCA(t, t.TempDir())
	for _, tc := range []struct {
		names []string
		want  string
	}{
		{nil, "no names"},
		{make([]string, 101), "at most 100"},
		{[]string{"good.test", ""}, "neither a DNS name"},
		{[]string{"a b"}, "neither a DNS name"},
		{[]string{"10.20.0.555"}, "neither a DNS name"},
		{[]string{"a..b"}, "neither a DNS name"},
		{[]string{"-a.test"}, "neither a DNS name"},
		{[]string{"a.*.test"}, "neither a DNS name"},
		{[]string{"*.test"}, "neither a DNS name"},
		{[]string{"*"}, "neither a DNS name"},
		{[]string{"https://a.test"}, "neither a DNS name"},
		{[]string{"10.0.0.0/8"}, "neither a DNS name"},
		{[]string{strings.Repeat("a", 64) + ".test"}, "neither a DNS name"},
		{[]string{strings.Repeat("a.", 127) + "test"}, "neither a DNS name"},
		{[]string{"fe80::1%eth0"}, "no zone"},
	} {
		if _, _, err := ca.Issue(tc.names); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40q: got %v, want an error with %q", tc.names, err, tc.want)
		}
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certificates")
	newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{{LocalCA: &certs.LocalCA{Names: []string{"a.test"}}}}})
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || files < 4 {
		t.Errorf("walked %d files, %v", files, err)
	}
}
