package config_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("/etc/drawbridge/drawbridge.yaml", []byte(text), machine)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return c
}

// refused returns the one fault of a text.
func refused(t *testing.T, text string) config.Fault {
	t.Helper()
	_, err := config.Parse("drawbridge.yaml", []byte(text), machine)
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) != 1 {
		t.Fatalf("Parse(%q) = %v, want one fault", text, err)
	}
	return faults[0]
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestDefault_IsWhatTheContractSays(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	c := config.Default()
	equal(t, "data_dir", c.DataDir, "/state/drawbridge")
	equal(t, "drain", c.Drain, 2*time.Minute)
	type listener struct{ name, protocol, address, tls string }
	var got []listener
	for _, l := range c.Listeners {
		got = append(got, listener{l.Name, l.Protocol, l.Address, l.TLS})
	}
	equal(t, "listeners", got, []listener{
		{"imaps", "imap", ":1993", "implicit"},
		{"pop3s", "pop3", ":1995", "implicit"},
		{"imap", "imap", ":1143", "starttls"},
		{"pop3", "pop3", ":1110", "starttls"},
	})
	equal(t, "certificates", c.Certificates, []config.Certificate{{LocalCA: &config.LocalCA{Signature: "sha256"}}})
	equal(t, "upstreams", c.Upstreams, []config.Upstream{{
		Name: "exchange-online", IMAP: "outlook.office365.com:993", POP3: "outlook.office365.com:995",
		TLS: "implicit", MinVersion: "1.2", Family: "any", DialTimeout: 30 * time.Second, LoginTimeout: time.Minute,
		Limits:  config.UpstreamLimits{SessionsPerMailbox: 10, DialsPerSecond: 100, Queue: 30 * time.Second},
		Guesses: config.Guesses{Count: 2, Per: 30 * time.Minute}, Auth: "passthrough",
	}})
	equal(t, "admin", c.Admin, config.Admin{Address: "127.0.0.1:8025", Names: []string{}})
	host, err := os.Hostname()
	if err == nil {
		equal(t, "name", c.Name, host)
	}
}

func TestDefault_ListenerIsClosedToTheInternet(t *testing.T) {
	l := config.Default().Listeners[0]
	for address, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "172.31.0.1": true, "192.168.9.9": true, "169.254.1.1": true,
		"::1": true, "fd00::1": true, "fe80::1": true,
		"8.8.8.8": false, "172.32.0.1": false, "100.64.0.1": false, "2001:db8::1": false, "::": false, "0.0.0.0": false,
	} {
		got := false
		for _, p := range l.Allow {
			got = got || p.Contains(netip.MustParseAddr(address))
		}
		if got != want {
			t.Errorf("%s allowed: %t, want %t", address, got, want)
		}
	}
	equal(t, "limits", l.Limits, config.Limits{Sessions: 10000, SessionsPerSource: 50, Handshakes: 256,
		HandshakeTimeout: 30 * time.Second, LoginTimeout: time.Minute, IdleTimeout: 31 * time.Minute, BadCommands: 10})
	equal(t, "record_size", l.RecordSize, 16384)
	equal(t, "min_version", l.MinVersion, "1.0")
}

func TestDefault_DataFolder(t *testing.T) {
	for _, test := range []struct{ name, state, home, want string }{
		{"home", "", "/home/anna", "/home/anna/.local/state/drawbridge"},
		{"a relative state folder is ignored", "state", "/home/anna", "/home/anna/.local/state/drawbridge"},
		{"no home", "", "", "/var/lib/drawbridge"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", test.state)
			t.Setenv("HOME", test.home)
			equal(t, "data_dir", config.Default().DataDir, test.want)
		})
	}
}

func TestParse_WhatTheFileLeavesOutIsAsWithoutFile(t *testing.T) {
	want, got := config.Default(), parse(t, "drain: 2m")
	want.DataDir, want.Name, want.Timezone = "/var/lib/drawbridge", "bridge-1", zone(t, "Europe/Vienna")
	equal(t, "configuration", got, want)
}

func TestParse_NameWithoutHostName(t *testing.T) {
	c, err := config.Parse("drawbridge.yaml", []byte("drain: 2m"), config.Environment{})
	if err != nil || c.Name == "" {
		t.Errorf("name %q, %v, want one", c.Name, err)
	}
}

