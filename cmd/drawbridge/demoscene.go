package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/template"
	"time"

	"go.uber.org/zap"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/logs"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
)

// scene is a mail service and a running bridge.
type scene struct {
	dir      string
	exchange *sandbox.Exchange
	entra    *sandbox.Entra
	tenant   sandbox.Tenant
	bridge   *bridge
	records  *demoRecords
	password string // of the dashboard
	roots    *x509.CertPool
	stop     func() // ends the bridge; nil: it does not run
}

// newScene starts the stand-ins and the bridge on free loopback ports.
func newScene(fleet []sandbox.Device) (_ *scene, err error) {
	s := &scene{records: &demoRecords{ended: make(chan *inventory.Session, 1)}, tenant: sandbox.ModernTenant(), password: rand.Text()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "drawbridge-demo-"); err != nil {
		return nil, err
	}
	if err = s.startService(fleet); err != nil {
		return nil, err
	}
	cfg, err := s.configure(fleet)
	if err != nil {
		return nil, err
	}
	if s.bridge, err = newBridge(cfg, quietLogs(), s.records); err != nil {
		return nil, err
	}
	ca, err := certs.OpenCA(filepath.Join(cfg.DataDir, certificates))
	if err != nil {
		return nil, err
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(ca.Certificate())
	s.start()
	return s, nil
}

// startService starts the stand-ins for Exchange Online and Entra ID, and sets the fleet's mailboxes up.
func (s *scene) startService(fleet []sandbox.Device) (err error) {
	if s.entra, err = sandbox.NewEntra(sandbox.EntraOptions{Tenants: []sandbox.Tenant{s.tenant}}); err != nil {
		return err
	}
	if s.exchange, err = sandbox.New(); err != nil {
		return err
	}
	if err := s.exchange.ProvisionModern(fleet, s.entra, s.tenant); err != nil {
		return err
	}
	return s.giveToken(fleet)
}

// ownToken is the mailbox of the device that brings a token of its own.
const ownToken = "orders@contoso.example"

// giveToken lets one device of the fleet be a program that knows OAuth2 and has an old TLS library.
func (s *scene) giveToken(fleet []sandbox.Device) (err error) {
	app := s.tenant.Applications[0]
	for i := range fleet {
		d := &fleet[i]
		if d.Mailbox != ownToken {
			continue
		}
		d.Login, d.Account, d.Password = sandbox.AuthXOAUTH2, ownToken, ""
		d.Token, err = s.entra.IssueToken(sandbox.TokenClaims{Application: app.ID, Object: app.ObjectID, Roles: app.Roles})
	}
	return err
}

// start has the bridge run until stop.
func (s *scene) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.bridge.run(ctx, ctx) }()
	s.stop = func() {
		cancel()
		<-done
	}
}

// demoConfig is the demo's bridge, read like any other configuration.
var demoConfig = template.Must(template.New("drawbridge.yaml").Parse(`
data_dir: {{.Dir}}/data
name: demo
listeners:
  - {name: imaps, protocol: imap, address: "127.0.0.1:0"}
  - {name: pop3s, protocol: pop3, address: "127.0.0.1:0"}
  - {name: imap, protocol: imap, address: "127.0.0.1:0", tls: starttls}
  - {name: pop3, protocol: pop3, address: "127.0.0.1:0", tls: starttls}
certificates:
  - local_ca: {names: [localhost, 127.0.0.1]}
upstreams:
  exchange-online:
    imap: {{printf "%q" .IMAP}}
    pop3: {{printf "%q" .POP3}}
    ca: {{.Dir}}/exchange-ca.pem
    server_name: localhost
    auth:
      oauth2:
        tenant: {{.Tenant}}
        client_id: {{.Client}}
        client_secret: {{printf "%q" .Secret}}
        authority: {{.Authority}}
        ca: {{.Dir}}/entra-ca.pem
accounts:
{{- range .Accounts}}
  - {login: {{printf "%q" .Login}}, mailbox: {{printf "%q" .Mailbox}}, password: {{printf "%q" .Password}}}
{{- end}}
admin: {address: "127.0.0.1:0", password: {{printf "%q" .AdminPassword}}}
`))

