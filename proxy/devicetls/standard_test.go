package devicetls

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/proxy/internal/tlstest"
)

func TestTerminator_EveryVersionAndSuite(t *testing.T) {
	gates := map[string]*gate{}
	profiles := map[string]func(*Profile){"legacy": func(*Profile) {}, "modern": modern,
		"min 1.1": func(p *Profile) { p.MinVersion = v11 }, "min 1.2": from12, "min 1.3": from13}
	for name, adjust := range profiles {
		p := legacyProfile(t)
		adjust(&p)
		gates[name] = newGate(t, p)
	}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if strings.Contains(s.Name, "_ECDSA_") {
			continue
		}
		for _, version := range s.SupportedVersions {
			for name, g := range gates {
				p := Profile{MinVersion: v10, Suites: LegacySuites()}
				profiles[name](&p)
				expectVisit(t, fmt.Sprintf("%s at %s with %s", name, tls.VersionName(version), s.Name), g, p, version, s)
			}
		}
	}
}

func expectVisit(t *testing.T, name string, g *gate, p Profile, version uint16, s *tls.CipherSuite) {
	t.Helper()
	state, err := g.visit(t, tlstest.ClientOf(t, version, s.ID))
	r := g.result(t)
	want := ""
	switch {
	case version < p.MinVersion:
		want = alertVersion
	case version != v13 && !slices.Contains(p.Suites, s.ID):
		want = alertNoSuite
	}
	if want != "" {
		if err == nil || r.err == nil || r.info.AlertSent != want || r.info.Completed || r.info.Engine != "" {
			t.Errorf("%s: got %+v, %v, %v, want the alert %s", name, r.info, r.err, err, want)
		}
		return
	}
	if err != nil || r.err != nil {
		t.Errorf("%s: %v, %v", name, err, r.err)
		return
	}
	cipher := s.Name
	if version == v13 { // the client cannot choose
		cipher = tls.CipherSuiteName(state.CipherSuite)
	}
	if got := r.info; got.Cipher != cipher || got.Version != hello.Version(version) || !got.Completed || got.Engine != engineOfTheBook ||
		got.AlertSent != "" || got.AlertReceived != "" || got.Resumed || (got.Group == "") != rsaKeyExchange(s.ID) {
		t.Errorf("%s: the record says %+v", name, got)
	}
}

func TestTerminator_HellosMadeByHand(t *testing.T) {
	for _, c := range helloCases {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(t, c.profileFor(t))
			conn := g.dial(t)
			if _, err := conn.Write(c.hello.bytes()); err != nil {
				t.Fatal(err)
			}
			got := readAnswer(t, conn)
			_ = conn.Close()
			r := g.result(t)
			if got.alert != c.alert || got.version != c.version || got.suite != c.suite {
				t.Fatalf("got %+v, want alert %q, version %#04x, suite %s", got, c.alert, c.version, hello.SuiteName(c.suite))
			}
			if c.record != 0 && got.record != c.record {
				t.Errorf("the alert came in a record of version %#04x, want %#04x", got.record, c.record)
			}
			if c.alert != r.info.AlertSent || c.alert == "" && !got.done {
				t.Errorf("the record says %q was sent, the wire %q", r.info.AlertSent, c.alert)
			}
			if c.says != "" && (r.err == nil || !strings.Contains(r.err.Error(), c.says)) {
				t.Errorf("the reason is %v, want %q in it", r.err, c.says)
			}
		})
	}
}

func TestTerminator_AlertToSSLv2Format(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	conn := g.dial(t)
	if _, err := conn.Write(sslv2Hello(v10)); err != nil {
		t.Fatal(err)
	}
	if got := readAnswer(t, conn); got.alert != alertNoSuite || got.record != v10 {
		t.Errorf("got %+v, want handshake_failure in a record of 1.0", got)
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("after the alert came %q, %v: want the end of the stream, not a reset", rest, err)
	}
	if r := g.result(t); r.info.AlertSent != alertNoSuite || r.info.Engine != "" {
		t.Errorf("the record says %+v", r.info)
	}
}

