package main

import (
	"iter"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/schedule"
	"drawbridge/internal/secret"
)

// examples are the values that schema and reference show.
type examples struct {
	Defaults     config.Config
	Listener     config.Listener
	Upstream     config.Upstream
	Modern       []config.Upstream // with oauth2, by a secret and by a certificate
	Certificates []config.Certificate
	Accounts     []config.Account
	Rules        []config.Rule
	Admin        config.Admin // with all that has no default
	SNMP         config.SNMP  // of version 3, which has the most keys
	Notices      config.Notices
}

// minimal is a file that leaves everything to the defaults and shows one entry of each kind.
const minimal = `
certificates:
  - local_ca: {names: [bridge.contoso.local, 10.20.0.5]}
  - acme:
      names: [bridge.contoso.com]
      email: it@contoso.com
      external_account: {id: contoso-1, key: b2YtYS1maWxl}
upstreams:
  exchange-online: {imap: outlook.office365.com:993, pop3: outlook.office365.com:995, auth: passthrough}
  with-a-secret:
    imap: outlook.office365.com:993
    pop3: outlook.office365.com:995
    auth: {oauth2: {tenant: contoso.onmicrosoft.com, client_id: 00000000-0000-0000-0000-000000000000,
      client_secret: of-a-file, client_secret_expires: 2027-05-01}}
timezone: UTC
accounts:
  - login: scanner1
    aliases: ['CONTOSO\scanner1']
    mailbox: scans@contoso.com
    password: $argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBhIHBhc3N3b3Jk$YSBoYXNoIHRoYXQgbm8gcGFzc3dvcmQgZml0czogd29v
    sources: [10.20.3.0/24]
    protocols: [pop3]
    expires: 2027-03-01
  - login: scanner2@contoso.com
    passwords:
      reception: $argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBhIHBhc3N3b3Jk$YSBoYXNoIHRoYXQgbm8gcGFzc3dvcmQgZml0czogd29v
      basement: $argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiB0aGUgb3RoZXI$YSBoYXNoIHRoYXQgbm8gcGFzc3dvcmQgZml0czogd29v
  - login: "*@contoso.com"
    password: $argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBhIHBhc3N3b3Jk$YSBoYXNoIHRoYXQgbm8gcGFzc3dvcmQgZml0czogd29v
    mailboxes: [fax1@contoso.com, fax2@contoso.com]
    sources: [10.20.0.0/16]
rules:
  - match: {source: 10.20.40.0/24, account: "*@plant2.contoso.com", protocol: [imap, pop3]}
    upstream: exchange-online
  - match: {listener: [imaps, imap], readiness: legacy, not: {blockers: [no_tls, starttls_port]}}
    upstream: exchange-online
  - match: {source: 10.20.41.0/24, mac: "00:00:5e:00:53:01"}
    stage: brownout
    schedule: ["Mon-Fri 10:00-10:30"]
    block_from: 2027-03-01
    dry_run: true
  - match: {account: fax1@contoso.com, device: "10.20.3.*/*", upstream_percent: 10}
    from: 2027-01-15T20:00
    until: 2027-06-01
    upstream: with-a-secret
    mailbox: fax@contoso.com
    block_from: deadline
    cut_sessions: true
  - match: {blockers: []}
    upstream: exchange-online
    stage: warn
    message: This device can use outlook.office365.com directly.
notices:
  email: {server: mail.contoso.com:587, from: bridge@contoso.com, to: [it@contoso.com], user: bridge@contoso.com, password: of-a-file}
  webhooks:
    - {url: https://hooks.contoso.com/x, secret: of-a-file}
admin:
  password: $argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBhIHBhc3N3b3Jk$YSBoYXNoIHRoYXQgbm8gcGFzc3dvcmQgZml0czogd29v
  certificate: local_ca
`

func example() (examples, error) {
	defaults, err := parse("drain: 2m")
	if err != nil {
		return examples{}, err
	}
	filled, err := parse(minimal)
	if err != nil {
		return examples{}, err
	}
	file := &config.CertificateFile{Certificate: "/etc/ssl/bridge.pem", Key: "/etc/ssl/bridge.key"}
	return examples{
		Defaults:     *defaults,
		Listener:     defaults.Listeners[0],
		Upstream:     defaults.Upstreams[0],
		Certificates: append(filled.Certificates, config.Certificate{File: file}),
		Modern:       withCertificate(filled.Upstreams[1]),
		Accounts:     filled.Accounts,
		Rules:        filled.Rules,
		Admin:        filled.Admin,
		SNMP:         exampleSNMP(),
		Notices:      filled.Notices,
	}, nil
}

