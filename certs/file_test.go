package certs_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/certs"
)

// filed is a running Source with one file entry for before.test.
type filed struct {
	*certs.Source
	dir, cert, key string
	ca             *certs.CA
	logs           *observer.ObservedLogs
	before         string // fingerprint at start
}

func newFiled(t *testing.T, poll time.Duration) *filed {
	t.Helper()
	f := &filed{dir: t.TempDir(), ca: openCA(t, t.TempDir())}
	cert, key := rsaPair(t, f.ca, "before.test")
	f.cert, f.key = write(t, f.dir, "bridge.pem", cert), write(t, f.dir, "bridge.key", key)
	f.run(t, poll)
	return f
}

func (f *filed) run(t *testing.T, poll time.Duration) {
	t.Helper()
	log, logs := observed()
	f.logs = logs
	f.Source = newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{files(f.cert, f.key)}, Logger: log, Poll: poll})
	f.before = f.List()[0].Fingerprint
	start(t, f.Source)
}

func (f *filed) changed() bool { return f.List()[0].Fingerprint != f.before }

// check looks at what is served after the files of name have come.
func (f *filed) check(t *testing.T, name string) {
	t.Helper()
	facts := f.List()[0]
	if len(facts.Names) != 1 || facts.Names[0] != name || facts.LastError != "" {
		t.Errorf("serves %v with error %q, want %s", facts.Names, facts.LastError, name)
	}
	c, _ := connect(t, serve(t, f.Source), device{sni: name, verify: name, roots: poolOf(f.ca.Certificate()), config: oldTLS()})
	c.Close()
}

func TestFiles_WrittenInPlaceWithoutDroppingASession(t *testing.T) {
	f := newFiled(t, time.Hour)
	session, _ := connect(t, serve(t, f.Source), device{config: oldTLS()})
	defer session.Close()
	cert, key := rsaPair(t, f.ca, "after.test")
	write(t, f.dir, "bridge.pem", cert)
	write(t, f.dir, "bridge.key", key)
	until(t, "the new files", f.changed)
	f.check(t, "after.test")
	echoes(t, session, "still here")
	if said(f.logs, zap.InfoLevel, "read again") != 1 || f.logs.FilterLevelExact(zap.ErrorLevel).Len() != 0 {
		t.Errorf("said %v", f.logs.All())
	}
}