func TestTerminator_CertificateShownIsOnRecord(t *testing.T) {
	leaf, _ := tlstest.DeviceLeaf(t)
	sum := sha256.Sum256(leaf.Certificate[0])
	g := newGate(t, legacyProfile(t))
	for _, version := range []uint16{v10, v12, v13} {
		if _, err := g.visit(t, tlstest.ClientOf(t, version, ecdheAES)); err != nil {
			t.Fatal(err)
		}
		if got := g.result(t).info; got.Certificate != hex.EncodeToString(sum[:]) || got.Group == "" {
			t.Errorf("the record says %+v, want the certificate %x and a group", got, sum)
		}
	}
}

func TestTerminator_Resumes(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	for _, version := range []uint16{v10, v11, v12, v13} {
		cfg := tlstest.ClientOf(t, version, ecdheAES)
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for visit, want := range []bool{false, true, true} {
			state, err := g.visit(t, cfg)
			if err != nil {
				t.Fatal(err)
			}
			got := g.result(t).info
			if state.DidResume != want || got.Resumed != want || !got.Completed || got.Version != hello.Version(version) {
				t.Errorf("%s, visit %d: device %t, record %+v, want resumed %t", tls.VersionName(version), visit, state.DidResume, got, want)
			}
			if (got.Certificate == "") != want {
				t.Errorf("%s, visit %d: certificate %q on record, but resumed is %t", tls.VersionName(version), visit, got.Certificate, want)
			}
		}
	}
}

// TestStandard_TicketKeysOutliveAProfile: a device resumes over a change of what its listener accepts.
func TestStandard_TicketKeysOutliveAProfile(t *testing.T) {
	p := legacyProfile(t)
	engine := NewStandard(p, nil)
	cfg := tlstest.ClientOf(t, v12, ecdheAES)
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for visit, want := range []bool{false, true, true, false} {
		switch visit {
		case 2:
			p.Suites = append([]uint16{rsaAES}, p.Suites...)
			engine = NewStandard(p, engine)
		case 3:
			engine = NewStandard(p, nil) // another process
		}
		ours, theirs := tlstest.TCPPair(t)
		done := make(chan error, 1)
		go func() { done <- terminateOn(NewTerminator(p, engine), theirs, nil) }()
		_ = ours.SetDeadline(time.Now().Add(patience))
		c := tls.Client(ours, cfg)
		if err := errors.Join(c.Handshake(), <-done); err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().DidResume; got != want {
			t.Errorf("visit %d: resumed %t, want %t", visit, got, want)
		}
		_ = ours.Close()
	}
}

func TestTerminator_CertificateThatCannotBeHad(t *testing.T) {
	p := legacyProfile(t)
	p.Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("no certificate yet") }
	g := newGate(t, p)
	if _, err := g.visit(t, tlstest.ClientOf(t, v10, rsaAES)); err == nil {
		t.Fatal("a handshake without a certificate completed")
	}
	if r := g.result(t); r.info.AlertSent != "internal_error" || r.info.Certificate != "" || !strings.Contains(fmt.Sprint(r.err),
		"no certificate yet") {
		t.Errorf("got %+v, %v", r.info, r.err)
	}
}

func TestProve_HandshakeOfAListenerWithItself(t *testing.T) {
	for _, c := range []struct {
		name    string
		device  uint16
		profile func(*Profile)
		fails   bool
	}{{"1.0", v10, func(*Profile) {}, false}, {"below the lowest version", v10, from12, true}} {
		p := legacyProfile(t)
		c.profile(&p)
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- SelfTest(p, theirs)
			_ = theirs.Close()
		}()
		device := tls.Client(ours, tlstest.ClientOf(t, c.device, rsaAES))
		err := device.Handshake()
		if proved := <-done; (proved != nil) != c.fails || (err != nil) != c.fails {
			t.Errorf("%s: Prove says %v, the device %v", c.name, proved, err)
		}
		_ = ours.Close()
	}
}

func BenchmarkHandshake(b *testing.B) {
	g := newGate(b, legacyProfile(b))
	cfg := tlstest.ClientOf(b, v10, rsaAES)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.visit(b, cfg); err != nil {
			b.Fatal(err)
		}
		_ = g.result(b)
	}
}
