package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// talkative are logs at the most talkative level, into a file that the test reads.
func talkative(w *modernWorld) *logs.Logs {
	l, err := logs.Open(config.Log{Level: "debug", Format: "json", Output: []string{w.logFile()},
		Rotate: config.Rotate{Size: 100 << 20, Keep: 1}})
	must(w.t, err)
	w.t.Cleanup(l.Close)
	return l
}

func (w *modernWorld) logFile() string { return filepath.Join(w.dir, "bridge.log") }

// TestModern_SecretsAreWrittenNowhere looks for an account's password, the application's secret and every access token in all that
// the bridge has written after logins that went well and others that went wrong in several ways.
func TestModern_SecretsAreWrittenNowhere(t *testing.T) {
	t.Parallel()
	password, wrong, secret := canary(1), canary(2), canary(3)
	admin := freeAddress(t)
	w := newModernWorld(t, modernOptions{secret: secret, logs: talkative,
		accounts: modernAccount(t, scannerLogin, scannerMailbox, password, ""),
		admin:    admin, change: func(tenant *sandbox.Tenant) { tenant.Applications[0].Secret = secret }})
	good := func(protocol sandbox.Protocol) knock {
		return knock{protocol: protocol, name: scannerLogin, password: password}
	}
	for i, protocol := range bothProtocols {
		w.wantMail(t, good(protocol))
		w.try(t, knock{protocol: protocol, source: []string{"127.0.7.1", "127.0.7.2"}[i], name: scannerLogin, password: wrong})
	}
	token := w.exchange.Log().Logins()[0].Token
	echo := "cannot serve " + echoed(scannerMailbox, token)
	must(t, w.imap.SetFaults(sandbox.Faults{LoginRefusal: "NO [UNAVAILABLE] " + echo}))
	must(t, w.pop3.SetFaults(sandbox.Faults{LoginRefusal: "-ERR [SYS/TEMP] " + echo}))
	for _, protocol := range bothProtocols {
		w.try(t, good(protocol)).want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate, "")
	}
	w.exchangeFaults(sandbox.Faults{})
	w.exchange.RemoveServicePrincipal(clientOf())
	must(t, w.entra.SetFaults(sandbox.EntraFaults{Refusal: 7000215}))
	w.try(t, good(sandbox.IMAP)).want(t, unavailable[sandbox.IMAP], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate, "")
	w.stored(t)
	written := make(map[string][]byte)
	for _, page := range []string{"/readyz", "/healthz", "/", "/devices", "/devices/127.0.0.1/" + scannerLogin, "/sessions", "/certificates",
		"/inventory.csv", "/inventory.json", "/inventory.html", "/api/devices", "/api/sessions", "/api/upstreams"} {
		written[page] = body(t, admin, page)
	}
	if !bytes.Contains(written["/sessions"], []byte(scannerLogin)) {
		t.Error("the page of sessions shows none")
	}
	w.end()
	log, err := os.ReadFile(w.logFile())
	must(t, err)
	written["the log"] = log
	files, err := readTree(w.dataDir())
	must(t, err)
	for name, content := range files {
		written["data/"+name] = content
	}
	secrets := map[string]string{"the account's password": password, "a wrong password": wrong, "the client secret": secret,
		"a token": token, "a token's signature": token[strings.LastIndex(token, ".")+1:]}
	wantNone(t, written, secrets)
	if !bytes.Contains(log, []byte(`"msg":"session"`)) || !w.entra.Log().Contains(secret) || len(token) < 100 {
		t.Error("the canaries did not fly")
	}
}

// wantNone looks for secrets.
func wantNone(t *testing.T, written map[string][]byte, secrets map[string]string) {
	t.Helper()
	for place, content := range written {
		for name, secret := range secrets {
			for _, trace := range traces(secret) {
				if at := bytes.Index(content, []byte(trace)); at >= 0 {
					t.Errorf("%s holds %s: …%s…", place, name, content[max(0, at-200):min(len(content), at+100)])
				}
			}
		}
	}
}

// TestModern_PasswordForEntraIsWrittenNowhere is the same for passwords that go up to Entra ID.
func TestModern_PasswordForEntraIsWrittenNowhere(t *testing.T) {
	t.Parallel()
	password, wrong := canary(4), canary(5)
	w := newPasswordWorld(t, sandbox.User{Name: userMailbox, Password: password}, modernOptions{logs: talkative, guesses: 20})
	w.wantMail(t, knock{protocol: sandbox.IMAP, name: userMailbox, password: password})
	w.try(t, knock{protocol: sandbox.POP3, source: "127.0.8.1", name: userMailbox, password: wrong})
	must(t, w.entra.SetFaults(sandbox.EntraFaults{Garbage: true}))
	w.try(t, knock{protocol: sandbox.POP3, name: userMailbox, password: password})
	w.end()
	files, err := readTree(w.dataDir())
	must(t, err)
	files["the log"], err = os.ReadFile(w.logFile())
	must(t, err)
	wantNone(t, files, map[string]string{"the password": password, "a wrong one": wrong, "a token": w.exchange.Log().Logins()[0].Token})
	if !w.entra.Log().Contains(password) || !w.entra.Log().Contains(wrong) {
		t.Error("the canaries did not fly")
	}
}
