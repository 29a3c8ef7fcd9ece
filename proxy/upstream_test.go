package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/internal/hello"
	"drawbridge/proxy/internal/tlstest"
	"drawbridge/proxy/login"
)

// greeted dials and reads the greeting, by which TLS 1.3 tickets come too.
func greeted(t *testing.T, u *Upstream) (Dialled, error) {
	t.Helper()
	var d Dialled
	c, err := u.Dial(t.Context(), "imap", &d)
	if err != nil {
		return d, err
	}
	defer func() { _ = c.Close() }()
	if line, err := c.ReadLine(login.MaxReply); err != nil || string(line) != "+OK ready" {
		t.Errorf("the greeting is %q, %v", line, err)
	}
	if !c.Secure() {
		t.Error("the connection is not secure")
	}
	return d, nil
}

func TestUpstream_Verified(t *testing.T) {
	root := tlstest.NewAuthority(t)
	cert := root.Issue(t, "mail.test", inAnHour())
	for _, c := range []struct {
		name   string
		server func(*tls.Config)
		adjust func(*UpstreamOptions)
		want   hello.Version
	}{
		{"1.3 preferred", func(*tls.Config) {}, func(*UpstreamOptions) {}, hello.TLS13},
		{"1.2 taken", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, func(*UpstreamOptions) {}, hello.TLS12},
		{"1.3 only", func(*tls.Config) {}, func(o *UpstreamOptions) { o.TLS13Only = true }, hello.TLS13},
		{"another server name", func(*tls.Config) {}, func(o *UpstreamOptions) {
			o.Addresses["imap"] = strings.Replace(o.Addresses["imap"], "mail.test", "elsewhere.test", 1)
			o.ServerName = "mail.test"
		}, hello.TLS13},
		{"by address", func(*tls.Config) {}, func(o *UpstreamOptions) {
			o.Addresses["imap"] = strings.Replace(o.Addresses["imap"], "mail.test", "127.0.0.1", 1)
			o.Resolve = nil
		}, hello.TLS13},
		{"without time-outs", func(*tls.Config) {}, func(o *UpstreamOptions) { o.DialTimeout, o.LoginTimeout = 0, 0 }, hello.TLS13},
	} {
		cfg := serverConfig(cert)
		c.server(cfg)
		m := newMailHost(t, "127.0.0.1", 0, cfg)
		o := upstreamTo(m.port(), root.Pool, "127.0.0.1")
		c.adjust(&o)
		d, err := greeted(t, NewUpstream(o))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d.TLS.Version != c.want || !d.TLS.Completed || d.TLS.Resumed || d.TLS.Cipher == "" || d.TLS.Engine != "standard" {
			t.Errorf("%s: the record says %+v", c.name, d.TLS)
		}
		if want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(m.port())); d.Address != want {
			t.Errorf("%s: the address is %s, want %s", c.name, d.Address, want)
		}
	}
}

func TestUpstream_ResumesAcrossDialsAndProtocols(t *testing.T) {
	root := tlstest.NewAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := serverConfig(root.Issue(t, "mail.test", inAnHour()))
		cfg.MaxVersion = version
		m := newMailHost(t, "127.0.0.1", 0, cfg)
		u := NewUpstream(upstreamTo(m.port(), root.Pool, "127.0.0.1"))
		for dial, want := range []bool{false, true, true} {
			d, err := greeted(t, u)
			if err != nil || d.TLS.Resumed != want {
				t.Errorf("%s, dial %d: resumed %t, %v, want %t", tls.VersionName(version), dial, d.TLS.Resumed, err, want)
			}
		}
		m.close()
		if !m.states[1].DidResume {
			t.Errorf("%s: the server saw no resumption", tls.VersionName(version))
		}
	}
}

// dialFails dials and checks what is said of it.
func dialFails(t *testing.T, name string, o UpstreamOptions, step, says string) {
	t.Helper()
	var d Dialled
	c, err := NewUpstream(o).Dial(t.Context(), "imap", &d)
	var e *DialError
	switch {
	case err == nil:
		_ = c.Close()
		t.Errorf("%s: the dial succeeded", name)
	case !errors.As(err, &e) || e.Step != step || !strings.Contains(e.Error(), says) || !strings.Contains(e.Error(), "upstream mail"):
		t.Errorf("%s: got %#v: %v\nwant step %s and %q", name, err, err, step, says)
	case d.TLS.Completed:
		t.Errorf("%s: the record says that TLS completed: %+v", name, d)
	}
}

