package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
	"drawbridge/internal/trial"
)

// deviceAt is a device with a profile at a bridge's listener.
func deviceAt(t *testing.T, b *bridge, listener, profile, account, password string) *trial.Device {
	t.Helper()
	p, ok := trial.ProfileOf(profile)
	if !ok {
		t.Fatalf("no profile %s", profile)
	}
	d, err := trial.New(b.cfg().Listeners, listener, p)
	must(t, err)
	d.CA, d.Account, d.Password = caCertificate(b.cfg().DataDir), account, secret.New(password)
	for _, open := range b.server.Sockets {
		if open.Name == listener {
			d.Address = open.Net.Addr().String()
			return d
		}
	}
	t.Fatalf("listener %s is not open", listener)
	return nil
}

// tryReport is what a command printed of a device.
type tryReport struct{ trial.Report }

// played plays a device and returns its report, once it has seen that no secret is in what is printed, and that the
// error and the report agree.
func played(t *testing.T, d *trial.Device) *tryReport {
	t.Helper()
	var out bytes.Buffer
	err := play(t.Context(), d, true, &out)
	if !d.Password.Empty() && strings.Contains(out.String(), d.Password.Reveal()) {
		t.Errorf("the password is printed: %s", &out)
	}
	r := &tryReport{}
	must(t, json.Unmarshal(out.Bytes(), &r.Report))
	var told *toldError
	if r.OK != (err == nil) || err != nil && !errors.As(err, &told) {
		t.Errorf("the report says ok %t, the command ends with %v", r.OK, err)
	}
	return r
}

// text is what a report says of a step.
func (r *tryReport) text(step string) string {
	for _, s := range r.Steps {
		if s.Step == step {
			return s.Text
		}
	}
	return ""
}

func (r *tryReport) names() string {
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Step)
	}
	return strings.Join(names, " ")
}

// stepsOf is what a device does at each listener of the demo, when nothing fails.
var stepsOf = map[string]string{
	"imaps": "connect handshake certificate greeting capabilities login message goodbye",
	"pop3s": "connect handshake certificate greeting capabilities login message goodbye",
	"imap":  "connect greeting starttls handshake certificate capabilities login message goodbye",
	"pop3":  "connect greeting starttls handshake certificate capabilities login message goodbye",
}

// handshakes are what each device that has TLS agrees on with a bridge that takes all.
var handshakes = map[string]string{
	"tls1.0":      "TLS 1.0, TLS_RSA_WITH_AES_128_CBC_SHA",
	"tls1.0-rc4":  "TLS 1.0, TLS_RSA_WITH_RC4_128_SHA",
	"tls1.0-3des": "TLS 1.0, TLS_RSA_WITH_3DES_EDE_CBC_SHA",
	"tls1.1":      "TLS 1.1, TLS_RSA_WITH_AES_128_CBC_SHA",
	"tls1.2-rsa":  "TLS 1.2, TLS_RSA_WITH_AES_128_GCM_SHA256",
	"tls1.2":      "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"tls1.3":      "TLS 1.3, TLS_AES_128_GCM_SHA256",
	"sslv3-hello": "",
	"sslv2-hello": "",
}

// TestTry_OverTheModernBridge plays every device at every listener of a bridge with OAuth2 upstream.
func TestTry_OverTheModernBridge(t *testing.T) {
	t.Parallel()
	s, err := newScene(sandbox.ModernFleet())
	must(t, err)
	defer s.close()
	for listener, steps := range stepsOf {
		for _, profile := range trial.ProfileNames() {
			t.Run(listener+" "+profile, func(t *testing.T) {
				r := played(t, deviceAt(t, s.bridge, listener, profile, "fax307", "30714"))
				if want := handshakes[profile]; want != "" {
					checkMailRead(t, r, steps, want)
					return
				}
				checkOldHello(t, r)
			})
		}
		t.Run(listener+" without account", func(t *testing.T) {
			checkNoAccount(t, played(t, deviceAt(t, s.bridge, listener, "tls1.0", "", "")), steps)
		})
	}
	t.Run("wrong password", func(t *testing.T) { tryWrongPasswords(t, s.bridge) })
}

