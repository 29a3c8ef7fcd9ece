package main

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/logs"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
	"drawbridge/proxy"
)

// loggedIn begins the answer to a login that succeeded.
var loggedIn = map[sandbox.Protocol]string{sandbox.IMAP: "OK", sandbox.POP3: "+OK"}

var bothProtocols = []sandbox.Protocol{sandbox.IMAP, sandbox.POP3}

// modernWorld is a world whose upstream takes tokens, with the Entra ID that gives them out.
type modernWorld struct {
	*world
	entra      *sandbox.Entra
	tenant     sandbox.Tenant
	imap, pop3 *sandbox.Listener
}

// modernOptions say how a modernWorld differs from the usual one.
type modernOptions struct {
	noTenant    bool // Entra ID does not know it
	noScanner   bool // its mailbox is the test's to set up
	change      func(*sandbox.Tenant)
	personality sandbox.Personality
	now         func() time.Time // the clock of Entra ID and Exchange
	flow        string           // default client_credentials
	secret      string           // as configured; default: the right one
	accounts    string           // default: scanner, with the password 2025, for scanner@contoso.example
	contact     string
	guesses     int                       // upstreams.exchange-online.guesses.count; default 2
	admin       string                    // address; default none
	upstreamOf  func(*modernWorld) string // another IMAP server's address
	logs        func(*modernWorld) *logs.Logs
	decider     func(proxy.Decider) proxy.Decider // around the bridge's own
	rewrite     func(text string) string          // of the configuration behind bridgeConfig
}

// The account that every modernWorld has by default.
const (
	scannerLogin   = "scanner"
	scannerCode    = "2025"
	scannerMailbox = "scanner@contoso.example"
)

// newModernWorld starts the stand-ins and a bridge.
func newModernWorld(t testing.TB, o modernOptions) *modernWorld {
	t.Helper()
	w := &modernWorld{world: newWorld(t), tenant: sandbox.ModernTenant()}
	if o.change != nil {
		o.change(&w.tenant)
	}
	var tenants []sandbox.Tenant
	if !o.noTenant {
		tenants = append(tenants, w.tenant)
	}
	var err error
	w.entra, err = sandbox.NewEntra(sandbox.EntraOptions{Tenants: tenants, Now: o.now})
	must(t, err)
	t.Cleanup(func() { _ = w.entra.Close() })
	must(t, os.WriteFile(w.entraCA(), w.entra.CA(), 0o600))
	app := sandbox.ModernTenant().Applications[0]
	w.exchange.Trust(w.entra, w.tenant.ID)
	w.exchange.NewServicePrincipal(app.ID, app.ObjectID)
	if !o.noScanner {
		w.openMailbox(scannerMailbox)
	}
	w.imap = w.listen(sandbox.ListenOptions{Personality: o.personality})
	w.pop3 = w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3, Personality: o.personality})
	if o.logs != nil {
		w.logs = o.logs(w)
	}
	w.decider = o.decider
	if o.rewrite == nil {
		o.rewrite = func(text string) string { return text }
	}
	w.start(w.configure(strings.Replace(bridgeConfig, `address: ""`, fmt.Sprintf("address: %q", o.admin), 1), o.rewrite(w.text(o))))
	return w
}

func (w *modernWorld) entraCA() string { return filepath.Join(w.dir, "entra-ca.pem") }

// text is the configuration behind bridgeConfig.
func (w *modernWorld) text(o modernOptions) string {
	app := sandbox.ModernTenant().Applications[0]
	secret := ""
	if o.flow == "" {
		secret = fmt.Sprintf("client_secret: %q, ", cmp.Or(o.secret, app.Secret))
	}
	list := o.accounts
	if list == "" {
		list = modernAccount(w.t, scannerLogin, scannerMailbox, scannerCode, "")
	}
	imap, pop3 := w.imap.Address(), w.pop3.Address()
	if o.upstreamOf != nil {
		imap = o.upstreamOf(w)
	}
	return fmt.Sprintf(`
contact: %q
upstreams:
  exchange-online:
    imap: %q
    pop3: %q
    ca: %s
    server_name: localhost
    guesses: {count: %d, per: 30m}
    auth:
      oauth2: {flow: %s, tenant: %s, client_id: %s, %sauthority: %q, ca: %s}
accounts:
%s`, o.contact, imap, pop3, w.caFile(), cmp.Or(o.guesses, 2), cmp.Or(o.flow, "client_credentials"),
		w.tenant.ID, app.ID, secret, w.entra.URL(), w.entraCA(), list)
}

// openMailbox sets up a mailbox that the application may open.
func (w *modernWorld) openMailbox(address string) {
	w.t.Helper()
	w.mailbox(sandbox.Account{Address: address, Messages: [][]byte{messageOf(1)}})
	w.exchange.AddMailboxPermission(address, sandbox.ModernTenant().Applications[0].ObjectID, time.Time{})
}

// setApplication changes the tenant's application.
func (w *modernWorld) setApplication(change func(*sandbox.Application)) {
	w.t.Helper()
	app := sandbox.ModernTenant().Applications[0]
	change(&app)
	must(w.t, w.entra.SetApplication(w.tenant.ID, app))
}