func TestUpstream_NoByteOfACredentialToWhoCannotProveItself(t *testing.T) {
	root, stranger := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	small := tlstest.NewKeyOf(t, 1024)
	smallRoot := tlstest.NewAuthorityOf(t, small, x509.SHA256WithRSA)
	sha1Root := tlstest.NewAuthorityOf(t, tlstest.SharedKey(), x509.SHA1WithRSA)
	trust := func(a *tlstest.Authority) func(*UpstreamOptions) {
		return func(o *UpstreamOptions) { o.Roots = a.Pool }
	}
	in12 := func(cert *tls.Certificate) *tls.Config {
		cfg := serverConfig(cert)
		cfg.MaxVersion = tls.VersionTLS12
		return cfg
	}
	good := root.Issue(t, "mail.test", inAnHour())
	limited := func(maximum uint16) *tls.Config {
		cfg := serverConfig(good)
		cfg.MaxVersion = maximum
		return cfg
	}
	for _, c := range []struct {
		name   string
		cfg    *tls.Config
		adjust func(*UpstreamOptions)
		step   string
		says   string
	}{
		{"self-signed", serverConfig(&tls.Certificate{Certificate: [][]byte{stranger.Cert.Raw}, PrivateKey: stranger.Key}), nil, StepCert,
			"certificate"},
		{"unknown root", serverConfig(stranger.Issue(t, "mail.test", inAnHour())), nil, StepCert, "upstreams.mail.ca"},
		{"system roots only", serverConfig(good), func(o *UpstreamOptions) { o.Roots = nil }, StepCert, "upstreams.mail.ca"},
		{"expired", serverConfig(root.Issue(t, "mail.test", time.Now().Add(-time.Minute))), nil, StepCert, "expired"},
		{"wrong name", serverConfig(root.Issue(t, "other.test", inAnHour())), nil, StepCert, "upstreams.mail.server_name"},
		{"wrong server_name", serverConfig(good), func(o *UpstreamOptions) { o.ServerName = "imap.example" }, StepCert, "not for imap.example"},
		{"TLS 1.1 only", limited(tls.VersionTLS11), nil, StepTLS, "TLS 1.2 or newer"},
		{"TLS 1.0 only", limited(tls.VersionTLS10), nil, StepTLS, "TLS 1.2 or newer"},
		{"1.2 only where 1.3 is asked for", limited(tls.VersionTLS12), func(o *UpstreamOptions) { o.TLS13Only = true }, StepTLS, "TLS 1.3"},
		{"plain text", nil, nil, StepTLS, "mail"},
		{"RSA of 1,024 bits", serverConfig(root.IssueOf(t, "mail.test", small, x509.SHA256WithRSA)), nil, StepCert, "RSA key of 1024 bits"},
		{"RSA of 1,024 bits in 1.2", in12(root.IssueOf(t, "mail.test", small, x509.SHA256WithRSA)), nil, StepCert, "RSA key of 1024 bits"},
		{"RSA of 2,040 bits", serverConfig(root.IssueOf(t, "mail.test", tlstest.NewKeyOf(t, 2040), x509.SHA256WithRSA)), nil, StepCert,
			"RSA key of 2040 bits"},
		{"root of 1,024 bits", serverConfig(smallRoot.Issue(t, "mail.test", inAnHour())), trust(smallRoot), StepCert, "RSA key of 1024 bits"},
		{"signed by SHA-1", serverConfig(root.IssueOf(t, "mail.test", tlstest.SharedKey(), x509.SHA1WithRSA)), nil, StepCert, "SHA1-RSA"},
		{"signed by SHA-1, in 1.2", in12(root.IssueOf(t, "mail.test", tlstest.SharedKey(), x509.SHA1WithRSA)), nil, StepCert, "SHA1-RSA"},
		{"trusted, self-signed by SHA-1", serverConfig(sha1Root.Own()), trust(sha1Root), StepCert, "SHA1-RSA"},
		{"trusted, self-signed, 1,024 bits", serverConfig(smallRoot.Own()), trust(smallRoot), StepCert, "RSA key of 1024 bits"},
	} {
		m := newMailHost(t, "127.0.0.1", 0, c.cfg)
		o := upstreamTo(m.port(), root.Pool, "127.0.0.1")
		if c.adjust != nil {
			c.adjust(&o)
		}
		dialFails(t, c.name, o, c.step, c.says)
		heard := m.application()
		if c.cfg == nil && !strings.HasPrefix(heard, "\x16") || c.cfg != nil && heard != "" {
			t.Errorf("%s: the upstream was sent %q", c.name, heard)
		}
	}
}

