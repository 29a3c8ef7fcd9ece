package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"drawbridge/certs"
)

func local(names ...string) certs.Entry {
	return certs.Entry{LocalCA: &certs.LocalCA{Names: names}}
}

// acmeDown is an ACME entry whose directory does not answer.
func acmeDown(names ...string) certs.Entry {
	return certs.Entry{ACME: &certs.ACME{Names: names, Directory: "https://127.0.0.1:1/dir", HTTPAddress: "127.0.0.1:1"}}
}

func files(certificate, key string) certs.Entry {
	return certs.Entry{File: &certs.File{Certificate: certificate, Key: key}}
}

// What a device gets, for each kind of entry as the first and as another one, by what it sends.
func TestSource_WhatDevicesAreShown(t *testing.T) {
	dir := t.TempDir()
	ca := openCA(t, dir)
	cert, key := rsaPair(t, ca, "file.test", "127.0.0.1")
	certFile, keyFile := write(t, dir, "file.pem", cert), write(t, dir, "file.key", key)
	first := map[string]certs.Entry{
		"local_ca": local("first.test", "127.0.0.1"),
		"acme":     acmeDown("first.test"),
		"file":     files(certFile, keyFile),
	}
	for kind, entry := range first {
		own := "first.test"
		if kind == "file" {
			own = "file.test"
		}
		s := newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{
			entry, local("second.test", "*.wild.test"), acmeDown("third.acme.test"),
		}})
		addr := serve(t, s)
		for name, d := range map[string]device{
			"no server name":     {sni: "", verify: own},
			"its name":           {sni: own, verify: own},
			"its name, shouted":  {sni: strings.ToUpper(own), verify: own},
			"an unknown name":    {sni: "unknown.test", verify: own},
			"the second's name":  {sni: "second.test", verify: "second.test"},
			"the second's wild":  {sni: "floor3.wild.test", verify: "floor3.wild.test"},
			"below the wild":     {sni: "a.b.wild.test", verify: own},
			"the third's name":   {sni: "third.acme.test", verify: "third.acme.test"},
			"an address as name": {sni: "127.0.0.1", verify: address(kind, own)},
			"an unknown address": {sni: "10.9.9.9", verify: own},
			"only a top level":   {sni: "test", verify: own},
		} {
			for version, config := range map[string]*tls.Config{"TLS 1.0 with RSA key exchange": oldTLS(), "TLS 1.2 and newer": newTLS()} {
				t.Run(kind+"/"+name+"/"+version, func(t *testing.T) {
					d.roots, d.config = poolOf(ca.Certificate()), config
					c, _ := connect(t, addr, d)
					echoes(t, c, "hello")
					c.Close()
				})
			}
		}
	}
}

// address is what a device that calls by address can verify: ACME certificates have none.
func address(kind, own string) string {
	if kind == "acme" {
		return own
	}
	return "127.0.0.1"
}

func TestGetCertificate_TrailingDotAndAddressesOnTheWire(t *testing.T) {
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{
		local("first.test"), local("second.test", "10.20.0.5"), local("second.test", "later.test"),
	}})
	second := s.List()[1].Fingerprint
	for name, want := range map[string]string{
		"second.test.": second, "SECOND.Test": second, "10.20.0.5": second, "later.test": s.List()[2].Fingerprint,
		".": s.List()[0].Fingerprint, ".test": s.List()[0].Fingerprint,
	} {
		if got := sum(shown(t, s, name)); got != want {
			t.Errorf("server name %q: wrong certificate", name)
		}
	}
}

func TestSource_RestartKeepsLeaves_OtherNamesMakeAnotherOne(t *testing.T) {
	dir := t.TempDir()
	serial := func(entry certs.Entry) string {
		return newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{entry}}).List()[0].Serial
	}
	before := serial(local("a.test", "b.test", "10.0.0.1"))
	if after := serial(local("a.test", "b.test", "10.0.0.1")); after != before {
		t.Error("the leaf is another one after a restart")
	}
	if after := serial(local("A.test.", "b.test", "b.test", "::ffff:10.0.0.1")); after != before {
		t.Error("the leaf is another one after names were written otherwise")
	}
	if after := serial(local("a.test", "10.0.0.1")); after == before {
		t.Error("the leaf is the same although a name is gone")
	}
	if after := serial(local("b.test", "a.test", "10.0.0.1")); after == before {
		t.Error("the leaf is the same although another name is first")
	}
	if after := serial(local("a.test", "b.test", "10.0.0.1")); after != before {
		t.Error("going back to the names before does not find their leaf")
	}
}

