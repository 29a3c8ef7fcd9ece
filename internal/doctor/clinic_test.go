package doctor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/doctor"
	"drawbridge/internal/oauth"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
)

// patience bounds a diagnosis.
const patience = 40 * time.Second

const scansMailbox = "scans@contoso.example"

// clinic is a pair of stand-ins, set up as they should be, and the configuration of a bridge for them.
type clinic struct {
	t        *testing.T
	dir      string
	entra    *sandbox.Entra
	exchange *sandbox.Exchange
	tenant   sandbox.Tenant
	listen   map[sandbox.Protocol]*sandbox.ListenOptions
	open     map[sandbox.Protocol]*sandbox.Listener

	// What the configuration says.
	imapAddress, tenantName, client, secret, auth, upstream, more string
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{t: t, dir: t.TempDir(), tenant: sandbox.ModernTenant(), open: map[sandbox.Protocol]*sandbox.Listener{},
		listen: map[sandbox.Protocol]*sandbox.ListenOptions{}}
	for _, p := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		c.listen[p] = &sandbox.ListenOptions{Protocol: p, Personality: sandbox.TCPProxy}
	}
	var err error
	c.entra, err = sandbox.NewEntra(sandbox.EntraOptions{Tenants: []sandbox.Tenant{c.tenant}})
	must(t, err)
	t.Cleanup(func() { _ = c.entra.Close() })
	c.exchange, err = sandbox.New()
	must(t, err)
	t.Cleanup(func() { _ = c.exchange.Close() })
	c.exchange.Trust(c.entra, c.tenant.ID)
	c.exchange.NewServicePrincipal(c.app().ID, c.app().ObjectID)
	c.mailbox(scansMailbox)
	c.tenantName, c.client, c.secret = c.tenant.ID, c.app().ID, c.app().Secret
	return c
}

func (c *clinic) app() *sandbox.Application { return &c.tenant.Applications[0] }

// mailbox adds a mailbox that the application may open.
func (c *clinic) mailbox(address string) *sandbox.Mailbox {
	c.t.Helper()
	m, err := c.exchange.AddMailbox(sandbox.Account{Address: address, Messages: [][]byte{[]byte("Subject: a scan\r\n\r\nHello\r\n")}})
	must(c.t, err)
	c.exchange.AddMailboxPermission(address, c.app().ObjectID, time.Time{})
	return m
}

// setApp changes the application in Entra ID.
func (c *clinic) setApp(change func(*sandbox.Application)) {
	c.t.Helper()
	a := *c.app()
	change(&a)
	must(c.t, c.entra.SetApplication(c.tenant.ID, a))
}

var scansHash = sync.OnceValues(func() (string, error) {
	return accounts.Hash(secret.New("never-shown"), accounts.DefaultParameters())
})

const clinicConfig = `
data_dir: %s/data
name: test
listeners:
  - {name: imaps, protocol: imap, address: "127.0.0.1:0"}
upstreams:
  exchange-online:
    imap: %q
    pop3: %q
    dial_timeout: 10s
    %s
    auth: %s
%s
admin: {address: ""}
`

// start opens the listeners and writes the configuration.
func (c *clinic) start() {
	c.t.Helper()
	for p, o := range c.listen {
		l, err := c.exchange.Listen(*o)
		must(c.t, err)
		c.open[p] = l
	}
	must(c.t, os.MkdirAll(c.dir, 0o700))
	must(c.t, os.WriteFile(filepath.Join(c.dir, "mail.pem"), c.exchange.CA(), 0o600))
	must(c.t, os.WriteFile(filepath.Join(c.dir, "entra.pem"), c.entra.CA(), 0o600))
}

func (c *clinic) file() string {
	c.t.Helper()
	if c.auth == "" {
		c.auth = fmt.Sprintf("{oauth2: {tenant: %s, client_id: %s, client_secret: %q, authority: %q, ca: entra.pem}}",
			c.tenantName, c.client, c.secret, c.entra.URL())
	}
	if c.more == "" {
		c.more = c.accounts("scanner1", scansMailbox)
	}
	if c.upstream == "" {
		c.upstream = "ca: mail.pem"
	}
	if c.imapAddress == "" {
		c.imapAddress = c.open[sandbox.IMAP].Address()
	}
	path := filepath.Join(c.dir, "drawbridge.yaml")
	text := fmt.Sprintf(clinicConfig, c.dir, c.imapAddress, c.open[sandbox.POP3].Address(), c.upstream, c.auth, c.more)
	must(c.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// flow is a login without a secret.
func (c *clinic) flow(name string) string {
	return fmt.Sprintf("{oauth2: {flow: %s, tenant: %s, client_id: %s, authority: %q, ca: entra.pem}}", name, c.tenantName, c.client,
		c.entra.URL())
}

// accounts are pairs of login and mailbox.
func (c *clinic) accounts(pairs ...string) string {
	c.t.Helper()
	hash, err := scansHash()
	must(c.t, err)
	text := "accounts:\n"
	for i := 0; i < len(pairs); i += 2 {
		text += fmt.Sprintf("  - {login: %q, mailbox: %q, password: %q}\n", pairs[i], pairs[i+1], hash)
	}
	return text
}

// targets are the mailboxes of the configuration's accounts, which all go to its one upstream.
func (c *clinic) targets(cfg *config.Config, wanted string) ([]*doctor.Target, error) {
	var list []accounts.Account
	for _, a := range cfg.Accounts {
		list = append(list, accounts.Account{Login: a.Login, Mailbox: a.Mailbox, Protocols: a.Protocols})
	}
	return doctor.Targets(list, wanted, func(string, string) string { return cfg.Upstreams[0].Name })
}

// consult has a doctor look at the stand-ins through a configuration file as it is loaded, and at the mailboxes of wanted alone
// unless that is empty.
func (c *clinic) consult(wanted string) (doctor.Diagnosis, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	cfg, err := config.Load(c.file())
	must(c.t, err)
	targets, err := c.targets(cfg, wanted)
	if err != nil {
		return doctor.Diagnosis{}, err
	}
	vault, err := oauth.OpenVault(c.t.TempDir(), nil)
	must(c.t, err)
	made, err := upstreams.New(cfg.Upstreams, upstreams.Options{Vault: vault})
	must(c.t, err)
	defer made.Retire(nil)
	return doctor.Examine(ctx, cfg.Upstreams, made, targets, wanted != ""), nil
}

// text is what a person reads of the diagnosis.
func (c *clinic) text(d doctor.Diagnosis) string {
	c.t.Helper()
	var b strings.Builder
	must(c.t, d.Text(&b, false))
	return b.String()
}
