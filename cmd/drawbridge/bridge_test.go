package main

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/hello"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// loginForms are the ways to log in of each protocol, and what the record calls them.
var loginForms = map[sandbox.Protocol]map[sandbox.LoginForm]string{
	sandbox.IMAP: {
		sandbox.LoginQuoted: "LOGIN", sandbox.LoginLiteral: "LOGIN", sandbox.LibraryLogin: "LOGIN", sandbox.AuthPlain: "PLAIN",
		sandbox.AuthPlainAtOnce: "PLAIN", sandbox.AuthLogin: "AUTH-LOGIN", sandbox.AuthXOAUTH2: "XOAUTH2",
	},
	sandbox.POP3: {
		sandbox.UserPass: "USER", sandbox.AuthPlain: "PLAIN", sandbox.AuthPlainAtOnce: "PLAIN", sandbox.AuthLogin: "AUTH-LOGIN",
		sandbox.AuthXOAUTH2: "XOAUTH2",
	},
}

// deviceTLS is what a device of one TLS version can do.
type deviceTLS struct {
	version   uint16
	name      hello.Version
	suites    []uint16
	readiness hello.Readiness
}

var deviceVersions = []deviceTLS{
	{tls.VersionTLS10, hello.TLS10, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, hello.Legacy},
	{tls.VersionTLS11, hello.TLS11, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}, hello.Legacy},
	{tls.VersionTLS12, hello.TLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, hello.Legacy},
	{tls.VersionTLS13, hello.TLS13, nil, hello.Ready},
}

// everyDevice is the product of protocol, mode, version and login form.
func everyDevice() []sandbox.Device {
	var all []sandbox.Device
	for protocol, forms := range loginForms {
		for form := range forms {
			for _, startTLS := range []bool{false, true} {
				if startTLS && form == sandbox.LibraryLogin {
					continue // the library waits for a greeting, which came before STARTTLS
				}
				for _, v := range deviceVersions {
					n := len(all)
					d := sandbox.Device{
						Name: fmt.Sprintf("%s starttls=%t %s %s", protocol, startTLS, v.name, form), Protocol: protocol, STARTTLS: startTLS,
						MinTLS: v.version, MaxTLS: v.version, Suites: v.suites, Login: form, Account: fmt.Sprintf("device%d@contoso.example", n),
						Password: fmt.Sprintf("p\"ass\\ wörd %d", n), Mail: messageOf(n), Expect: sandbox.MailRead,
					}
					if form == sandbox.AuthXOAUTH2 {
						d.Password, d.Token, d.Account = "", fmt.Sprintf("token-%d", n), "token-"+d.Account
					}
					all = append(all, d)
				}
			}
		}
	}
	return all
}

func messageOf(n int) []byte {
	return fmt.Appendf(nil, "Subject: message %d\r\n\r\n.\r\n..two\r\n8 bit: \xe4\xf6\xfc\r\na1 OK {3}\r\n", n)
}

// TestBridge_EveryDeviceReadsItsMail sends every kind of device through one bridge: passwords to an upstream with
// STARTTLS, tokens to one with implicit TLS 1.3.
func TestBridge_EveryDeviceReadsItsMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	devices := everyDevice()
	must(t, w.exchange.Provision(devices))
	imap := w.listen(sandbox.ListenOptions{Protocol: sandbox.IMAP, STARTTLS: true})
	pop3 := w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3, STARTTLS: true})
	online := sandbox.ListenOptions{Personality: sandbox.TCPProxy, MinTLS: tls.VersionTLS13}
	imapOnline := w.listen(online)
	online.Protocol = sandbox.POP3
	pop3Online := w.listen(online)
	w.start(w.configure(bridgeConfig, "upstreams:\n"+
		w.upstream("on-premises", imap.Address(), pop3.Address(), "tls: starttls")+
		w.upstream("online", imapOnline.Address(), pop3Online.Address(), `min_version: "1.3"`, "limits: {queue: 30s}")+
		"rules:\n  - {match: {account: \"token-*\"}, upstream: online}\n"))
	for _, d := range devices {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			result, record := w.visit(t, d)
			if !result.OK() {
				t.Fatalf("the device's visit ended as %q (%v %s), want its mail", result.Outcome, result.Err, result.Refusal)
			}
			checkFacts(t, d, record)
		})
	}
}