func TestSource_AnotherCAMakesAnotherLeaf(t *testing.T) {
	dir := t.TempDir()
	o := certs.Options{Dir: dir, Entries: []certs.Entry{local("a.test")}}
	before := newSource(t, o).List()[0]
	if err := os.RemoveAll(filepath.Join(dir, "ca")); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, o)
	if s.List()[0].Serial == before.Serial {
		t.Fatal("the leaf of the CA before is still served")
	}
	options := x509.VerifyOptions{Roots: poolOf(openCA(t, dir).Certificate()), DNSName: "a.test"}
	if _, err := shown(t, s, "").Verify(options); err != nil {
		t.Error(err)
	}
}

func TestSource_MendsWhatACrashLeft(t *testing.T) {
	for name, damage := range map[string]func(crt, key string) error{
		"key of another leaf": func(_, key string) error {
			_, other := ecdsaPair(t, "a.test")
			return os.WriteFile(key, other, 0o600)
		},
		"empty certificate": func(crt, _ string) error { return os.Truncate(crt, 0) },
		"no certificate":    func(crt, _ string) error { return os.Remove(crt) },
		"no key":            func(_, key string) error { return os.Remove(key) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := certs.Options{Dir: dir, Entries: []certs.Entry{local("a.test")}}
			newSource(t, o)
			crts, _ := filepath.Glob(filepath.Join(dir, "certificates", "*", "*", "*.crt"))
			if len(crts) != 1 {
				t.Fatalf("stored leaves: %v", crts)
			}
			if err := damage(crts[0], strings.TrimSuffix(crts[0], ".crt")+".key"); err != nil {
				t.Fatal(err)
			}
			s := newSource(t, o)
			options := x509.VerifyOptions{Roots: poolOf(openCA(t, dir).Certificate()), DNSName: "a.test"}
			if _, err := shown(t, s, "").Verify(options); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	cert, key := rsaPair(t, openCA(t, dir), "file.test", "10.0.0.9")
	s := newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{
		local("bridge.test", "10.20.0.5"),
		acmeDown("acme.test.example"),
		files(write(t, dir, "f.pem", cert), write(t, dir, "f.key", key)),
	}})
	list := s.List()
	for i, want := range []struct {
		kind     string
		names    []string
		fallback bool
	}{
		{"local_ca", []string{"bridge.test", "10.20.0.5"}, false},
		{"acme", []string{"acme.test.example"}, true},
		{"file", []string{"file.test", "10.0.0.9"}, false},
	} {
		got, leaf := list[i], shown(t, s, want.names[0])
		if got.Kind != want.kind || !slices.Equal(got.Names, want.names) || got.Fallback != want.fallback {
			t.Errorf("entry %d is %s %v fallback %v, want %v", i, got.Kind, got.Names, got.Fallback, want)
		}
		if got.Fingerprint != sum(leaf) || got.Subject != "CN="+want.names[0] || !strings.HasPrefix(got.Issuer, "CN=Drawbridge CA") {
			t.Errorf("entry %d: %s %s from %s", i, got.Fingerprint, got.Subject, got.Issuer)
		}
		if got.Serial != leaf.SerialNumber.Text(16) || !got.NotBefore.Equal(leaf.NotBefore) || !got.NotAfter.Equal(leaf.NotAfter) {
			t.Errorf("entry %d: serial or dates differ from the leaf's", i)
		}
		if got.MessageSize != len(leaf.Raw)+10 || got.MessageSize > 2048 {
			t.Errorf("entry %d: message of %d bytes for a leaf of %d", i, got.MessageSize, len(leaf.Raw))
		}
		if got.LastError != "" {
			t.Errorf("entry %d: %s", i, got.LastError)
		}
		twoThirds := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) * 2 / 3)
		if diff := got.Renewal.Sub(twoThirds); want.kind != "file" && (diff < 0 || diff.Seconds() > 2) {
			t.Errorf("entry %d is due at %v, want %v", i, got.Renewal, twoThirds)
		}
		if want.kind == "file" && !got.Renewal.IsZero() {
			t.Error("a file has a renewal")
		}
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	dir := t.TempDir()
	cert, key := rsaPair(t, openCA(t, dir), "file.test")
	_, otherKey := rsaPair(t, openCA(t, dir), "file.test")
	certFile, keyFile := write(t, dir, "f.pem", cert), write(t, dir, "f.key", key)
	acme := func(change func(*certs.ACME)) []certs.Entry {
		e := acmeDown("a.example.test")
		change(e.ACME)
		return []certs.Entry{e}
	}
	for name, tc := range map[string]struct {
		entries []certs.Entry
		want    string
	}{
		"nothing":           {nil, "at least one entry"},
		"an empty entry":    {[]certs.Entry{{}}, "certificates[0]: set exactly one"},
		"two kinds in one":  {[]certs.Entry{{LocalCA: &certs.LocalCA{Names: []string{"a"}}, File: &certs.File{}}}, "set exactly one"},
		"no names":          {[]certs.Entry{local("a"), local()}, "certificates[1]: local_ca: no names"},
		"ACME, address":     {acme(func(a *certs.ACME) { a.Names = []string{"10.0.0.1"} }), "cannot be validated"},
		"ACME, wildcard":    {acme(func(a *certs.ACME) { a.Names = []string{"*.example.test"} }), "cannot be validated"},
		"ACME, short name":  {acme(func(a *certs.ACME) { a.Names = []string{"bridge"} }), "cannot be validated"},
		"ACME, no names":    {acme(func(a *certs.ACME) { a.Names = nil }), "acme: no names"},
		"ACME, no answer":   {acme(func(a *certs.ACME) { a.HTTPAddress = "" }), "both challenges are off"},
		"ACME, port 0":      {acme(func(a *certs.ACME) { a.HTTPAddress = "127.0.0.1:0" }), "http: 127.0.0.1:0: port 0"},
		"ACME, no port":     {acme(func(a *certs.ACME) { a.TLSALPNAddress = "127.0.0.1" }), "tls_alpn: "},
		"ACME, bad service": {acme(func(a *certs.ACME) { a.HTTPAddress = ":nosuchservice" }), "http: "},
		"ACME, no CA file":  {acme(func(a *certs.ACME) { a.CAFile = filepath.Join(dir, "absent") }), "acme: ca: "},
		"ACME, bad CA file": {acme(func(a *certs.ACME) { a.CAFile = keyFile }), "a key and no certificate"},
		"file, absent":      {[]certs.Entry{files(filepath.Join(dir, "absent"), keyFile)}, "read certificate: "},
		"file, key absent":  {[]certs.Entry{files(certFile, filepath.Join(dir, "absent"))}, "read key: "},
		"file, other key":   {[]certs.Entry{files(certFile, write(t, dir, "o.key", otherKey))}, "belong together"},
		"file, passphrase": {[]certs.Entry{files(certFile, write(t, dir, "e.key",
			[]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")))}, "passphrase"},
		"file, huge": {[]certs.Entry{files(write(t, dir, "huge", make([]byte, 1<<20+1)), keyFile)}, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := certs.New(certs.Options{Dir: dir, Entries: tc.entries})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "AAAA") {
				t.Error("the error shows key material")
			}
		})
	}
}

func TestNew_FolderThatCannotBeMade(t *testing.T) {
	file := write(t, t.TempDir(), "file", nil)
	_, err := certs.New(certs.Options{Dir: filepath.Join(file, "below"), Entries: []certs.Entry{local("a.test")}})
	if err == nil || !strings.Contains(err.Error(), "certificates folder") {
		t.Errorf("got %v", err)
	}
}

func TestNew_FilesAloneMakeNoCA(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	cert, key := rsaPair(t, openCA(t, elsewhere), "file.test")
	newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{
		files(write(t, elsewhere, "f.pem", cert), write(t, elsewhere, "f.key", key)),
	}})
	made, err := os.ReadDir(dir)
	if err != nil || len(made) != 0 {
		t.Errorf("made %v, %v", made, err)
	}
}