// demoSettings fill demoConfig in.
type demoSettings struct {
	Dir, IMAP, POP3, Tenant, Client, Secret, Authority string
	Accounts                                           []sandbox.BridgeAccount // with hashes for passwords
	AdminPassword                                      string                  // its hash
}

// configure opens the stand-in's listeners and writes the bridge's configuration.
func (s *scene) configure(fleet []sandbox.Device) (*config.Config, error) {
	app := s.tenant.Applications[0]
	set := demoSettings{Dir: s.dir, Tenant: s.tenant.ID, Client: app.ID, Secret: app.Secret, Authority: s.entra.URL()}
	for protocol, address := range map[sandbox.Protocol]*string{sandbox.IMAP: &set.IMAP, sandbox.POP3: &set.POP3} {
		l, err := s.exchange.Listen(sandbox.ListenOptions{Protocol: protocol, Personality: sandbox.TCPProxy})
		if err != nil {
			return nil, err
		}
		*address = l.Address()
	}
	for name, pem := range map[string][]byte{"exchange-ca.pem": s.exchange.CA(), "entra-ca.pem": s.entra.CA()} {
		if err := os.WriteFile(filepath.Join(s.dir, name), pem, 0o600); err != nil {
			return nil, err
		}
	}
	withPassword := slices.DeleteFunc(slices.Clone(fleet), func(d sandbox.Device) bool { return d.Token != "" })
	for _, a := range sandbox.BridgeAccounts(withPassword) {
		hash, err := accounts.Hash(secret.New(a.Password), accounts.DefaultParameters())
		if err != nil {
			return nil, err
		}
		a.Password = hash
		set.Accounts = append(set.Accounts, a)
	}
	var err error
	if set.AdminPassword, err = accounts.Hash(secret.New(s.password), accounts.DefaultParameters()); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := demoConfig.Execute(&text, set); err != nil {
		return nil, err
	}
	return config.Parse(filepath.Join(s.dir, "drawbridge.yaml"), text.Bytes(), config.System())
}

// close ends the bridge and the stand-ins and removes what they wrote.
func (s *scene) close() {
	if s.stop != nil {
		s.stop()
	} else if s.bridge != nil {
		s.bridge.close()
	}
	if s.exchange != nil {
		_ = s.exchange.Close()
	}
	if s.entra != nil {
		_ = s.entra.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// dashboard is where people look at the inventory.
func (s *scene) dashboard() string {
	return "http://" + s.bridge.admin.Addr().String() + "/"
}

// devices is the inventory, once the store has every session so far.
func (s *scene) devices(ctx context.Context) ([]inventory.Device, error) {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	want := s.records.count.Load()
	for tick := time.Tick(20 * time.Millisecond); ; {
		if err := s.bridge.ledger.CatchUp(ctx); err != nil {
			return nil, err
		}
		devices, _, err := s.bridge.ledger.Devices(ctx, inventory.Query{})
		if err != nil {
			return nil, err
		}
		var sessions int64
		for _, d := range devices {
			sessions += d.Sessions
		}
		if sessions >= want {
			return devices, nil
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return nil, fmt.Errorf("the inventory has %d of %d sessions: %w", sessions, want, ctx.Err())
		}
	}
}

// address is where the device's kind of listener listens.
func (s *scene) address(d sandbox.Device) string {
	for _, l := range s.bridge.holds().proxy.Listeners {
		if l.Protocol == string(d.Protocol) && l.StartTLS == d.STARTTLS {
			return s.bridge.addressOf(l.Name).String()
		}
	}
	return ""
}

// quietLogs keep nothing: the demo prints the records itself.
func quietLogs() *logs.Logs {
	return &logs.Logs{Events: zap.NewNop(), Records: inventory.NewLog(zap.NewNop())}
}
