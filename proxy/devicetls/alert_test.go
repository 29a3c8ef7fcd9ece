package devicetls

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy/internal/tlstest"
	"drawbridge/proxy/limits"
)

func TestAlert_NamesAreReadFromTheEnginesErrors(t *testing.T) {
	for description, name := range alertNames {
		if description == AlertCloseNotify {
			continue
		}
		remote := fmt.Errorf("wrapped: %w", &net.OpError{Op: "remote error", Err: tls.AlertError(description)})
		local := &net.OpError{Op: "local error", Err: tls.AlertError(description)}
		if tls.AlertError(description).Error() == fmt.Sprintf("tls: alert(%d)", description) {
			continue // crypto/tls has no words for it
		}
		if got := ReceivedAlert(remote); got != name {
			t.Errorf("alert %d was received: got %q, want %q", description, got, name)
		}
		if got := localAlert(local); got != name {
			t.Errorf("alert %d was sent: got %q, want %q", description, got, name)
		}
		if ReceivedAlert(local) != "" || localAlert(remote) != "" {
			t.Errorf("alert %d: sent and received are taken for each other", description)
		}
	}
	for _, err := range []error{nil, io.EOF, &net.OpError{Op: "read"}, &net.OpError{Op: "remote error", Err: io.EOF}} {
		if got := ReceivedAlert(err); got != "" {
			t.Errorf("%v: got %q, want none", err, got)
		}
	}
	if got := AlertName(200); got != "alert_200" {
		t.Errorf("an alert without a name is %q", got)
	}
}

func TestAlert_RecordVersionIsTheHellosMaximumAtMost12(t *testing.T) {
	for max, want := range map[hello.Version]uint16{0: v10, hello.SSL2: versionSSL3, hello.SSL3: versionSSL3, hello.TLS10: v10,
		hello.TLS11: v11, hello.TLS12: v12, hello.TLS13: v12} {
		if got := RecordVersion(&hello.Hello{MaxVersion: max}); got != want {
			t.Errorf("maximum %s: record of version %#04x, want %#04x", max, got, want)
		}
	}
	if got := RecordVersion(nil); got != v10 {
		t.Errorf("without a hello: record of version %#04x, want 1.0", got)
	}
}

func TestAlert_SentencesSayWhatToDo(t *testing.T) {
	h := &hello.Hello{MaxVersion: hello.TLS11, ALPN: []string{"h2"}}
	for _, c := range []struct {
		info inventory.TLS
		err  error
		want string
	}{
		{inventory.TLS{AlertReceived: "unknown_ca"}, io.EOF, "certs export"},
		{inventory.TLS{AlertReceived: "bad_certificate"}, io.EOF, "certs export"},
		{inventory.TLS{AlertReceived: "certificate_expired"}, io.EOF, "clock"},
		{inventory.TLS{AlertReceived: "record_overflow"}, io.EOF, "give the certificate fewer names"},
		{inventory.TLS{AlertReceived: "decrypt_error"}, io.EOF, "decrypt_error"},
		{inventory.TLS{AlertSent: alertAppProto}, io.EOF, "h2"},
		{inventory.TLS{AlertSent: alertIllegal}, errors.New("tls: invalid client key share"), "not allow (invalid client key share): update"},
		{inventory.TLS{AlertReceived: "handshake_failure"}, io.EOF, "after this bridge had chosen among what it offers"},
		{inventory.TLS{}, &net.OpError{Op: "read", Net: "tcp", Err: syscall.EHOSTUNREACH}, "failed (no route to host)"},
		{inventory.TLS{}, os.ErrDeadlineExceeded, "limits.handshake_timeout"},
		{inventory.TLS{}, io.EOF, "closed the connection"},
		{inventory.TLS{}, syscall.ECONNRESET, "closed the connection"},
		{inventory.TLS{}, errors.New("tls: something new"), "failed (something new)"},
	} {
		e := handshakeError(c.err, c.info, h, 0)
		if !strings.Contains(e.Error(), c.want) || !errors.Is(e, c.err) {
			t.Errorf("%+v, %v: %q, want %q in it", c.info, c.err, e, c.want)
		}
	}
	for name, sentence := range receivedMeaning {
		if len(sentence) < 30 || strings.Contains(sentence, "tls:") {
			t.Errorf("%s: %q", name, sentence)
		}
	}
}

func TestAlert_ReceivedFromADeviceThatDoesNotTrustTheBridge(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	stranger := tlstest.NewAuthority(t)
	for _, version := range []uint16{v10, v11, v12, v13} {
		cfg := tlstest.ClientOf(t, version, ecdheAES)
		cfg.RootCAs = stranger.Pool
		if _, err := g.visit(t, cfg); err == nil {
			t.Fatal("the device trusts a stranger")
		}
		r := g.result(t)
		if r.info.AlertReceived != "bad_certificate" || r.info.AlertSent != "" || r.info.Completed || r.info.Engine != engineOfTheBook {
			t.Errorf("%s: the record says %+v", tls.VersionName(version), r.info)
		}
		if r.info.Certificate == "" {
			t.Errorf("%s: the certificate that it does not take is not on record", tls.VersionName(version))
		}
		var e *TLSError
		if !errors.As(r.err, &e) || !strings.Contains(e.Sentence, "certs export") {
			t.Errorf("%s: the reason is %v", tls.VersionName(version), r.err)
		}
	}
}

