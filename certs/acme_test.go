package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/zap"

	"drawbridge/certs"
	"drawbridge/internal/secret"
)

// pebble is a real ACME server. Its validators look names up at a name server of the test's own, which knows every name at
// 127.0.0.1, and connect to the ports given to newPebble.
type pebble struct {
	*httptest.Server
	root   *x509.Certificate
	caFile string
}

type pebbleOptions struct {
	httpPort, tlsPort int
	address           string // to listen on; "": any
	customer          string // the one external account that may register, with customerKey; "": anybody
	life              time.Duration
}

func newPebble(t *testing.T, o pebbleOptions) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_AUTHZREUSE", "0") // every order is validated
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {ValidityPeriod: uint64(o.life / time.Second)}}
	authority := ca.New(quiet, store, "", "rsa", 0, 1, profiles)
	validator := va.New(quiet, o.httpPort, o.tlsPort, true, nameServer(t), store)
	front := wfe.New(quiet, store, validator, authority, []string{"pebble.test"}, true, o.customer != "", 1, 1)
	if o.customer != "" {
		if err := store.AddExternalAccountKeyByID(o.customer, customerKey); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(front.Handler())
	server.Config.ErrorLog = quiet
	if o.address != "" {
		server.Listener.Close()
		ln, err := net.Listen("tcp", o.address)
		if err != nil {
			t.Fatal(err)
		}
		server.Listener = ln
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	p := &pebble{Server: server, root: authority.GetRootCert(0).Cert}
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	p.caFile = write(t, t.TempDir(), "directory-ca.pem", own)
	return p
}

func (p *pebble) directory() string { return p.URL + wfe.DirectoryPath }

// customerKey has characters in which the alphabets of base64 differ, and would be padded.
const customerKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12-_w"

// nameServer answers over TCP, as Pebble asks.
func nameServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			reply.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			}}
		}
		_ = w.WriteMsg(reply)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown(); ln.Close(); <-done })
	return ln.Addr().String()
}

// freeAddress is one on loopback that nobody listened on a moment ago.
func freeAddress(t *testing.T) (address string, port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String(), ln.Addr().(*net.TCPAddr).Port
}

func issued(s *certs.Source) func() bool {
	return func() bool { return !s.List()[0].Fallback }
}

func TestACME(t *testing.T) {
	for name, tc := range map[string]struct{ http, alpn bool }{
		"HTTP-01":     {http: true},
		"TLS-ALPN-01": {alpn: true},
		"both":        {http: true, alpn: true},
	} {
		t.Run(name, func(t *testing.T) {
			httpAddress, httpPort := freeAddress(t)
			alpnAddress, alpnPort := freeAddress(t)
			p := newPebble(t, pebbleOptions{httpPort: httpPort, tlsPort: alpnPort})
			entry := &certs.ACME{
				Names: []string{"bridge.contoso.test", "mail.contoso.test"}, Email: "it@contoso.test",
				Directory: p.directory(), CAFile: p.caFile,
			}
			if tc.http {
				entry.HTTPAddress = httpAddress
			}
			if tc.alpn {
				entry.TLSALPNAddress = alpnAddress
			}
			log, logs := observed()
			o := certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{{ACME: entry}, local("second.test")}, Logger: log}
			s := newSource(t, o)
			stop := start(t, s)
			until(t, "a certificate of Pebble", issued(s))
			stop()
			if n := logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 0 {
				t.Errorf("said %v", logs.All())
			}
			closed(t, httpAddress)
			closed(t, alpnAddress)
			checkACME(t, s, p)

			again := newSource(t, o)
			if again.List()[0].Serial != s.List()[0].Serial || again.List()[0].Fallback {
				t.Error("a restart does not find the certificate")
			}
		})
	}
}

