package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/config"
)

func TestParse_AdminOffLoopbackNeedsPasswordAndTLS(t *testing.T) {
	const password, local, names = "password: '" + hash + "'", "certificate: local_ca", "names: [bridge.contoso.local]"
	for _, test := range []struct{ address, keys, says string }{
		{"127.0.0.1:8025", "", ""},
		{"[::1]:8025", "", ""},
		{"[::ffff:127.0.0.2]:8025", "", ""},
		{"localhost:8025", "", ""},
		{"127.0.0.1:8025", password, ""},
		{"127.0.0.1:8025", local, ""},
		{"", "", ""},
		{":8025", "", "admin.password and admin.certificate are missing"},
		{"0.0.0.0:8025", names, "admin.password and admin.certificate are missing"},
		{"[::]:8025", password, "admin.certificate is missing"},
		{"10.20.0.5:8025", local, "admin.password is missing"},
		{"10.20.0.5:8025", password + ", " + local + ", " + names, ""},
		{":8025", password + ", " + local + ", " + names, ""},
	} {
		text := "admin: {address: '" + test.address + "', " + test.keys + "}"
		c, err := config.Parse("drawbridge.yaml", []byte(text), machine)
		switch {
		case test.says == "" && (err != nil || len(c.Warnings) > 0):
			t.Errorf("%s: %v", text, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %q", text, err, test.says)
		}
	}
}

func TestParse_AdminTellsHowToMakeAHash(t *testing.T) {
	for _, text := range []string{"{address: ':8025'}", "{address: ':8025', certificate: local_ca}", "{password: hunter2}"} {
		_, err := config.Parse("drawbridge.yaml", []byte("admin: "+text), machine)
		if err == nil || !strings.Contains(err.Error(), "drawbridge account hash") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestParse_AdminHasOneFaultForARefusedKey has a key that is there and will not do: it is not missing too.
func TestParse_AdminHasOneFaultForARefusedKey(t *testing.T) {
	for _, keys := range []string{
		"password: hunter2, certificate: local_ca", "password: '" + hash + "', certificate: acme",
		"password: " + hash + ", certificate: local_ca", "password: '" + hash + "', certificate: []",
	} {
		if f := refused(t, "admin: {address: ':8025', "+keys+"}"); f.Key == "admin.address" {
			t.Errorf("%s: %s", keys, f)
		}
	}
}

func TestParse_AdminCertificate(t *testing.T) {
	c := parse(t, "admin: {certificate: local_ca}")
	equal(t, "certificate", c.Admin.Certificate, &config.Certificate{LocalCA: &config.LocalCA{Signature: "sha256"}})
	if parse(t, "drain: 2m").Admin.Certificate != nil {
		t.Error("there is a certificate without the key")
	}
	folder := t.TempDir()
	pair(t, folder, "one")
	pair(t, folder, "other")
	c, err := in(folder, "admin: {certificate: {file: {certificate: one.pem, key: one.key}}}")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "file", c.Admin.Certificate.File, &config.CertificateFile{
		Certificate: filepath.Join(folder, "one.pem"), Key: filepath.Join(folder, "one.key")})
	_, err = in(folder, "admin: {certificate: {file: {certificate: one.pem, key: other.key}}}")
	if err == nil || !strings.Contains(err.Error(), "admin.certificate.file: certificate and key do not belong together") {
		t.Errorf("two halves of two pairs: %v", err)
	}
}

func TestParse_AdminNamesHaveOneForm(t *testing.T) {
	c := parse(t, `admin: {names: [Bridge.Contoso.LOCAL., "2001:0DB8:0:0::5", "::ffff:10.20.0.5", "[::1]"]}`)
	equal(t, "names", c.Admin.Names, []string{"bridge.contoso.local", "2001:db8::5", "10.20.0.5", "::1"})
	refused(t, "admin: {names: ['.']}")
}

// TestParse_AdminOnASocket needs neither password nor TLS, and is open to nobody else.
func TestParse_AdminOnASocket(t *testing.T) {
	folder := t.TempDir()
	for address, want := range map[string]string{"unix:/run/drawbridge/admin.sock": "/run/drawbridge/admin.sock",
		"unix:admin.sock": filepath.Join(folder, "admin.sock")} {
		c, err := in(folder, "admin: {address: '"+address+"'}")
		if err != nil || len(c.Warnings) > 0 {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if network, path := c.Admin.Socket(); network != "unix" || path != want || c.Admin.Open() {
			t.Errorf("%s is %s %s, open %t", address, network, path, c.Admin.Open())
		}
	}
	if !parse(t, "drain: 2m").Admin.Open() || parse(t, "admin: {address: ''}").Admin.Open() {
		t.Error("a dashboard without a password on a port is open, and none is not")
	}
	for _, address := range []string{"unix:", "unix:/" + strings.Repeat("deep", 27)} {
		if f := refused(t, "admin: {address: '"+address+"'}"); !strings.Contains(f.String(), "unix:/run/drawbridge/admin.sock") {
			t.Errorf("%s: %s", address, f)
		}
	}
}