// damaged changes the last byte of what is written second.
type damaged struct {
	net.Conn
	writes int
}

func (d *damaged) Write(p []byte) (int, error) {
	if d.writes++; d.writes == 2 {
		p = bytes.Clone(p)
		p[len(p)-1] ^= 1
	}
	return d.Conn.Write(p)
}

func TestAlert_SentInsideTheHandshakesOwnEncryption(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	for _, version := range []uint16{v10, v11, v12, v13} {
		c := tls.Client(&damaged{Conn: g.dial(t)}, tlstest.ClientOf(t, version, ecdheAES))
		err := c.Handshake()
		if err == nil { // in TLS 1.3 the client learns it later
			_, err = c.Read(make([]byte, 1))
		}
		if err == nil {
			t.Fatal("a damaged Finished was taken")
		}
		if r := g.result(t); r.info.AlertSent != "bad_record_mac" || r.info.AlertReceived != "" || r.info.Completed {
			t.Errorf("%s: the record says %+v, %v", tls.VersionName(version), r.info, r.err)
		}
	}
}

func TestAlert_DeviceThatLeavesOrFallsSilentInTheHandshake(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	c := g.dial(t)
	if _, err := c.Write(legacyOf(v10).bytes()); err != nil {
		t.Fatal(err)
	}
	if got := readAnswer(t, c); !got.done {
		t.Fatalf("got %+v", got)
	}
	_ = c.Close()
	if r := g.result(t); !strings.Contains(fmt.Sprint(r.err), "closed the connection during the handshake") || r.info.AlertReceived != "" {
		t.Errorf("got %+v, %v", r.info, r.err)
	}

	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	go func() {
		_, _ = ours.Write(legacyOf(v10).bytes())
		_, _ = io.Copy(io.Discard, ours)
	}()
	w := NewWire(theirs, inventorySource, nil)
	_ = w.SetDeadline(time.Now().Add(50 * time.Millisecond))
	h, err := w.PeekHello()
	if err != nil {
		t.Fatal(err)
	}
	_, info, err := NewStandardTerminator(legacyProfile(t))(context.Background(), w, h)
	if !strings.Contains(fmt.Sprint(err), "fell silent") || info.Completed {
		t.Errorf("got %+v, %v", info, err)
	}
}

// TestAlert_DeviceThatHadToWaitIsNotBlamed: neither for its silence in the time that was left, nor for giving up.
func TestAlert_DeviceThatHadToWaitIsNotBlamed(t *testing.T) {
	for name, device := range map[string]func(net.Conn){
		"silent": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"closes": func(c net.Conn) { time.Sleep(4 * time.Second); _ = c.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			slots := limits.NewSlots(1, nil)
			taken, err := slots.Acquire(t.Context(), netip.MustParseAddr("10.0.0.9"))
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(4*time.Second, func() { slots.Release(taken) })
			ours, theirs := net.Pipe()
			go func() {
				_, _ = ours.Write(legacyOf(v10).bytes())
				device(ours)
			}()
			w := NewWire(theirs, inventorySource, slots)
			_ = w.SetDeadline(time.Now().Add(5 * time.Second))
			h, err := w.PeekHello()
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = NewStandardTerminator(legacyProfile(t))(t.Context(), w, h)
			if !strings.Contains(fmt.Sprint(err), "the device waited 4s for its handshake's turn") {
				t.Errorf("%s: %v", name, err)
			}
			_ = ours.Close()
		})
	}
}

// TestClassify_CiphersIsNamedWhereItHelps and nowhere else.
func TestClassify_CiphersIsNamedWhereItHelps(t *testing.T) {
	const idea = 0x0007 // TLS_RSA_WITH_IDEA_CBC_SHA, which nothing here has
	for suite, want := range map[uint16]string{rsaAES: "; set listeners[].ciphers to legacy", idea: ", which no setting of this bridge adds"} {
		p := legacyProfile(t)
		modern(&p)
		_, refused := classify(p.permit(handHello{version: v12, suites: list16(suite)}.parse(t)))
		if refused == nil || !strings.Contains(refused.Sentence, want) {
			t.Errorf("suite %04x: %v, want %q", suite, refused, want)
		}
	}
}

// needOpenSSL finds the program, or skips the test.
func needOpenSSL(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("openssl is missing")
	}
	t.Skip("openssl is not installed")
	return ""
}