func checkMailRead(t *testing.T, r *tryReport, steps, handshake string) {
	t.Helper()
	if !r.OK || r.names() != steps {
		t.Errorf("ok %t with the steps %q, want %q: %+v", r.OK, r.names(), steps, r)
	}
	for step, want := range map[string]string{
		"handshake": handshake, "certificate": "for localhost, 127.0.0.1; issued by CN=Drawbridge CA", "greeting": "Drawbridge",
		"capabilities": "XOAUTH2", "login": "OK", "message": `the first of 1: "`, "goodbye": "OK",
	} {
		if !strings.Contains(r.text(step), want) {
			t.Errorf("%s says %q, want %q in it", step, r.text(step), want)
		}
	}
	if !strings.HasSuffix(r.text("certificate"), "; verifies against the local CA") {
		t.Errorf("the certificate step says %q", r.text("certificate"))
	}
}

func checkOldHello(t *testing.T, r *tryReport) {
	t.Helper()
	if r.OK || r.FailedStep != "handshake" || !strings.Contains(r.text("handshake"), "alert 40: tls: handshake failure") {
		t.Errorf("an SSL 3.0 device: %+v", r)
	}
	if !strings.Contains(r.Shows, "security error") || !strings.Contains(r.Mend, "nothing above SSL 3.0") {
		t.Errorf("it shows %q, and to do is %q", r.Shows, r.Mend)
	}
}

func checkNoAccount(t *testing.T, r *tryReport, steps string) {
	t.Helper()
	if !r.OK || r.names() != strings.Replace(steps, " message", "", 1) || r.text("login") != "not tried: no --account was given" {
		t.Errorf("without an account: %+v", r)
	}
}

func tryWrongPasswords(t *testing.T, b *bridge) {
	accounts := map[string]string{"imaps": "alarm", "imap": "voicemail", "pop3s": "canon2270", "pop3": "sender"}
	for listener, account := range accounts { // each its own, so that none waits for another's failure
		t.Run(listener, func(t *testing.T) {
			t.Parallel()
			r := played(t, deviceAt(t, b, listener, "tls1.0", account, "not-it-0815"))
			if r.OK || r.FailedStep != "login" || !strings.Contains(r.text("login"), "Wrong name or password") {
				t.Errorf("a wrong password: %+v", r)
			}
			if !strings.Contains(r.Shows, "password is wrong") || !strings.Contains(r.Mend, "sources") {
				t.Errorf("it shows %q, and to do is %q", r.Shows, r.Mend)
			}
		})
	}
}

// tryListeners is a bridge whose listeners turn devices away, each in its own way.
const tryListeners = `
name: test
listeners:
  - {name: open, protocol: imap, address: "127.0.0.1:0"}
  - {name: popen, protocol: pop3, address: "127.0.0.1:0"}
  - {name: new, protocol: imap, address: "127.0.0.1:0", min_version: "1.2"}
  - {name: modern, protocol: pop3, address: "127.0.0.1:0", min_version: "1.2", ciphers: modern}
  - {name: others, protocol: imap, address: "127.0.0.1:0", allow: [10.20.0.0/16]}
  - {name: others-starttls, protocol: pop3, address: "127.0.0.1:0", tls: starttls, allow: [10.20.0.0/16]}
certificates:
  - local_ca: {names: [localhost, 127.0.0.1]}
admin: {address: ""}
`

// oddMail has a subject with an escape sequence, a bidirectional override and the password of its mailbox.
const oddMail = "Subject: =?utf-8?q?red=1B[31m_=E2=80=AE_secret-9931?=\r\n\r\nbody\r\n"