func TestFiles_Renamed(t *testing.T) {
	f := newFiled(t, time.Hour)
	cert, key := rsaPair(t, f.ca, "after.test")
	for file, data := range map[string][]byte{f.cert: cert, f.key: key} {
		if err := os.Rename(write(t, f.dir, "new", data), file); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the renamed files", f.changed)
	f.check(t, "after.test")
}

// As the kubelet does it: bridge.pem -> ..data/bridge.pem, and ..data is swapped.
func TestFiles_KubernetesSwap(t *testing.T) {
	f := &filed{dir: t.TempDir(), ca: openCA(t, t.TempDir())}
	generation := func(name, host string) {
		folder := filepath.Join(f.dir, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		cert, key := rsaPair(t, f.ca, host)
		write(t, folder, "bridge.pem", cert)
		write(t, folder, "bridge.key", key)
		if err := os.Symlink(name, filepath.Join(f.dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(f.dir, "..tmp"), filepath.Join(f.dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	generation("..1", "before.test")
	f.cert, f.key = filepath.Join(f.dir, "bridge.pem"), filepath.Join(f.dir, "bridge.key")
	for _, file := range []string{f.cert, f.key} {
		if err := os.Symlink(filepath.Join("..data", filepath.Base(file)), file); err != nil {
			t.Fatal(err)
		}
	}
	f.run(t, time.Hour)
	generation("..2", "after.test")
	until(t, "the swapped files", f.changed)
	f.check(t, "after.test")
}

// Where a link leads to a folder that did not exist when watching began, the poll is what finds the change.
func TestFiles_FoundByPoll(t *testing.T) {
	f := &filed{dir: t.TempDir(), ca: openCA(t, t.TempDir())}
	cert, key := rsaPair(t, f.ca, "before.test")
	middle, far := t.TempDir(), t.TempDir()
	f.key = write(t, f.dir, "bridge.key", key)
	target := write(t, far, "bridge.pem", cert)
	if err := os.Symlink(target, filepath.Join(middle, "link.pem")); err != nil {
		t.Fatal(err)
	}
	f.cert = filepath.Join(f.dir, "bridge.pem")
	if err := os.Symlink(filepath.Join(middle, "link.pem"), f.cert); err != nil {
		t.Fatal(err)
	}
	f.run(t, 20*time.Millisecond)
	cert, key = rsaPair(t, f.ca, "after.test")
	write(t, f.dir, "bridge.key", key)
	if err := os.Rename(write(t, middle, "new", cert), filepath.Join(middle, "link.pem")); err != nil {
		t.Fatal(err)
	}
	until(t, "the changed link", f.changed)
	f.check(t, "after.test")
}

func TestFiles_BadOnesKeepTheCertificateBefore(t *testing.T) {
	f := newFiled(t, 10*time.Millisecond)
	failed := func() bool { return f.List()[0].LastError != "" }
	mended := func() bool { return f.List()[0].LastError == "" }
	good, err := os.ReadFile(f.cert)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"nonsense": func() error { return os.WriteFile(f.cert, []byte("nonsense"), 0o600) },
		"cut":      func() error { return os.Truncate(f.cert, 100) },
		"gone":     func() error { return os.Remove(f.cert) },
		"another's": func() error {
			other, _ := rsaPair(t, f.ca, "other.test")
			return os.WriteFile(f.cert, other, 0o600)
		},
	} {
		before := said(f.logs, zap.ErrorLevel, "mend the files")
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		until(t, name+": an error", failed)
		if f.changed() {
			t.Errorf("%s: the certificate before is not served", name)
		}
		if n := said(f.logs, zap.ErrorLevel, "mend the files") - before; n == 0 {
			t.Errorf("%s: not told", name)
		}
		write(t, f.dir, "bridge.pem", good)
		until(t, name+": the good file", mended)
	}
	for _, entry := range f.logs.All() {
		if bytes.Contains([]byte(entry.Message), []byte("PRIVATE")) {
			t.Error("a log line shows key material")
		}
	}
}

// A fault that stays is told once, not at every poll.
func TestFiles_LastingFaultIsToldOnce(t *testing.T) {
	f := newFiled(t, 5*time.Millisecond)
	if err := os.Remove(f.cert); err != nil {
		t.Fatal(err)
	}
	until(t, "an error", func() bool { return f.List()[0].LastError != "" })
	cert, key := rsaPair(t, f.ca, "after.test")
	write(t, f.dir, "bridge.key", key)
	write(t, f.dir, "bridge.pem", cert)
	until(t, "the new files", f.changed)
	if n := said(f.logs, zap.ErrorLevel, "mend the files"); n > 2 { // absent, and perhaps half-written
		t.Errorf("told %d times", n)
	}
}

func TestFiles_WarnsOfWhatDevicesCannotUse(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	expired, early, plain := template("a.test"), template("a.test"), template("a.test")
	expired.NotAfter = time.Now().Add(-time.Minute)
	early.NotBefore = time.Now().Add(time.Minute)
	plain.DNSNames = nil
	for name, tc := range map[string]struct {
		pair func() (certificate, key []byte)
		want string
	}{
		"ECDSA":       {func() ([]byte, []byte) { return ecdsaPair(t, "a.test") }, "ECDSA key"},
		"Ed25519":     {func() ([]byte, []byte) { return ed25519Pair(t, "a.test") }, "neither RSA nor ECDSA"},
		"expired":     {func() ([]byte, []byte) { return selfSigned(t, private, expired) }, "has expired"},
		"early":       {func() ([]byte, []byte) { return selfSigned(t, private, early) }, "not valid yet"},
		"common name": {func() ([]byte, []byte) { return selfSigned(t, private, plain) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cert, key := tc.pair()
			log, logs := observed()
			s := newSource(t, certs.Options{Dir: dir, Logger: log, Entries: []certs.Entry{
				files(write(t, dir, "a.pem", cert), write(t, dir, "a.key", key)),
			}})
			if s.List()[0].Names[0] != "a.test" {
				t.Errorf("names %v", s.List()[0].Names)
			}
			warnings := logs.FilterLevelExact(zap.WarnLevel)
			if tc.want == "" && warnings.Len() != 0 || tc.want != "" && said(logs, zap.WarnLevel, tc.want) != 1 {
				t.Errorf("said %v, want %q", warnings.All(), tc.want)
			}
		})
	}
}

// A chain is sent as the file has it.
func TestFiles_ChainIsSent(t *testing.T) {
	dir := t.TempDir()
	ca := openCA(t, t.TempDir())
	cert, key := rsaPair(t, ca, "a.test")
	root, err := ca.Export("pem")
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{
		files(write(t, dir, "a.pem", append(cert, root...)), write(t, dir, "a.key", key)),
	}})
	c, _ := connect(t, serve(t, s), device{config: oldTLS()})
	defer c.Close()
	chain := c.ConnectionState().PeerCertificates
	if len(chain) != 2 || !chain[1].Equal(ca.Certificate()) {
		t.Errorf("sent %d certificates", len(chain))
	}
	if want := 7 + 3 + len(chain[0].Raw) + 3 + len(chain[1].Raw); s.List()[0].MessageSize != want {
		t.Errorf("message size %d, want %d", s.List()[0].MessageSize, want)
	}
}

// The local CA's leaf goes alone.
func TestLocal_LeafIsSentAlone(t *testing.T) {
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{local("a.test")}})
	c, _ := connect(t, serve(t, s), device{config: oldTLS()})
	defer c.Close()
	if chain := c.ConnectionState().PeerCertificates; len(chain) != 1 {
		t.Errorf("sent %d certificates, want the leaf alone", len(chain))
	}
}