func TestACME_ExternalAccount(t *testing.T) {
	padded := strings.NewReplacer("-", "+", "_", "/").Replace(customerKey) + "=="
	for name, c := range map[string]struct {
		account *certs.ExternalAccount
		says    string // "": issued
	}{
		"as the service gave it":  {&certs.ExternalAccount{ID: "customer-1", Key: secret.New(customerKey)}, ""},
		"in the other alphabet":   {&certs.ExternalAccount{ID: "customer-1", Key: secret.New(padded)}, ""},
		"none":                    {nil, "write the id and key that it gave you into acme.external_account"},
		"another customer":        {&certs.ExternalAccount{ID: "customer-2", Key: secret.New(customerKey)}, "does not take"},
		"another customer's key":  {&certs.ExternalAccount{ID: "customer-1", Key: secret.New("c29tZXRoaW5nIGVsc2U")}, "does not take"},
		"a key that is no base64": {&certs.ExternalAccount{ID: "customer-1", Key: secret.New("#canary#")}, "base64"},
	} {
		t.Run(name, func(t *testing.T) {
			address, port := freeAddress(t)
			p := newPebble(t, pebbleOptions{httpPort: port, customer: "customer-1"})
			log, logs := observed()
			s := newSource(t, certs.Options{Dir: t.TempDir(), Logger: log, Entries: []certs.Entry{{ACME: &certs.ACME{
				Names: []string{"bridge.contoso.test"}, Directory: p.directory(), CAFile: p.caFile, HTTPAddress: address, External: c.account,
			}}}})
			stop := start(t, s)
			defer stop()
			if c.says == "" {
				until(t, "a certificate of Pebble", issued(s))
				return
			}
			until(t, "a refusal", func() bool { return s.List()[0].LastError != "" })
			said := s.List()[0].LastError
			if !strings.Contains(said, c.says) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
			if text := said + fmt.Sprint(logs.All()); strings.Contains(text, customerKey) || strings.Contains(text, "canary") {
				t.Errorf("the key is told: %s", text)
			}
		})
	}
}

// checkACME looks at a Source whose first entry, for bridge.contoso.test and mail.contoso.test, Pebble has issued.
func checkACME(t *testing.T, s *certs.Source, p *pebble) {
	t.Helper()
	addr := serve(t, s)
	for sni, verify := range map[string]string{
		"": "bridge.contoso.test", "bridge.contoso.test": "bridge.contoso.test",
		"mail.contoso.test": "mail.contoso.test", "unknown.test": "mail.contoso.test",
	} {
		for _, config := range []*tls.Config{oldTLS(), newTLS()} {
			c, leaf := connect(t, addr, device{sni: sni, verify: verify, roots: poolOf(p.root), config: config})
			echoes(t, c, "hello")
			c.Close()
			if leaf.PublicKeyAlgorithm != x509.RSA || len(leaf.DNSNames) != 2 {
				t.Errorf("leaf has a key of %v and names %v", leaf.PublicKeyAlgorithm, leaf.DNSNames)
			}
		}
	}
}

// closed fails if someone listens on address.
func closed(t *testing.T, address string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		c.Close()
		t.Errorf("%s is open although no order is under way", address)
	}
}