// exampleSNMP has for its secrets what the file shows of them.
func exampleSNMP() config.SNMP {
	return config.SNMP{
		Version: config.SNMPVersion3,
		Sources: []netip.Prefix{netip.MustParsePrefix("10.20.3.0/24")},
		User:    "drawbridge",
		Auth:    &config.SNMPAuth{Protocol: "sha256", Password: secret.New("{file: /run/secrets/snmp-auth}")},
		Privacy: &config.SNMPPrivacy{Protocol: "aes", Password: secret.New("{file: /run/secrets/snmp-privacy}")},
	}
}

// withCertificate returns an upstream with a secret, and one that has a certificate instead.
func withCertificate(u config.Upstream) []config.Upstream {
	other := u
	other.Name = "with-a-certificate"
	other.OAuth2 = &config.OAuth2{
		Flow: u.OAuth2.Flow, Cloud: u.OAuth2.Cloud, Tenant: u.OAuth2.Tenant, ClientID: u.OAuth2.ClientID,
		ClientCertificate: &config.ClientCertificate{File: "/etc/ssl/drawbridge-app.pem"},
	}
	return []config.Upstream{u, other}
}

func parse(text string) (*config.Config, error) {
	return config.Parse("drawbridge.yaml", []byte(text), config.Environment{Hostname: "bridge-1"})
}

// isExample tells the keys whose shown values are no defaults.
func isExample(t reflect.Type, key string) bool {
	switch t.Name() + "." + key {
	case "Config.name", "Listener.name", "Listener.address", "Upstream.imap", "Upstream.pop3", "Upstream.auth", "ACME.names", "ACME.email",
		"OAuth2.tenant", "OAuth2.client_id", "OAuth2.client_secret", "OAuth2.client_secret_expires",
		"Account.login", "Account.aliases", "Account.mailbox", "Account.password", "Account.sources", "Account.protocols", "Account.expires",
		"NoticeEmail.server", "NoticeEmail.from", "NoticeEmail.to", "NoticeEmail.user", "NoticeEmail.password",
		"NoticeWebhook.url", "NoticeWebhook.secret", "Admin.password", "SNMP.version", "SNMP.sources", "SNMP.user", "SNMPAuth.password", "SNMPPrivacy.password":
		return true
	}
	return false
}

// fieldsOf returns the fields of a struct that are keys.
func fieldsOf(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); keyOf(f) != "-" && !yield(f) {
				return
			}
		}
	}
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

// leafOf returns a value as the file has it, or false for groups and lists of groups.
func leafOf(f reflect.StructField, v reflect.Value) (any, bool) {
	switch x := v.Interface().(type) {
	case time.Duration:
		return config.FormatDuration(x), true
	case *config.Certificate: // that of admin, in its short form
		return "local_ca", x != nil
	case config.Ciphers:
		return x.Mode, true
	case []string:
		return x, x != nil
	case *[]string:
		if x == nil {
			return nil, false
		}
		return *x, true
	case []netip.Prefix:
		return texts(x), x != nil
	case []schedule.Window:
		return windowsOf(x), x != nil
	case config.BlockFrom:
		return blockFrom(x), true
	case *bool:
		return dereferenced(x)
	case *int:
		return dereferenced(x)
	case secret.Secret:
		return secretOf(keyOf(f), x), true
	case time.Time:
		return moment(x), true
	case string, int, int64, bool:
		if f.Tag.Get("drawbridge") == "size" && !v.IsZero() {
			return config.FormatSize(v.Int()), true
		}
		return x, true
	}
	return nil, false
}

// quoteless is a text of more than one value.
type quoteless string

// secretOf shows the hash of an example, and of other secrets where they may be.
func secretOf(key string, s secret.Secret) any {
	switch key {
	case "password":
		switch text := s.Reveal(); {
		case strings.HasPrefix(text, "{"):
			return quoteless(text)
		case text == "of-a-file": // that of the notices' mail server; others are hashes
			return quoteless("{file: /run/secrets/mail-password}")
		}
		return s.Reveal()
	case "dsn", "url":
		return s.Reveal()
	case "secret":
		return quoteless("{file: /run/secrets/hook-secret}")
	case "token_key":
		return quoteless("{file: /run/secrets/token-key}")
	}
	return quoteless("{file: /run/secrets/drawbridge}")
}

func texts(prefixes []netip.Prefix) []string {
	all := make([]string, len(prefixes))
	for i, p := range prefixes {
		all[i] = strings.TrimSuffix(p.String(), "/32")
	}
	return all
}

func dereferenced[T any](x *T) (any, bool) {
	if x == nil {
		return nil, false
	}
	return *x, true
}

// moment writes a time as briefly as a file may.
func moment(at time.Time) string {
	if at.Hour() == 0 && at.Minute() == 0 {
		return at.Format(time.DateOnly)
	}
	return at.Format("2006-01-02T15:04")
}

func blockFrom(b config.BlockFrom) string {
	if b.Deadline {
		return b.String()
	}
	return moment(b.At)
}

func windowsOf(windows []schedule.Window) []string {
	all := make([]string, len(windows))
	for i, w := range windows {
		all[i] = w.String()
	}
	return all
}