func TestParse_Example(t *testing.T) {
	c, err := config.Parse("/etc/drawbridge/drawbridge.yaml", read(t, "testdata/good-example.yaml"), machine)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "data_dir", c.DataDir, "/etc/drawbridge/var/drawbridge")
	equal(t, "drain", c.Drain, 90*time.Second)
	equal(t, "warnings", len(c.Warnings), 0)

	first, second := c.Listeners[0], c.Listeners[1]
	equal(t, "min_version without quotes", first.MinVersion, "1.0")
	equal(t, "record_size", first.RecordSize, 4096)
	equal(t, "allow", first.Allow, prefixes("10.20.0.0/16", "fd00:20::/32", "10.30.0.7/32"))
	equal(t, "proxy_protocol", first.ProxyProtocol, prefixes("10.20.0.2/32"))
	equal(t, "device_tokens", first.DeviceTokens, false)
	equal(t, "device_tokens by default", second.DeviceTokens, true)
	equal(t, "ciphers", second.Ciphers, config.Ciphers{Mode: "list", Suites: []uint16{0x002f, 0xc02f, 0x1301}})
	equal(t, "tls", second.TLS, "starttls")
	want := config.Default().Listeners[0].Limits
	want.Sessions, want.HandshakeTimeout = 500, 0
	equal(t, "limits, merged", first.Limits, want)
	equal(t, "limits, by alias", second.Limits, want)
	equal(t, "ciphers", c.Listeners[2].Ciphers.Mode, "modern")

	equal(t, "certificates", c.Certificates, []config.Certificate{
		{LocalCA: &config.LocalCA{Names: []string{"bridge.contoso.local", "10.20.0.5"}, Signature: "sha256"}},
		{ACME: &config.ACME{Names: []string{"bridge.contoso.com"}, Email: "it@contoso.com",
			Directory: "https://acme-v02.api.letsencrypt.org/directory", TLSALPN: ":443"}},
	})
	equal(t, "order of upstreams", []string{c.Upstreams[0].Name, c.Upstreams[1].Name}, []string{"exchange-online", "on-prem"})
	equal(t, "on-prem", c.Upstreams[1], config.Upstream{
		Name: "on-prem", IMAP: "mail.contoso.local:143", TLS: "starttls", MinVersion: "1.3", ServerName: "mail.contoso.com",
		Family: "ipv4", DialTimeout: 5 * time.Second, LoginTimeout: time.Minute,
		Limits:  config.UpstreamLimits{SessionsPerMailbox: 10, Queue: 30 * time.Second},
		Guesses: config.Guesses{Count: 1, Per: 30 * time.Minute}, Auth: "passthrough",
	})
	none, password := []string{}, []string{"password_login"}
	equal(t, "rules", c.Rules, []config.Rule{
		{Index: 0, Match: config.Match{Account: []string{"*@plant2.contoso.com"}, Protocol: []string{"imap"}}, Upstream: "on-prem"},
		{Index: 1, Match: config.Match{Blockers: &none,
			Not: &config.Match{Source: prefixes("10.20.40.0/24", "10.20.41.9/32"), Listener: []string{"modern"}}}, Upstream: "exchange-online"},
		{Index: 2, Match: config.Match{Readiness: []string{"legacy", "obsolete"}, Blockers: &password}, Upstream: "exchange-online",
			Stage: "bridge", DryRun: new(false)},
		{Index: 3, Upstream: "exchange-online"},
	})
	equal(t, "log", c.Log, config.Log{Level: "debug", Format: "console", Output: []string{"stdout", "/etc/drawbridge/bridge.log"},
		Rotate: config.Rotate{Size: 100 << 20, Keep: 3}})
	equal(t, "admin", c.Admin, config.Admin{Address: "[::1]:8025", Names: []string{"bridge.contoso.local"}})
}