// checkFacts holds a record against what the device is.
func checkFacts(t *testing.T, d sandbox.Device, s *inventory.Session) {
	t.Helper()
	v := deviceVersions[slices.IndexFunc(deviceVersions, func(v deviceTLS) bool { return v.version == d.MinTLS })]
	mode, upstream, rule, upstreamTLS := "implicit", "on-premises", "default", hello.TLS12
	if d.STARTTLS {
		mode = "starttls"
	}
	if d.Token != "" {
		upstream, rule, upstreamTLS = "online", "rules[0]", hello.TLS13
	}
	var blockers []hello.Blocker
	if v.version < tls.VersionTLS12 {
		blockers = append(blockers, "tls_version")
	}
	if v.suites != nil {
		blockers = append(blockers, "key_exchange")
	}
	if v.version == tls.VersionTLS12 && len(s.Hello.Signatures) == 0 {
		blockers = append(blockers, "signature")
	}
	if d.Token == "" {
		blockers = append(blockers, "password_login")
	}
	if d.STARTTLS {
		blockers = append(blockers, "starttls_port")
	}
	for _, fact := range []struct {
		name      string
		got, want any
	}{
		{"outcome", s.Outcome, inventory.OutcomeBridged},
		{"phase", s.Phase, inventory.PhaseRelay},
		{"ended_by", s.EndedBy, inventory.EndedByDevice},
		{"reason", s.Reason, ""},
		{"device", s.Device(), "127.0.0.1/" + d.Account},
		{"account", s.Account, d.Account},
		{"mailbox", s.Mailbox, d.Account},
		{"protocol", s.Protocol, string(d.Protocol)},
		{"tls_mode", s.TLSMode, mode},
		{"tls_version", s.TLS.Version, v.name},
		{"max_version", s.Hello.MaxVersion, v.name},
		{"readiness", s.Readiness(), v.readiness},
		{"blockers", fmt.Sprint(s.Blockers()), fmt.Sprint(blockers)},
		{"auth_mechanism", s.AuthMechanism, loginForms[d.Protocol][d.Login]},
		{"upstream", s.Upstream, upstream},
		{"upstream_tls_version", s.UpstreamTLS.Version, upstreamTLS},
		{"rules.upstream", s.Rules["upstream"], rule},
		{"a handshake that was completed", s.TLS.Completed && s.UpstreamTLS.Completed, true},
		{"bytes", s.BytesFromDevice > 0 && s.BytesToDevice > int64(len(d.Mail)), true},
	} {
		if fact.got != fact.want {
			t.Errorf("%s: got %v, want %v", fact.name, fact.got, fact.want)
		}
	}
	if len(v.suites) > 0 && s.TLS.Cipher != tls.CipherSuiteName(v.suites[0]) {
		t.Errorf("tls_cipher: got %s, want %s", s.TLS.Cipher, tls.CipherSuiteName(v.suites[0]))
	}
}

// TestBridge_HandsAnOwnTokenOn sees that a program's token reaches the upstream as it is, and that a refused one reads as
// bad credentials.
func TestBridge_HandsAnOwnTokenOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "orders@contoso.example", Tokens: []sandbox.Token{{Value: "right-token"}},
		Messages: [][]byte{messageOf(1)}})
	imap := w.listen(sandbox.ListenOptions{Personality: sandbox.TCPProxy})
	pop3 := w.listen(sandbox.ListenOptions{Personality: sandbox.TCPProxy, Protocol: sandbox.POP3})
	w.start(w.configure(bridgeConfig, "upstreams:\n"+w.upstream("online", imap.Address(), pop3.Address())))
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		d := sandbox.Device{Name: string(protocol), Protocol: protocol, MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10,
			Suites: deviceVersions[0].suites,
			Login:  sandbox.AuthXOAUTH2, Account: "orders@contoso.example", Token: "right-token", Mail: messageOf(1), Expect: sandbox.MailRead}
		if result, _ := w.visit(t, d); !result.OK() {
			t.Errorf("%s: right token: got %s (%v %s), want its mail", protocol, result.Outcome, result.Err, result.Refusal)
		}
	}
	for _, l := range w.exchange.Log().Logins() {
		if l.Mechanism != "XOAUTH2" || l.Token != "right-token" || l.User != "orders@contoso.example" {
			t.Errorf("upstream login %+v, want the device's own token by XOAUTH2", l)
		}
	}
	wrong := sandbox.Device{Name: "wrong", Protocol: sandbox.IMAP, MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10,
		Suites: deviceVersions[0].suites,
		Login:  sandbox.AuthXOAUTH2, Account: "orders@contoso.example", Token: "wrong-token", Expect: sandbox.Refused, Reads: "NO " +
			"[AUTHENTICATIONFAILED] Wrong name or password"}
	result, record := w.visit(t, wrong)
	if !result.OK() || record.Outcome != inventory.OutcomeLoginFailed {
		t.Errorf("wrong token: the device read %q, outcome %s, want bad credentials", result.Refusal, record.Outcome)
	}
	if record.Account != "" || !strings.HasSuffix(record.Device(), "/-") {
		t.Errorf("wrong token: account %q, device %q: a stranger must not become a device", record.Account, record.Device())
	}
}