func TestACME_DirectoryDownThenUp(t *testing.T) {
	directory, _ := freeAddress(t)
	challenge, port := freeAddress(t)
	caFile := filepath.Join(t.TempDir(), "later.pem")
	// httptest's certificate is the same for every server of the process.
	early := httptest.NewTLSServer(nil)
	write(t, filepath.Dir(caFile), "later.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: early.Certificate().Raw}))
	early.Close()
	dir := t.TempDir()
	log, logs := observed()
	s := newSource(t, certs.Options{Dir: dir, Logger: log, Retry: 50 * time.Millisecond, Entries: []certs.Entry{{ACME: &certs.ACME{
		Names: []string{"bridge.contoso.test", "mail.contoso.test"}, Directory: "https://" + directory + wfe.DirectoryPath,
		CAFile: caFile, HTTPAddress: challenge,
	}}}})
	start(t, s)
	until(t, "a failed order", func() bool { return s.List()[0].LastError != "" })
	if !s.List()[0].Fallback || said(logs, zap.ErrorLevel, "cannot be renewed") == 0 {
		t.Error("the failure is not told")
	}
	addr := serve(t, s)
	for _, name := range []string{"bridge.contoso.test", "mail.contoso.test"} {
		c, _ := connect(t, addr, device{verify: name, roots: poolOf(openCA(t, dir).Certificate()), config: oldTLS()})
		c.Close()
	}
	p := newPebble(t, pebbleOptions{httpPort: port, address: directory})
	until(t, "a certificate of Pebble", issued(s))
	if told := s.List()[0].LastError; told != "" {
		t.Errorf("the error is still told: %s", told)
	}
	checkACME(t, s, p)
}

func TestACME_RenewsWithoutDroppingASession(t *testing.T) {
	challenge, port := freeAddress(t)
	p := newPebble(t, pebbleOptions{httpPort: port, life: 5 * time.Second})
	s := newSource(t, certs.Options{Dir: t.TempDir(), Retry: 100 * time.Millisecond, Entries: []certs.Entry{{ACME: &certs.ACME{
		Names: []string{"bridge.contoso.test"}, Directory: p.directory(), CAFile: p.caFile, HTTPAddress: challenge,
	}}}})
	start(t, s)
	until(t, "a certificate of Pebble", issued(s))
	before := s.List()[0].Serial
	addr := serve(t, s)
	session, _ := connect(t, addr, device{config: oldTLS()})
	defer session.Close()
	until(t, "a renewal", func() bool { return s.List()[0].Serial != before })
	echoes(t, session, "still here")
	c, leaf := connect(t, addr, device{config: oldTLS()})
	c.Close()
	if leaf.SerialNumber.Text(16) == before {
		t.Error("a new handshake gets the certificate before")
	}
}

// A validation that must fail: nobody can reach the challenge, for Pebble calls another port.
func TestACME_RefusedOrderKeepsTheLocalCertificate(t *testing.T) {
	challenge, _ := freeAddress(t)
	_, elsewhere := freeAddress(t)
	p := newPebble(t, pebbleOptions{httpPort: elsewhere, tlsPort: elsewhere})
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{{ACME: &certs.ACME{
		Names: []string{"bridge.contoso.test"}, Directory: p.directory(), CAFile: p.caFile, HTTPAddress: challenge,
	}}}})
	start(t, s)
	until(t, "a failed order", func() bool { return s.List()[0].LastError != "" })
	if !s.List()[0].Fallback {
		t.Error("issued without validation")
	}
}

// One address is taken by another program: the order goes through by the other.
func TestACME_OneChallengeAddressTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	alpnAddress, alpnPort := freeAddress(t)
	p := newPebble(t, pebbleOptions{httpPort: alpnPort, tlsPort: alpnPort})
	log, logs := observed()
	s := newSource(t, certs.Options{Dir: t.TempDir(), Logger: log, Entries: []certs.Entry{{ACME: &certs.ACME{
		Names: []string{"bridge.contoso.test"}, Directory: p.directory(), CAFile: p.caFile,
		HTTPAddress: net.JoinHostPort("localhost", port(taken)), TLSALPNAddress: alpnAddress,
	}}}})
	start(t, s)
	until(t, "a certificate of Pebble", issued(s))
	if said(logs, zap.WarnLevel, "cannot be opened") == 0 {
		t.Error("the taken address is not told")
	}
}

func TestACME_NoChallengeAddressFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := newPebble(t, pebbleOptions{httpPort: 1, tlsPort: 1})
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{{ACME: &certs.ACME{
		Names: []string{"bridge.contoso.test"}, Directory: p.directory(), CAFile: p.caFile, HTTPAddress: taken.Addr().String(),
	}}}})
	start(t, s)
	until(t, "a failed order", func() bool { return s.List()[0].LastError != "" })
	if told := s.List()[0].LastError; !slices.Contains([]string{"address already in use"}, told[max(0, len(told)-22):]) {
		t.Errorf("told %q", told)
	}
}

// Run ends while a directory that never answers is being asked.
func TestACME_StopsWhileTheDirectoryHangs(t *testing.T) {
	stopWhileTheDirectoryHangs(t)
}

// stopWhileTheDirectoryHangs returns how long that took.
func stopWhileTheDirectoryHangs(t *testing.T) (took time.Duration) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	challenge, _ := freeAddress(t)
	s := newSource(t, certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{{ACME: &certs.ACME{
		Names: []string{"bridge.contoso.test"}, Directory: "https://" + ln.Addr().String(), HTTPAddress: challenge,
	}}}})
	stop := start(t, s)
	asked, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	began := time.Now()
	stop()
	took = time.Since(began)
	closed(t, challenge)
	return took
}

func port(ln net.Listener) string {
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}