func TestUpstream_RootsOwnSignatureBySHA1ProvesNothingAndIsTaken(t *testing.T) {
	root := tlstest.NewAuthorityOf(t, tlstest.NewKey(t), x509.SHA1WithRSA)
	m := newMailHost(t, "127.0.0.1", 0, serverConfig(root.Issue(t, "mail.test", inAnHour())))
	u := NewUpstream(upstreamTo(m.port(), root.Pool, "127.0.0.1"))
	for dial := range 2 { // the second resumes
		if d, err := greeted(t, u); err != nil || d.TLS.Resumed != (dial == 1) {
			t.Errorf("dial %d: %v, resumed %t", dial, err, d.TLS.Resumed)
		}
	}
}

func TestUpstream_CertificateIsNoReasonToLookElsewhere(t *testing.T) {
	root, stranger := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	var hellos atomic.Int32
	cfg := serverConfig(stranger.Issue(t, "mail.test", inAnHour()))
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		hellos.Add(1)
		return nil, nil
	}
	first := newMailHost(t, "127.0.0.1", 0, cfg)
	second := newMailHost(t, "127.0.0.2", first.port(), cfg)
	dialFails(t, "both unverified", upstreamTo(first.port(), root.Pool, "127.0.0.1", "127.0.0.2"), StepCert, "unknown authority")
	if heard := first.application() + second.application(); heard != "" || hellos.Load() != 1 {
		t.Errorf("%d hellos were sent and %q, want one hello", hellos.Load(), heard)
	}
}

func TestUpstream_ServerThatChoosesTLS11AllTheSame(t *testing.T) {
	m := newRawHost(t, "127.0.0.1", 0, chooses11)
	dialFails(t, "1.1 chosen", upstreamTo(m.port(), nil, "127.0.0.1"), StepTLS, "TLS 1.2 or newer")
	if heard := m.application(); strings.Contains(heard, "\x17\x03") {
		t.Errorf("application data was sent: %q", heard)
	}
}

func TestUpstream_TriesTheNextAddressAfterAReset(t *testing.T) {
	root := tlstest.NewAuthority(t)
	bad := newRawHost(t, "127.0.0.1", 0, resets)
	good := newMailHost(t, "127.0.0.2", bad.port(), serverConfig(root.Issue(t, "mail.test", inAnHour())))
	d, err := greeted(t, NewUpstream(upstreamTo(bad.port(), root.Pool, "127.0.0.1", "127.0.0.2")))
	if err != nil || d.Address.Addr() != netip.MustParseAddr("127.0.0.2") || good.visits() != 1 || bad.visits() != 1 {
		t.Errorf("got %+v, %v, %d and %d visits", d, err, bad.visits(), good.visits())
	}
	dialFails(t, "all reset", upstreamTo(bad.port(), root.Pool, "127.0.0.1"), StepTLS, "broke the TLS handshake off")
}