// modernAccount is an entry of accounts; more stands in its braces. The hash is a cheap one.
func modernAccount(t testing.TB, login, mailbox, password, more string) string {
	t.Helper()
	hash, err := accounts.Hash(secret.New(password), accounts.Parameters{Memory: 64, Time: 1, Threads: 1})
	must(t, err)
	return fmt.Sprintf("  - {login: %q, mailbox: %q, password: %q%s}\n", login, mailbox, hash, more)
}

// tried is what a device saw of a login, and what is on record of it.
type tried struct {
	reads  string // without the tag
	took   time.Duration
	record *inventory.Session
}

// knock is one login of a device that leaves afterwards.
type knock struct {
	protocol               sandbox.Protocol
	source, name, password string
	token                  bool // password is a token of the device's own
}

// try logs in once and leaves.
func (w *modernWorld) try(t *testing.T, k knock) tried {
	t.Helper()
	before := w.records.count(k.name)
	c, reads, took := w.login(t, k)
	_ = c.Close()
	return tried{reads: reads, took: took, record: w.records.wait(t, k.name, before+1)}
}

// login logs in and stays.
func (w *modernWorld) login(t *testing.T, k knock) (c *client, reads string, took time.Duration) {
	t.Helper()
	c = w.greeted(t, k)
	reads, took = c.present(k)
	return c, reads, took
}

// greeted is a device that has come as far as the greeting.
func (w *modernWorld) greeted(t *testing.T, k knock) *client {
	t.Helper()
	c := dialFrom(t, cmp.Or(k.source, "127.0.0.1"), w.address(k.protocol, false), tls.VersionTLS10)
	c.line()
	return c
}

// present logs in; took is from the last byte of the credentials to the answer.
func (c *client) present(k knock) (reads string, took time.Duration) {
	if k.token {
		return c.presentToken(k)
	}
	if k.protocol == sandbox.POP3 {
		c.say("USER " + k.name)
		c.line()
		began := time.Now()
		c.say("PASS " + k.password)
		return c.line(), time.Since(began)
	}
	began := time.Now()
	c.say(fmt.Sprintf("a LOGIN %q %q", k.name, k.password))
	return strings.TrimPrefix(c.hear("a "), "a "), time.Since(began)
}

func (c *client) presentToken(k knock) (reads string, took time.Duration) {
	began := time.Now()
	response := base64.StdEncoding.EncodeToString([]byte("user=" + k.name + "\x01auth=Bearer " + k.password + "\x01\x01"))
	if k.protocol == sandbox.POP3 {
		c.say("AUTH XOAUTH2")
		c.hear("+")
		c.say(response)
		return c.line(), time.Since(began)
	}
	c.say("a AUTHENTICATE XOAUTH2 " + response)
	return strings.TrimPrefix(c.hear("a "), "a "), time.Since(began)
}

// scanner is a login of the account that every modernWorld has.
func scanner(protocol sandbox.Protocol) knock {
	return knock{protocol: protocol, name: scannerLogin, password: scannerCode}
}

// want compares what came of a login. reason is a part of the record's.
func (got tried) want(t *testing.T, reads string, outcome inventory.Outcome, phase inventory.Phase, reason string) {
	t.Helper()
	if !strings.HasPrefix(got.reads, reads) {
		t.Errorf("the device read %q, want %q", got.reads, reads)
	}
	r := got.record
	if r.Outcome != outcome || r.Phase != phase || !strings.Contains(r.Reason, reason) {
		t.Errorf("record: outcome %s, phase %s, reason %q\nwant %s, %s, and %q in it", r.Outcome, r.Phase, r.Reason, outcome, phase, reason)
	}
}

// wantMail logs in until that succeeds, which needs no restart of anything, and not so often that records are summed up in floods.
func (w *modernWorld) wantMail(t *testing.T, k knock) {
	t.Helper()
	var got tried
	deadline := time.After(patience)
	for tick := time.Tick(700 * time.Millisecond); ; {
		if got = w.try(t, k); strings.HasPrefix(got.reads, loggedIn[k.protocol]) {
			break
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("what was mended does not serve again: the device read %q, reason %q", got.reads, got.record.Reason)
		}
	}
	if got.record.Outcome != inventory.OutcomeBridged || got.record.UpstreamAuth != "XOAUTH2" {
		t.Errorf("record of the login that succeeded: outcome %s, upstream_auth %q, want %s by XOAUTH2", got.record.Outcome,
			got.record.UpstreamAuth, inventory.OutcomeBridged)
	}
}

// storm has n devices, each from a source of its own, log in at once, and returns what they saw.
func (w *modernWorld) storm(t *testing.T, n int, of func(i int) knock) []tried {
	t.Helper()
	all := make([]tried, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { all[i] = w.try(t, of(i)) })
	}
	group.Wait()
	return all
}

// stormSource is the address of one device of many.
func stormSource(i int) string { return fmt.Sprintf("127.1.%d.%d", i/200, 1+i%200) }
