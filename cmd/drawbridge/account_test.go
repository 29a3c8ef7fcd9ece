package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// accountWorld is a mail server that takes tokens only, and what a bridge in front of it needs.
type accountWorld struct {
	*world
	entra *sandbox.Entra
	yaml  string // the configuration's file
}

// The mailboxes of an accountWorld: one that the application opens, and one of a user who signs in.
const (
	scans = "scans@contoso.example"
	boss  = "boss@contoso.example"
)

// mailOf is what the two mailboxes hold: the boss's, and the other.
var mailOf = map[bool][]byte{true: messageOf(2), false: messageOf(1)}

// newAccountWorld starts Exchange and Entra ID; accounts is that part of the configuration. No bridge runs yet.
func newAccountWorld(t *testing.T, accounts string) *accountWorld {
	t.Helper()
	tenant := sandbox.ModernTenant()
	tenant.Applications[0].PublicFlows = true
	tenant.Users = []sandbox.User{{Name: boss, Password: "of the boss"}}
	entra, err := sandbox.NewEntra(sandbox.EntraOptions{Tenants: []sandbox.Tenant{tenant}, DeviceInterval: time.Second})
	must(t, err)
	t.Cleanup(func() { _ = entra.Close() })
	w := &accountWorld{world: newWorld(t), entra: entra}
	mail := []sandbox.Device{{Mailbox: scans, Mail: mailOf[false]}, {Mailbox: boss, Mail: mailOf[true]}}
	must(t, w.exchange.ProvisionModern(mail, entra, tenant))
	must(t, os.WriteFile(filepath.Join(w.dir, "entra-ca.pem"), entra.CA(), 0o600))
	imap, pop3 := w.listen(sandbox.ListenOptions{}).Address(), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3}).Address()
	upstream := func(name, more string) string {
		app := tenant.Applications[0]
		return fmt.Sprintf("  %s: {imap: %q, pop3: %q, ca: mail-ca.pem, auth: {oauth2: {tenant: %s, client_id: %s, authority: %q, ca: "+
			"entra-ca.pem, %s}}}\n",
			name, imap, pop3, tenant.ID, app.ID, entra.URL(), more)
	}
	text := "data_dir: data\n" + bridgeConfig + "upstreams:\n" +
		upstream("application", fmt.Sprintf("client_secret: %q", tenant.Applications[0].Secret)) + upstream("delegated", "flow: device_code") +
		"rules:\n  - {match: {account: boss}, upstream: delegated}\n" + accounts
	w.yaml = filepath.Join(w.dir, "drawbridge.yaml")
	must(t, os.WriteFile(w.yaml, []byte(text), 0o600))
	return w
}

// serve runs the bridge.
func (w *accountWorld) serve() {
	w.t.Helper()
	cfg, err := config.Load(w.yaml)
	must(w.t, err)
	w.start(cfg)
}

// account runs drawbridge account with a line on standard input, and returns what it printed.
func (w *accountWorld) account(stdin string, args ...string) (stdout, stderr string, err error) {
	w.t.Helper()
	var out, errs bytes.Buffer
	root := newRoot()
	root.SetArgs(append([]string{"account", args[0], "--config", w.yaml}, args[1:]...))
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	err = root.ExecuteContext(w.t.Context())
	return out.String(), errs.String(), err
}