func TestParse_Routes(t *testing.T) {
	const upstreams = `
upstreams:
  both: {imap: a.local:993, pop3: a.local:995, auth: passthrough}
  imap-only: {imap: b.local:993, auth: passthrough}
`
	for _, test := range []struct{ name, rules, fault string }{
		{"a rule for the protocol that is there", "[{match: {protocol: imap}, upstream: imap-only}]", ""},
		{"a rule for every protocol", "[{upstream: imap-only}]", "rules[0].upstream"},
		{"listeners of the protocol that is there", "[{match: {listener: [imap, imaps]}, upstream: imap-only}]", ""},
		{"a listener of the other protocol", "[{match: {listener: pop3s}, upstream: imap-only}]", "rules[0].upstream"},
		{"the other protocol taken before", "[{match: {protocol: pop3}, upstream: both}, {upstream: imap-only}]", ""},
		{"some of the other protocol taken before", "[{match: {protocol: pop3, source: 10.0.0.1}, upstream: both}, {upstream: imap-only}]",
			"rules[1].upstream"},
		{"the other protocol excepted", "[{match: {not: {protocol: pop3}}, upstream: imap-only}]", ""},
		{"some of the other protocol excepted", "[{match: {not: {protocol: pop3, account: a}}, upstream: imap-only}]", "rules[0].upstream"},
		{"some of the other protocol taken by not",
			"[{match: {not: {protocol: pop3, source: 10.0.0.1}}, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"everything taken by not", "[{match: {not: {protocol: imap}}, upstream: both}, {upstream: imap-only}]", ""},
		{"a rule for some devices alone", "[{match: {device: '*/a'}, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"by MAC address", "[{match: {mac: '00:00:5e:00:53:01'}, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"by a percentage", "[{match: {upstream_percent: 10}, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"all but a percentage", "[{match: {not: {upstream_percent: 10}}, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"a wave that comes", "[{from: 2027-01-15, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"a rule that ends", "[{until: 2027-01-15, upstream: both}, {upstream: imap-only}]", "rules[1].upstream"},
		{"a wave that leads there", "[{from: 2027-01-15, upstream: imap-only}, {upstream: both}]", "rules[0].upstream"},
		{"a mailbox and a stage", "[{match: {protocol: pop3}, mailbox: a@contoso.com, stage: block}, {upstream: both}]", ""},
		{"a rule that sets another thing", "[{match: {protocol: pop3}, stage: bridge}]", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := upstreams + "rules: " + test.rules
			if test.fault == "" {
				parse(t, text)
				return
			}
			equal(t, "key of the fault", refused(t, text).Key, test.fault)
		})
	}
}

func TestParse_FirstUpstreamMustServeEveryListener(t *testing.T) {
	const upstream = "upstreams: {x: {pop3: a.local:995, auth: passthrough}}\n"
	f := refused(t, upstream+"listeners: [{name: a, address: ':0'}, {name: b, address: ':0'}]")
	equal(t, "key", f.Key, "upstreams.x")
	parse(t, upstream+"listeners: [{name: a, protocol: pop3, address: ':0'}, {name: b, protocol: pop3, address: ':0'}]")
}

func TestParse_AddressesThatDoNotOverlap(t *testing.T) {
	parse(t, `
listeners:
  - {name: a, address: "10.0.0.1:993"}
  - {name: b, address: "10.0.0.2:993"}
  - {name: c, address: "127.0.0.1:0"}
  - {name: d, address: "127.0.0.1:0"}
admin: {address: ""}
`)
	f := refused(t, `{listeners: [{name: a, address: "10.0.0.1:993"}, {name: b, address: "[::]:993"}]}`)
	equal(t, "key", f.Key, "listeners[1].address")
}

func TestParse_DurationsAndSizes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "30s": 30 * time.Second, "2m": 2 * time.Minute,
		"1h30m": 90 * time.Minute, "400d": 9600 * time.Hour, "36500d": 876000 * time.Hour,
	} {
		got := parse(t, "drain: "+text).Drain
		equal(t, text, got, want)
		equal(t, text+" written and read", parse(t, "drain: "+config.FormatDuration(got)).Drain, want)
	}
	for _, text := range []string{"30", "1.5h", "30 s", "1w", "h", "s30", "-1s", "+1s", "36500d1s", "9999999999999s", "''"} {
		equal(t, text, refused(t, "drain: "+text).Key, "drain")
	}
	for text, want := range map[string]int64{"1MiB": 1 << 20, "2048KiB": 2 << 20, "1GiB": 1 << 30, "1048576B": 1 << 20} {
		got := parse(t, "log: {rotate: {size: "+text+"}}").Log.Rotate.Size
		equal(t, text, got, want)
		equal(t, text+" written and read", parse(t, "log: {rotate: {size: "+config.FormatSize(got)+"}}").Log.Rotate.Size, want)
	}
	for text, mend := range map[string]string{
		"100MB": "write 100MiB", "1g": "write 1GiB", "64k": "write 64KiB", "100": "write the unit too, such as 100B or 100KiB",
		"big": "write a whole number with its unit (B, KiB, MiB or GiB), such as 16KiB", "1KiB": "write at least 1MiB",
		"9999999999GiB": "write at most 1024GiB",
	} {
		equal(t, text, refused(t, "log: {rotate: {size: "+text+"}}").Mend, mend)
	}
}

func TestParse_OneOfMoreFaultsHidesNone(t *testing.T) {
	_, err := config.Parse("drawbridge.yaml", []byte("drain: x\nname: ''\nlog: {level: x}\nrules: [{upstream: x}]\nadmin: {adress: x}"),
		machine)
	var faults config.Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var keys []string
	for _, f := range faults {
		keys = append(keys, f.Key)
	}
	equal(t, "keys, by position", keys, []string{"drain", "name", "log.level", "rules[0].upstream", "admin.adress"})
}

func TestParse_FaultsAreBoundedAndFitForTerminals(t *testing.T) {
	_, err := config.Parse("drawbridge.yaml", []byte("\"\\e[31m\\u202e\": 1\n"+strings.Repeat("a", 500)+": 2\ndrain: \"\\e[0m\"\n"), machine)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\u202e") || len(err.Error()) > 1500 {
		t.Errorf("the faults repeat control characters or too much: %q", err)
	}
	_, err = config.Parse("drawbridge.yaml", []byte("log: {output: ["+strings.Repeat("'',", 5000)+"]}"), machine)
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) > 1000 {
		t.Errorf("want at most 1000 faults")
	}
	_, err = config.Parse("drawbridge.yaml", make([]byte, 1<<20+1), machine)
	if err == nil || !strings.Contains(err.Error(), "1MiB") {
		t.Errorf("a file too large: %v", err)
	}
}

func TestParse_SecretsAreNotRepeated(t *testing.T) {
	for _, text := range []string{
		"admin: {password: $argon2id$v=19$m=19456,t=2,p=1$c2VjcmV0$c2VjcmV0}",
		"admin:\n  password: c2VjcmV0: x",
		"admin: {password: *c2VjcmV0}",
		"admin: {pasword: c2VjcmV0}",
		"admin: {address: ':8025', certificate: local_ca, password: c2VjcmV0}",
		"inventory: {dsn: 'postgres://u:c2VjcmV0@db.local/x'}",
		"inventory: {store: postgres, dsn: c2VjcmV0}",
		"inventory: {store: postgres, dsn: 'postgres://u:c2VjcmV0@db.local:c2VjcmV0/x'}",
		"inventory: {store: postgres, dsn: 'postgres://u:p/c2VjcmV0@db.local/x'}",
		"inventory: {store: postgres, dsn: 'host=db.local password=c2VjcmV0 c2VjcmV0'}",
		"inventory: {store: postgres, dsn: 'host=db.local sslmode=c2VjcmV0'}",
		"inventory: {store: postgres, dsn: [c2VjcmV0]}",
		"inventory: {store: c, dsn: {password: c2VjcmV0}}",
		"inventory: {enrich: {snmp: c2VjcmV0}}",
		"inventory: {enrich: {snmp: [c2VjcmV0]}}",
		"inventory: {enrich: {snmp: {version: 3, community: c2VjcmV0}}}",
		"inventory: {enrich: {snmp: {version: 3, auth: {password: [c2VjcmV0]}}}}",
		"inventory: {enrich: {snmp: {version: 3, auth: c2VjcmV0}}}",
		"token_key: c2VjcmV0\n",
		"token_key: [c2VjcmV0]",
		"token_key: {c2VjcmV0: x}",
		"token_key: {{c2VjcmV0}}",
		"token_key: file:c2VjcmV0",
		"token_key: {file: a, c2VjcmV0: b}",
		"accounts: [{login: a, password: c2VjcmV0}]",
		"accounts: [{login: a, password: '$argon2id$c2VjcmV0'}]",
		"accounts: [{login: a, password: '$2y$10$c2VjcmV0'}]",
		"accounts: [{login: a, passwords: {reception: c2VjcmV0}}]",
		"accounts: [{login: a, passwords: c2VjcmV0}]",
		"accounts: [{login: a, password: $argon2id$v=19$m=19456,t=2,p=1$c2VjcmV0$c2VjcmV0}]",
		"upstreams: {x: {imap: 'a.local:993', auth: {oauth2: {client_secret: {value: c2VjcmV0}}}}}",
		"upstreams: {x: {imap: 'a.local:993', auth: {oauth2: {client_secret: [c2VjcmV0]}}}}",
	} {
		_, err := config.Parse("drawbridge.yaml", []byte(text), machine)
		if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "drawbridge.yaml")
	if err := os.WriteFile(file, []byte("data_dir: data\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil || c.DataDir != filepath.Join(folder, "data") {
		t.Errorf("Load = %+v, %v", c, err)
	}
	_, err = config.Load(filepath.Join(folder, "none.yaml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "none.yaml does not exist; create it or name another file") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err = config.Load(folder); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err = config.Load(filepath.Join(file, "below")); err == nil || strings.Contains(err.Error(), "nil") {
		t.Errorf("a path through a file: %v", err)
	}
	large := filepath.Join(folder, "large.yaml")
	if err := os.WriteFile(large, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = config.Load(large); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("a large file: %v", err)
	}
}
