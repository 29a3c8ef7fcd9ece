package certs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/certs"
)

// TestFiles_AsTheyCome are a pair's files as administrators have them: CA first, saved by Notepad, one file for both.
func TestFiles_AsTheyCome(t *testing.T) {
	ca := openCA(t, t.TempDir())
	cert, key := rsaPair(t, ca, "a.test")
	_, otherKey := rsaPair(t, ca, "b.test")
	root, err := ca.Export("pem")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"CA first":          bytes.Join([][]byte{root, cert, key}, nil),
		"a byte order mark": bytes.Join([][]byte{[]byte("\xef\xbb\xbf"), cert, root, key}, nil),
		"two keys":          bytes.Join([][]byte{cert, root, otherKey, key}, nil),
	} {
		dir := t.TempDir()
		path := write(t, dir, "both.pem", file)
		s, err := certs.New(certs.Options{Dir: dir, Entries: []certs.Entry{files(path, path)}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, _ := connect(t, serve(t, s), device{sni: "a.test", verify: "a.test", roots: poolOf(ca.Certificate()), config: oldTLS()})
		if chain := c.ConnectionState().PeerCertificates; len(chain) != 2 || !chain[1].Equal(ca.Certificate()) {
			t.Errorf("%s: sent %d certificates", name, len(chain))
		}
		c.Close()
	}
}

// TestOpenCA_RefusesAKeyThatEverybodyCanRead, and takes one that a group can: Kubernetes' fsGroup leaves it so.
func TestOpenCA_RefusesAKeyThatEverybodyCanRead(t *testing.T) {
	dir := t.TempDir()
	openCA(t, dir)
	key := filepath.Join(dir, "ca", "ca.key")
	for mode, says := range map[os.FileMode]string{0o644: "can be read by everybody on this machine; run: chmod o-rwx " + key, 0o660: ""} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		_, err := certs.OpenCA(dir)
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "backup")) {
			t.Errorf("mode %04o: got %v, want %q", mode, err, says)
		}
	}
}

// TestACME_RootsOfTheDirectory are read by the one reader of PEM.
func TestACME_RootsOfTheDirectory(t *testing.T) {
	dir := t.TempDir()
	root, err := openCA(t, t.TempDir()).Export("pem")
	if err != nil {
		t.Fatal(err)
	}
	for saved, says := range map[string]string{"\ufeff" + string(root): "", "nonsense": "holds no certificate in PEM"} {
		entry := certs.Entry{ACME: &certs.ACME{Names: []string{"bridge.contoso.com"}, Directory: "https://acme.test/directory",
			CAFile: write(t, dir, "root.pem", []byte(saved)), HTTPAddress: "127.0.0.1:8099"}}
		_, err := certs.New(certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{entry}})
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: got %v, want %q", saved, err, says)
		}
	}
}