func TestUpstream_TriesTheNextAddressWhereOneRefuses(t *testing.T) {
	root := tlstest.NewAuthority(t)
	good := newMailHost(t, "127.0.0.3", 0, serverConfig(root.Issue(t, "mail.test", inAnHour())))
	began := time.Now()
	d, err := greeted(t, NewUpstream(upstreamTo(good.port(), root.Pool, "127.0.0.1", "::1", "127.0.0.3")))
	if err != nil || d.Address.Addr() != netip.MustParseAddr("127.0.0.3") {
		t.Errorf("got %+v, %v", d, err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	dialFails(t, "all refuse", upstreamTo(good.port(), root.Pool, "127.0.0.1", "127.0.0.2"), StepTCP, "refuses connections")
}

func TestUpstream_DialsTheNextAddressBesideASilentOne(t *testing.T) {
	root := tlstest.NewAuthority(t)
	// The handshake decides only when TCP has: an address that is silent in TCP is one whose packets are dropped.
	good := newMailHost(t, "127.0.0.2", 0, serverConfig(root.Issue(t, "mail.test", inAnHour())))
	full(t, "127.0.0.1", good.port())
	began := time.Now()
	d, err := greeted(t, NewUpstream(upstreamTo(good.port(), root.Pool, "127.0.0.1", "127.0.0.2")))
	took := time.Since(began)
	if err != nil || d.Address.Addr() != netip.MustParseAddr("127.0.0.2") || took < dialDelay || took > patience/2 {
		t.Errorf("got %+v, %v after %s", d, err, took)
	}
	o := upstreamTo(good.port(), root.Pool, "127.0.0.1")
	o.DialTimeout = 300 * time.Millisecond
	dialFails(t, "silent", o, StepTCP, "upstreams.mail.dial_timeout: 300ms")
}

func TestUpstream_SilenceAfterTCPEndsWithTheDialsTime(t *testing.T) {
	m := newRawHost(t, "127.0.0.1", 0, func(m *mailHost, c net.Conn) { m.hear(c) })
	o := upstreamTo(m.port(), nil, "127.0.0.1")
	o.DialTimeout = 100 * time.Millisecond
	dialFails(t, "silent in TLS", o, StepTLS, "dial_timeout: 100ms")

	root := tlstest.NewAuthority(t)
	cert := root.Issue(t, "mail.test", inAnHour())
	m = newRawHost(t, "127.0.0.1", 0, func(m *mailHost, c net.Conn) { m.hear(tls.Server(c, serverConfig(cert))) })
	o = upstreamTo(m.port(), root.Pool, "127.0.0.1")
	o.DialTimeout = 300 * time.Millisecond
	c, err := NewUpstream(o).Dial(t.Context(), "imap", &Dialled{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.ReadLine(login.MaxReply); !login.IsTimeout(err) {
		t.Errorf("a greeting that does not come: %v", err)
	}
	_ = c.Close()
}

func TestUpstream_NameThatCannotBeResolved(t *testing.T) {
	o := upstreamTo(993, nil)
	o.Resolve = func(context.Context, string, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "mail.test", IsNotFound: true}
	}
	dialFails(t, "no such host", o, StepDNS, "mail.test")
}

func TestUpstream_NameWithoutAnAddress(t *testing.T) {
	o := upstreamTo(993, nil)
	o.Resolve = func(context.Context, string, string) ([]netip.Addr, error) { return nil, nil }
	dialFails(t, "no address", o, StepDNS, "mail.test")
}

func TestUpstream_FamilyIsAskedFor(t *testing.T) {
	for family, want := range map[string]string{"": "ip", "any": "ip", "ipv4": "ip4", "ipv6": "ip6"} {
		var asked []string
		o := upstreamTo(993, nil)
		o.Family = family
		o.Resolve = func(_ context.Context, network, host string) ([]netip.Addr, error) {
			asked = append(asked, network, host)
			return nil, errors.New("enough")
		}
		if _, err := NewUpstream(o).Dial(t.Context(), "imap", &Dialled{}); err == nil {
			t.Fatal("dialled nothing")
		}
		if !slices.Equal(asked, []string{want, "mail.test"}) {
			t.Errorf("family %q: %q was asked for", family, asked)
		}
	}
}

func TestUpstream_InterleavesFamilies(t *testing.T) {
	parse := func(s string) (all []netip.Addr) {
		for a := range strings.FieldsSeq(s) {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	for from, want := range map[string]string{
		"":                                  "",
		"10.0.0.1":                          "10.0.0.1",
		"2001:db8::1 2001:db8::2 10.0.0.1":  "2001:db8::1 10.0.0.1 2001:db8::2",
		"10.0.0.1 10.0.0.2 2001:db8::1":     "10.0.0.1 2001:db8::1 10.0.0.2",
		"::ffff:10.0.0.1 2001:db8::1":       "10.0.0.1 2001:db8::1",
		"10.0.0.1 10.0.0.2 ::ffff:10.0.0.3": "10.0.0.1 10.0.0.2 10.0.0.3",
	} {
		if got := interleave(parse(from)); !slices.Equal(got, parse(want)) {
			t.Errorf("%s: got %v, want %s", from, got, want)
		}
	}
}

func TestUpstream_WhatItHasNoAddressFor(t *testing.T) {
	o := upstreamTo(993, nil, "127.0.0.1")
	if _, err := NewUpstream(o).Dial(t.Context(), "pop3", &Dialled{}); err == nil || !strings.Contains(err.Error(), "upstreams.mail.pop3") {
		t.Errorf("got %v", err)
	}
	o.Addresses["imap"] = "no-port"
	if _, err := NewUpstream(o).Dial(t.Context(), "imap", &Dialled{}); err == nil {
		t.Error("an address without a port was dialled")
	}
	u := NewUpstream(o)
	if u.Name() != "mail" || u.Turns() != nil {
		t.Errorf("got %q, %v", u.Name(), u.Turns())
	}
}

func TestUpstream_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := upstreamTo(993, nil, "127.0.0.1")
	o.Resolve = func(context.Context, string, string) ([]netip.Addr, error) {
		cancel()
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	if _, err := NewUpstream(o).Dial(ctx, "imap", &Dialled{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUpstream_LeavesNeitherGoroutinesNorFiles(t *testing.T) {
	root := tlstest.NewAuthority(t)
	good := newMailHost(t, "127.0.0.2", 0, serverConfig(root.Issue(t, "mail.test", inAnHour())))
	bad := newRawHost(t, "127.0.0.3", good.port(), resets)
	full(t, "127.0.0.1", good.port())
	if _, err := greeted(t, NewUpstream(upstreamTo(good.port(), root.Pool, "127.0.0.2"))); err != nil {
		t.Fatal(err) // opens what stays open, such as the poller
	}
	before, running := descriptors(), goleak.IgnoreCurrent()
	for range 2 {
		if _, err := greeted(t, NewUpstream(upstreamTo(good.port(), root.Pool, "127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.2"))); err != nil {
			t.Error(err)
		}
		dialFails(t, "strange", upstreamTo(good.port(), x509.NewCertPool(), "127.0.0.1", "127.0.0.2"), StepCert, "ca")
		dialFails(t, "reset", upstreamTo(good.port(), root.Pool, "127.0.0.3"), StepTLS, "broke")
	}
	good.close()
	bad.close()
	goleak.VerifyNone(t, running)
	if after := descriptors(); after > before {
		t.Errorf("%d files were open before and %d are after", before, after)
	}
}

func TestUpstream_STARTTLS(t *testing.T) {
	root, stranger := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	for _, c := range []struct {
		name, extra string
		cert        *tls.Certificate
		check       func(error) bool
	}{
		{"good", "", root.Issue(t, "mail.test", inAnHour()), func(err error) bool { return err == nil }},
		{"unverified", "", stranger.Issue(t, "mail.test", inAnHour()), func(err error) bool {
			var e *DialError
			return errors.As(err, &e) && e.Step == StepCert
		}},
		{"injected", "+OK injected\r\n", root.Issue(t, "mail.test", inAnHour()), func(err error) bool {
			return errors.Is(err,
				login.ErrInjected)
		}},
	} {
		m := newRawHost(t, "127.0.0.1", 0, startsTLS(serverConfig(c.cert), c.extra))
		o := upstreamTo(m.port(), root.Pool, "127.0.0.1")
		o.StartTLS = true
		var d Dialled
		k, err := NewUpstream(o).Dial(t.Context(), "imap", &d)
		if err != nil || k.Secure() || !k.CanStartTLS() {
			t.Fatalf("%s: %v", c.name, err)
		}
		err = startOver(k)
		if !c.check(err) || k.Secure() != (err == nil) || d.TLS.Completed != (err == nil) {
			t.Errorf("%s: got %v, secure %t, record %+v", c.name, err, k.Secure(), d.TLS)
		}
		_ = k.Close()
		if heard := m.application(); heard != "" {
			t.Errorf("%s: the upstream was sent %q", c.name, heard)
		}
	}
}

// startOver is what a Login does before it logs in.
func startOver(k *login.Conn) error {
	if _, err := k.ReadLine(login.MaxReply); err != nil {
		return err
	}
	if err := k.WriteString("STLS\r\n"); err != nil {
		return err
	}
	if _, err := k.ReadLine(login.MaxReply); err != nil {
		return err
	}
	return k.StartTLS(context.Background(), "")
}

// TestUpstream_SaysWhatWouldHelp: a server_name that the certificate cannot carry would not, nor would Go's words.
func TestUpstream_SaysWhatWouldHelp(t *testing.T) {
	u := NewUpstream(upstreamTo(993, nil, "127.0.0.1"))
	nameless := x509.HostnameError{Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "mail.test"}}, Host: "mail.test"}
	unreachable := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 993},
		Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	noSuch := &net.DNSError{Err: "no such host", Name: "mail.test", Server: "10.0.0.1:53", IsNotFound: true}
	u.o.Resolve = func(context.Context, string, string) ([]netip.Addr, error) { return nil, noSuch }
	_, lookup := u.Lookup(t.Context(), "imap")
	for want, err := range map[string]error{
		"carries no names (subjectAltName) but its common name":                                     u.tlsError(&tls.CertificateVerificationError{Err: nameless}, "mail.test"),
		"cannot be reached at mail.test:993 (network is unreachable): check this machine's network": u.tcpError(unreachable, "mail.test", "993"),
		"check the name and this machine's DNS (no such host)":                                      lookup,
	} {
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "server_name") {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}