// done is account that must succeed.
func (w *accountWorld) done(stdin string, args ...string) string {
	w.t.Helper()
	out, _, err := w.account(stdin, args...)
	if err != nil {
		w.t.Fatalf("account %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// reads sends a device and wants it to read its mail, and returns the record.
func (w *accountWorld) reads(protocol sandbox.Protocol, login, password string) *inventory.Session {
	w.t.Helper()
	device := oldDevice(protocol, login, password)
	device.Mail = mailOf[login == "boss"]
	result, s := w.visit(w.t, device)
	if !result.OK() {
		w.t.Fatalf("%s over %s: %s, it read %q (%v), record: %s", login, protocol, result.Outcome, result.Refusal, result.Err, s.Reason)
	}
	return s
}

// refused sends a device and wants it to read that its name or password is wrong.
func (w *accountWorld) refused(protocol sandbox.Protocol, login, password string) {
	w.t.Helper()
	result, s := w.visit(w.t, refusedAs(oldDevice(protocol, login, password), wrongPassword[protocol]))
	if !result.OK() {
		w.t.Errorf("%s over %s: %s, it read %q, want a wrong password; record: %s", login, protocol, result.Outcome, result.Refusal, s.Reason)
	}
}

// TestAccount_ChangesHoldAtOnceInTheRunningBridge adds, renames, revokes and removes while devices log in.
func TestAccount_ChangesHoldAtOnceInTheRunningBridge(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	w.serve()
	w.refused(sandbox.IMAP, "scanner1", "47114711")
	if got, want := w.done("", "list", "--unknown"), "drawbridge account add --config '"+w.yaml+"' --source 127.0.0.1 "+
		"'scanner1'\n"; got != want {
		t.Errorf("unknown: got %q, want %q", got, want)
	}
	generated := strings.TrimSpace(w.done("", "add", "scanner1", "--mailbox", scans, "--source", "127.0.0.1", "--generate"))
	if !regexp.MustCompile(`^\d{8}$`).MatchString(generated) {
		t.Fatalf("generated: %q", generated)
	}
	if got := w.done("", "list", "--unknown"); got != "" {
		t.Errorf("unknown: got %q, want nothing, since the login is known now", got)
	}
	if s := w.reads(sandbox.IMAP, "scanner1", generated); s.Mailbox != scans || s.Account != "scanner1" {
		t.Errorf("record: account %s, mailbox %s", s.Account, s.Mailbox)
	}
	w.done("of the basement\n", "add", "scanner1", "--name", "basement")
	w.reads(sandbox.POP3, "scanner1", "of the basement")
	w.reads(sandbox.POP3, "scanner1", generated)
	w.done("", "remove", "scanner1", "--password", "first")
	w.refused(sandbox.POP3, "scanner1", generated)
	w.reads(sandbox.POP3, "scanner1", "of the basement")
	w.done("", "remove", "scanner1")
	w.refused(sandbox.POP3, "scanner1", "of the basement")
}

// TestAccount_RefusalsOfTheRunningBridgeAreSentences has the bridge refuse what the command without one refuses too, and keeps
// all as it was.
func TestAccount_RefusalsOfTheRunningBridgeAreSentences(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "accounts:\n  - {login: desk, aliases: [old-desk], mailbox: "+scans+", password: \""+testHash+"\"}\n")
	w.serve()
	w.done("", "import", w.file("login,mailbox,password\nhall,"+scans+",47114711\n"))
	before, err := readTree(filepath.Join(w.dataDir(), accountsFolder))
	must(t, err)
	for _, c := range []struct{ want, stdin, args string }{
		{`belongs to the account "desk" of the configuration`, "", "add DESK --generate"},
		{`belongs to the account "desk" of the configuration`, "", "add x --alias old-desk --generate"},
		{`"hall" exists already: name its further password`, "", "add hall --generate"},
		{`the same as another one`, "47114711", "add hall --name second"},
		{`no such account is kept`, "", "remove nobody"},
		{`stands in the configuration`, "", "remove desk"},
		{`has the name "hall" already`, "login,password\nfresh,47114711\nhall,47114712\n", "import -"},
		{`belongs to the account "desk" of the configuration`, "login,password\nfresh,47114711\ndesk,47114712\n", "import -"},
		{`from where it may be used`, "", "add *@contoso.example --generate"},
	} {
		out, _, err := w.account(c.stdin, strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || out != "" {
			t.Errorf("account %s: got %q and %v, want one sentence with %q", c.args, out, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "4711471") {
			t.Errorf("account %s: the error tells a password: %v", c.args, err)
		}
	}
	after, err := readTree(filepath.Join(w.dataDir(), accountsFolder))
	must(t, err)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("a refused change has changed the accounts on disk")
	}
	w.reads(sandbox.IMAP, "hall", "47114711")
	w.refused(sandbox.IMAP, "fresh", "47114711")
}

// TestAccount_AddedBeforeTheBridgeStarts is served when it does, and one that waits for a password is not.
func TestAccount_AddedBeforeTheBridgeStarts(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	must(t, os.MkdirAll(w.dataDir(), 0o700))
	w.done("of the basement\n", "add", "scanner1", "--mailbox", scans)
	w.done("", "import", "--format", accounts.FormatEmailProxy, w.file("["+scans+"]\n"))
	w.serve()
	w.reads(sandbox.IMAP, "scanner1", "of the basement")
	w.refused(sandbox.IMAP, scans, "anything")
	w.done("47114711", "add", scans)
	w.reads(sandbox.IMAP, scans, "47114711")
}

// TestAccount_ConcurrentAddsAreAllKept has many commands at once, without a bridge, where they wait for each other, and with one.
func TestAccount_ConcurrentAddsAreAllKept(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		w := newAccountWorld(t, "")
		must(t, os.MkdirAll(w.dataDir(), 0o700))
		if running {
			w.serve()
		}
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if _, _, err := w.account("47114711", "add", fmt.Sprintf("device%d", i), "--mailbox", scans); err != nil {
					t.Errorf("running %t: device%d: %v", running, i, err)
				}
			})
		}
		all.Wait()
		if list := w.done("", "list"); strings.Count(list, "data_dir") != 5 {
			t.Errorf("running %t: got %s, want 5 accounts", running, list)
		}
	}
}

// file writes a file to import.
func (w *accountWorld) file(text string) string {
	w.t.Helper()
	f, err := os.CreateTemp(w.dir, "import")
	must(w.t, err)
	_, err = f.WriteString(text)
	must(w.t, err)
	must(w.t, f.Close())
	return f.Name()
}

// testHash is a hash of nothing that anybody knows.
const testHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