func TestNew_WarnsOfLargeCertificates(t *testing.T) {
	log, logs := observed()
	var names []string
	for c := 'a'; c < 'z'; c++ {
		names = append(names, strings.Repeat(string(c), 60)+".example.test")
	}
	newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{local(names...)}, Logger: log})
	if said(logs, zap.WarnLevel, "large for small devices") != 1 {
		t.Errorf("said %v", logs.All())
	}
}

func BenchmarkGetCertificate(b *testing.B) {
	s := newSource(b, certs.Options{Dir: b.TempDir(), Entries: []certs.Entry{
		local("bridge.contoso.local", "10.20.0.5"), local("*.print.contoso.local"),
	}})
	for _, name := range []string{"", "bridge.contoso.local", "floor3.print.contoso.local", "unknown.contoso.local", "BRIDGE.contoso.local"} {
		b.Run("name="+name, func(b *testing.B) {
			hello := &tls.ClientHelloInfo{ServerName: name}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if cert, err := s.GetCertificate(hello); cert == nil || err != nil {
						b.Fail()
					}
				}
			})
		})
	}
}

func TestGetCertificate_DoesNotAllocate(t *testing.T) {
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{local("bridge.test", "*.wild.test")}})
	for _, name := range []string{"", "bridge.test", "a.wild.test", "other"} {
		hello := &tls.ClientHelloInfo{ServerName: name}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.GetCertificate(hello) }); n != 0 {
			t.Errorf("%q: %v allocations", name, n)
		}
	}
}

// Without an answer of the resolver, which is not asked here: ctx has ended.
func TestDefaultNames_MakeACertificate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	names := certs.DefaultNames(ctx)
	if !slices.Contains(names, "localhost") || !slices.Contains(names, "127.0.0.1") {
		t.Errorf("got %v", names)
	}
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{local(names...)}})
	if size := s.List()[0].MessageSize; size > 2048 {
		t.Errorf("a certificate message of %d bytes", size)
	}
}