// tryWorld is a bridge with passthrough to mailboxes that are odd.
func tryWorld(t *testing.T) *world {
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "odd@contoso.example", Password: `secret-9931`, Messages: [][]byte{[]byte(oddMail), []byte(oddMail)}})
	w.mailbox(sandbox.Account{Address: "empty@contoso.example", Password: `b\a"d wörd`})
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(tryListeners, "upstreams:\n"+w.upstream("mail", imap.Address(), pop3.Address())))
	return w
}

func TestTry_TurnedAway(t *testing.T) {
	t.Parallel()
	w := tryWorld(t)
	for _, c := range []struct{ listener, profile, step, says, mend string }{
		{"new", "tls1.0", "handshake", "alert 70", "takes TLS 1.2 and newer: lower listeners[].min_version"},
		{"modern", "tls1.2-rsa", "handshake", "alert 40", "set listeners[].ciphers to legacy"},
		{"others", "tls1.0", "handshake", "", "listeners[].allow"},
		{"others", "sslv2-hello", "handshake", "", "listeners[].allow"},
		{"others-starttls", "tls1.0", "greeting", "", "listeners[].allow"},
	} {
		r := played(t, deviceAt(t, w.bridge, c.listener, c.profile, "odd@contoso.example", "secret-9931"))
		if r.OK || r.FailedStep != c.step || !strings.Contains(r.text(c.step), c.says) || !strings.Contains(r.Mend, c.mend) || r.Shows == "" {
			t.Errorf("%s at %s: %+v, want a failed %s with %q and %q", c.profile, c.listener, r, c.step, c.says, c.mend)
		}
	}
}

func TestTry_OddMailboxes(t *testing.T) {
	t.Parallel()
	w := tryWorld(t)
	for _, listener := range []string{"open", "popen"} {
		r := played(t, deviceAt(t, w.bridge, listener, "tls1.0", "odd@contoso.example", "secret-9931"))
		want := fmt.Sprintf(`the first of 2: "red\u001b[31m \u202e [redacted]", %d bytes`, len(oddMail))
		if !r.OK || r.text("message") != want {
			t.Errorf("%s: the message step says %s, want %s", listener, r.text("message"), want)
		}
		r = played(t, deviceAt(t, w.bridge, listener, "tls1.3", "empty@contoso.example", `b\a"d wörd`))
		if !r.OK || r.text("message") != "the mailbox is empty: there is nothing to read" {
			t.Errorf("%s, an empty mailbox: %+v", listener, r)
		}
	}
	for _, l := range w.exchange.Log().Logins() {
		if l.Password == "" {
			t.Error("a login without a password reached the upstream")
		}
	}
}

// TestTry_AnotherCA is about a bridge whose certificate is not from the CA in the data directory named.
func TestTry_AnotherCA(t *testing.T) {
	t.Parallel()
	w := tryWorld(t)
	d := deviceAt(t, w.bridge, "open", "tls1.0", "", "")
	d.CA = caCertificate(t.TempDir())
	r := played(t, d)
	if !r.OK || !strings.Contains(r.text("certificate"), "does not verify against the local CA: open ") {
		t.Errorf("without a CA: %+v", r)
	}
}

func TestTry_ProfilesAreThoseThatHelpNames(t *testing.T) {
	for _, name := range trial.ProfileNames() {
		if _, tested := handshakes[name]; !tested || !strings.Contains(newTry().Long, name) {
			t.Errorf("%s is not tested or not in the help", name)
		}
	}
	if got, want := len(trial.ProfileNames()), len(handshakes); got != want || !slices.Contains(trial.ProfileNames(), trial.DefaultProfile) {
		t.Errorf("%d profiles, want %d", got, want)
	}
}

func TestTry_QuestionIsPrintable(t *testing.T) {
	if got, want := passwordQuestion("scanner\x1b1"), `Password of scanner\u001b1: `; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