// openssl runs s_client against g with what is a real device's library, and returns what it prints.
func (g *gate) openssl(t *testing.T, args ...string) string {
	t.Helper()
	_, root := tlstest.DeviceLeaf(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args = append([]string{"s_client", "-connect", g.address, "-cipher", "ALL:@SECLEVEL=0", "-CAfile", pemFile(t, root.Cert.Raw),
		"-verify_return_error"}, args...)
	cmd := exec.CommandContext(ctx, needOpenSSL(t), args...)
	cmd.Stdin = strings.NewReader("Q\n")
	out, _ := cmd.CombinedOutput() // how it exits, the output tells better
	if ctx.Err() != nil {
		t.Fatalf("openssl %v does not end: %s", args, out)
	}
	return string(out)
}

func pemFile(t *testing.T, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, pemOf(der), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTerminator_OpenSSL(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		version hello.Version
		cipher  string // part of it
	}{
		{"1.0", []string{"-tls1"}, hello.TLS10, "ECDHE_RSA"},
		{"1.0 RSA", []string{"-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"}, hello.TLS10, "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{"1.1", []string{"-tls1_1"}, hello.TLS11, "ECDHE_RSA"},
		{"1.2", []string{"-tls1_2"}, hello.TLS12, "ECDHE_RSA"},
		{"1.2 SHA-1 only", []string{"-tls1_2", "-sigalgs", "RSA+SHA1"}, hello.TLS12, "TLS_RSA_WITH_"},
		{"1.2 SHA-1 only, ECDHE only, 1.1 allowed", []string{"-no_tls1_3", "-sigalgs", "RSA+SHA1", "-cipher",
			"ECDHE-RSA-AES128-SHA:@SECLEVEL=0"}, hello.TLS11, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
		{"1.3", nil, hello.TLS13, "TLS_AES_"},
		{"1.3 without PSS", []string{"-sigalgs", "RSA+SHA256"}, hello.TLS12, "ECDHE_RSA"},
		{"1.3 with SHA-1 only", []string{"-sigalgs", "RSA+SHA1"}, hello.TLS12, "TLS_RSA_WITH_"},
		{"1.3 without a common group", []string{"-groups", "X448"}, hello.TLS12, "TLS_RSA_WITH_"},
		{"ALPN imap", []string{"-tls1_2", "-alpn", "h2,imap"}, hello.TLS12, "ECDHE_RSA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(t, legacyProfile(t))
			out := g.openssl(t, c.args...)
			r := g.result(t)
			if r.err != nil || !r.info.Completed || r.info.Version != c.version || !strings.Contains(r.info.Cipher, c.cipher) {
				t.Errorf("got %+v, %v, want %s with %s; openssl says:\n%s", r.info, r.err, c.version, c.cipher, out)
			}
			if !strings.Contains(out, "Verify return code: 0 (ok)") && !strings.Contains(out, "Verification: OK") {
				t.Errorf("openssl does not say that the certificate verifies:\n%s", out)
			}
		})
	}
}

func TestTerminator_OpenSSLResumesInASteeredClass(t *testing.T) {
	g := newGate(t, legacyProfile(t))
	kept := filepath.Join(t.TempDir(), "session")
	first := g.openssl(t, "-tls1_2", "-sigalgs", "RSA+SHA1", "-sess_out", kept)
	if r := g.result(t); r.err != nil || r.info.Resumed {
		t.Fatalf("got %+v, %v; openssl says:\n%s", r.info, r.err, first)
	}
	second := g.openssl(t, "-tls1_2", "-sigalgs", "RSA+SHA1", "-sess_in", kept)
	if r := g.result(t); r.err != nil || !r.info.Resumed || !strings.Contains(second, "Reused") {
		t.Errorf("got %+v, %v; openssl says:\n%s", r.info, r.err, second)
	}
}

func TestTerminator_OpenSSLFails(t *testing.T) {
	stranger := tlstest.NewAuthority(t)
	for _, c := range []struct {
		name           string
		args           []string
		profile        func(*Profile)
		sent, received string
		prints         string
	}{
		{"unknown CA", []string{"-tls1_2", "-CAfile", pemFile(t, stranger.Cert.Raw)}, nil, "", "unknown_ca", "verify error"},
		{"unknown CA at 1.0", []string{"-tls1", "-CAfile", pemFile(t, stranger.Cert.Raw)}, nil, "", "unknown_ca", "verify error"},
		{"unknown CA at 1.3", []string{"-CAfile", pemFile(t, stranger.Cert.Raw)}, nil, "bad_record_mac", "unknown_ca", "verify error"},
		{"fallback", []string{"-tls1_1", "-fallback_scsv"}, nil, alertFallback, "", "inappropriate fallback"},
		{"version", []string{"-tls1"}, from12, alertVersion, "", "alert protocol version"},
		{"suite", []string{"-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"}, modern, alertNoSuite, "", "alert handshake failure"},
		{"DHE only", []string{"-tls1", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"}, nil, alertNoSuite, "", "alert handshake failure"},
		{"ALPN", []string{"-alpn", "h2"}, nil, alertAppProto, "", "no application protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := legacyProfile(t)
			if c.profile != nil {
				c.profile(&p)
			}
			g := newGate(t, p)
			out := g.openssl(t, c.args...)
			r := g.result(t)
			if r.err == nil || r.info.AlertSent != c.sent || r.info.AlertReceived != c.received || r.info.Completed {
				t.Errorf("got %+v, %v; openssl says:\n%s", r.info, r.err, out)
			}
			if !strings.Contains(out, c.prints) {
				t.Errorf("openssl does not say %q:\n%s", c.prints, out)
			}
		})
	}
}
