package main

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// unavailable is how each protocol's device reads that its mail is not to be had now.
var unavailable = map[sandbox.Protocol]string{
	sandbox.IMAP: "NO [UNAVAILABLE] Service unavailable, please wait a few minutes and try again",
	sandbox.POP3: "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again",
}

// oldDevice is a TLS 1.0 device that logs in with a password in the plainest way of its protocol.
func oldDevice(protocol sandbox.Protocol, account, password string) sandbox.Device {
	form := sandbox.LoginQuoted
	if protocol == sandbox.POP3 {
		form = sandbox.UserPass
	}
	return sandbox.Device{Name: account, Protocol: protocol, MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10,
		Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, Login: form, Account: account, Password: password, Expect: sandbox.MailRead}
}

func refusedAs(d sandbox.Device, reads string) sandbox.Device {
	d.Expect, d.Reads = sandbox.Refused, reads
	return d
}

// secretForms are the shapes in which a login carries its secret on a wire.
func secretForms(account, secret string) []string {
	encode := base64.StdEncoding.EncodeToString
	plain := []byte("\x00" + account + "\x00" + secret)
	return []string{secret, encode([]byte(secret)), encode(plain), encode([]byte(account + "\x00" + account + "\x00" + secret)),
		encode([]byte("user=" + account + "\x01auth=Bearer " + secret + "\x01\x01"))}
}

// badServers are mail servers that no credential may reach, and what the record says of each.
var badServers = []struct {
	name, reason string
	listen       sandbox.ListenOptions
	more         string // of the upstream
}{
	{name: "self-signed", listen: sandbox.ListenOptions{Certificate: sandbox.SelfSignedCertificate},
		reason: "unknown authority: name its root in upstreams.%s.ca"},
	{name: "expired", listen: sandbox.ListenOptions{Certificate: sandbox.ExpiredCertificate}, reason: "expired"},
	{name: "wrong-name", listen: sandbox.ListenOptions{Certificate: sandbox.WrongNameCertificate},
		reason: "is not for 127.0.0.1: set upstreams.%s.server_name"},
	{name: "unknown-ca", reason: "unknown authority: name its root in upstreams.%s.ca", more: `ca: ""`},
	{name: "other-name-wanted", reason: "upstreams.%s.server_name", more: "server_name: mail.contoso.example"},
	{name: "tls-1.1-only", listen: sandbox.ListenOptions{MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS11},
		reason: "does not speak TLS 1.2 or newer"},
	{name: "tls-1.2-only", reason: "does not speak TLS 1.3", more: `min_version: "1.3"`},
}

// TestUpstream_ThatCannotBeTrustedGetsNoCredential leads devices to mail servers with a bad certificate or an old TLS.
func TestUpstream_ThatCannotBeTrustedGetsNoCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	upstreams, rules := "upstreams:\n", "rules:\n"
	for _, bad := range badServers {
		for _, mode := range []string{"implicit", "starttls"} {
			name := bad.name + "-" + mode
			imap, pop3 := bad.listen, bad.listen
			imap.Protocol, pop3.Protocol = sandbox.IMAP, sandbox.POP3
			imap.STARTTLS, pop3.STARTTLS = mode == "starttls", mode == "starttls"
			if imap.MaxTLS != 0 && imap.MaxTLS < tls.VersionTLS12 {
				imap.MaxTLS, pop3.MaxTLS = tls.VersionTLS11, tls.VersionTLS11
				imap.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
				pop3.CipherSuites = imap.CipherSuites
			}
			more := []string{"tls: " + mode}
			if bad.more != "" {
				more = append(more, bad.more)
			}
			upstreams += w.upstream(name, w.listen(imap).Address(), w.listen(pop3).Address(), more...)
			rules += fmt.Sprintf("  - {match: {account: \"%s@*\"}, upstream: %s}\n", name, name)
		}
	}
	w.start(w.configure(bridgeConfig, upstreams+rules))
	for _, bad := range badServers {
		for _, mode := range []string{"implicit", "starttls"} {
			for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
				name := bad.name + "-" + mode
				t.Run(name+"/"+string(protocol), func(t *testing.T) {
					t.Parallel()
					w.getsNoCredential(t, protocol, name, bad.reason)
				})
			}
		}
	}
}

func (w *world) getsNoCredential(t *testing.T, protocol sandbox.Protocol, upstream, reason string) {
	t.Helper()
	account, secret := upstream+"@"+string(protocol)+".example", "canary-"+upstream+"-"+string(protocol)
	w.mailbox(sandbox.Account{Address: account, Password: secret})
	result, record := w.visit(t, refusedAs(oldDevice(protocol, account, secret), unavailable[protocol]))
	if !result.OK() {
		t.Errorf("the device's visit ended as %q, it read %q (%v), want %q", result.Outcome, result.Refusal, result.Err, unavailable[protocol])
	}
	want := strings.ReplaceAll(reason, "%s", upstream)
	if record.Outcome != inventory.OutcomeUpstreamFailed || record.Upstream != upstream || !strings.Contains(record.Reason, want) {
		t.Errorf("record: outcome %s, upstream %s, reason %q, want upstream_failed, %s and %q", record.Outcome, record.Upstream, record.Reason,
			upstream, want)
	}
	if record.Account != "" || record.UpstreamTLS.Completed {
		t.Errorf("record: account %q, upstream handshake completed %t, want neither", record.Account, record.UpstreamTLS.Completed)
	}
	for _, l := range w.exchange.Log().Logins() {
		if l.User == account {
			t.Errorf("the mail server got the login %+v", l)
		}
	}
	for _, form := range append(secretForms(account, secret), account) {
		if w.exchange.Log().Contains(form) {
			t.Errorf("the mail server got %q", form)
		}
	}
}

// TestUpstream_InjectedPlaintextIsNeverAnAnswer has the mail server's answer to STARTTLS followed by plaintext, as an attacker
// in between would.
func TestUpstream_InjectedPlaintextIsNeverAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	imap := w.listen(sandbox.ListenOptions{Protocol: sandbox.IMAP, STARTTLS: true})
	pop3 := w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3, STARTTLS: true})
	w.start(w.configure(bridgeConfig, "upstreams:\n"+w.upstream("on-premises", imap.Address(), pop3.Address(), "tls: starttls")))
	must(t, imap.SetFaults(sandbox.Faults{InjectAfterSTARTTLS: "a3 OK [CAPABILITY IMAP4rev1] welcome\r\n"}))
	must(t, pop3.SetFaults(sandbox.Faults{InjectAfterSTARTTLS: "+OK welcome\r\n"}))
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		t.Run(string(protocol), func(t *testing.T) {
			w.getsNoCredential(t, protocol, "on-premises", "plain text came together with the start of TLS")
		})
	}
}
