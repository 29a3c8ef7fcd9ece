package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

func TestDefault_InventoryIsWhatTheContractSays(t *testing.T) {
	c := parse(t, "drain: 2m")
	equal(t, "contact", c.Contact, "")
	equal(t, "inventory", c.Inventory, config.Inventory{
		Store:      config.StoreSQLite,
		IdentifyBy: config.IdentifyBySource,
		Keep:       config.Keep{Sessions: 30 * 24 * time.Hour, Days: 400 * 24 * time.Hour},
		Journal:    config.Journal{Sync: time.Second, Rotate: 64 << 20},
		Enrich:     config.Enrich{ReverseDNS: true, MACAddress: true},
	})
	if c.Inventory.DSN.Reveal() != "" {
		t.Error("there is a dsn")
	}
}

func TestParse_InventoryOfTheGoodFile(t *testing.T) {
	c, err := config.Parse("testdata/good-inventory.yaml", read(t, "testdata/good-inventory.yaml"), machine)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "warnings", len(c.Warnings), 0)
	equal(t, "contact", c.Contact, "IT service desk, ext. 4711")
	i := c.Inventory
	equal(t, "store", i.Store, config.StorePostgres)
	equal(t, "dsn", i.DSN.Reveal(), `host=db.contoso.local user=drawbridge dbname=drawbridge sslmode=verify-full password='with \'quotes\''`)
	equal(t, "identify_by", i.IdentifyBy, config.IdentifyByMAC)
	equal(t, "keep", i.Keep, config.Keep{Sessions: 90 * 24 * time.Hour, Days: 1000 * 24 * time.Hour, Size: 100 << 30})
	equal(t, "journal", i.Journal, config.Journal{Sync: 250 * time.Millisecond, Rotate: 1 << 30})
	equal(t, "enrich", []bool{i.Enrich.ReverseDNS, i.Enrich.MACAddress}, []bool{false, true})
	s := i.Enrich.SNMP
	equal(t, "snmp", []string{s.Version, s.User, s.Community.Reveal()}, []string{config.SNMPVersion3, "drawbridge", ""})
	equal(t, "sources", s.Sources, prefixes("10.20.3.0/24", "10.20.4.7/32"))
	equal(t, "auth", []string{s.Auth.Protocol, s.Auth.Password.Reveal()}, []string{"sha512", "hunter2 hunter2"})
	equal(t, "privacy", []string{s.Privacy.Protocol, s.Privacy.Password.Reveal()}, []string{"aes256", "hunter2 hunter2"})
}

func TestParse_SNMPStartsFromItsDefaults(t *testing.T) {
	s := parse(t, "inventory: {enrich: {snmp: {community: public, sources: [10.20.3.7]}}}").Inventory.Enrich.SNMP
	equal(t, "version", s.Version, config.SNMPVersion2c)
	equal(t, "community", s.Community.Reveal(), "public")
	s = parse(t, "inventory: {enrich: {snmp: {version: 3, user: u, sources: [10.20.3.7], "+
		"auth: {password: 8letters}, privacy: {password: 8letters}}}}").Inventory.Enrich.SNMP
	equal(t, "protocols", []string{s.Auth.Protocol, s.Privacy.Protocol}, []string{"sha256", "aes"})
}

func TestParse_SNMPEdges(t *testing.T) {
	for text, says := range map[string]string{
		"{community: public, sources: [10.20.3.7]}":                                                             "",
		"{version: 2c, community: {env: NONE}, sources: [10.20.3.7]}":                                           "is not set",
		"{community: public, sources: []}":                                                                      "the list is empty",
		"{version: 3, sources: [10.20.3.7], user: " + strings.Repeat("u", 32) + ", auth: {password: 8letters}}": "",
		"{version: 3, sources: [10.20.3.7], user: " + strings.Repeat("u", 33) + ", auth: {password: 8letters}}": "is no user of SNMP",
		"{version: 3, sources: [10.20.3.7], user: u, auth: {password: 7letter}}":                                "shorter than 8 characters",
		"{version: 3, sources: [10.20.3.7], user: u, auth: {protocol: sha}}":                                    `"password" is missing`,
		"{community: public, sources: [10.20.3.7], user: u, version: 4}":                                        "not a value of this key",
		"FALSE": "",
		"on":    "not a value of this key",
		"":      "no value stands here",
		"{}":    `"sources" is missing`,
	} {
		_, err := config.Parse("drawbridge.yaml", []byte("inventory: {enrich: {snmp: "+text+"}}"), machine)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("snmp: %s: %v, want %q", text, err, says)
		}
	}
}

func TestParse_KeepAndJournalAtTheirEdges(t *testing.T) {
	c := parse(t, "inventory: {keep: {sessions: 1d, days: 24h}, journal: {sync: 10ms, rotate: 1MiB}}")
	equal(t, "keep", c.Inventory.Keep, config.Keep{Sessions: 24 * time.Hour, Days: 24 * time.Hour})
	equal(t, "journal", c.Inventory.Journal, config.Journal{Sync: 10 * time.Millisecond, Rotate: 1 << 20})
	c = parse(t, "inventory: {keep: {size: 4MiB}, journal: {rotate: 1MiB}}")
	equal(t, "size", c.Inventory.Keep.Size, int64(4<<20))
	c = parse(t, "inventory: {keep: {size: 0}, journal: {sync: 60s, rotate: 4GiB}}")
	equal(t, "no bound", c.Inventory.Keep.Size, int64(0))
	equal(t, "journal", c.Inventory.Journal, config.Journal{Sync: time.Minute, Rotate: 4 << 30})
}

func TestParse_DSN(t *testing.T) {
	const plain, unread = "may go there without TLS", "fault"
	for _, test := range []struct{ dsn, variable, says string }{
		{"postgres://db.contoso.local/drawbridge?sslmode=verify-full", "", ""},
		{"postgresql://u:p%40%2F@db.contoso.local:5432/drawbridge?sslmode=require", "", ""},
		{"postgres://db.contoso.local/drawbridge?sslmode=disable", "", plain},
		{"postgres://db.contoso.local/drawbridge?sslmode=prefer", "", plain},
		{"postgres://db.contoso.local/drawbridge", "", plain},
		{"postgres://db.contoso.local/drawbridge", "PGSSLMODE=verify-full", ""},
		{"postgres://localhost:5432/drawbridge", "", ""},
		{"postgres://127.0.0.1:5432,localhost:5433/drawbridge", "", ""},
		{"postgres://[::1]:5432/drawbridge", "", ""},
		{"postgres://[fd00::9]/drawbridge", "", plain},
		{"postgres://127.0.0.1:5432,db2.contoso.local:5432/drawbridge", "", plain},
		{"postgres:///drawbridge?host=/run/postgresql", "", ""},
		{"postgres:///drawbridge", "", ""},
		{"postgres:///drawbridge", "PGHOST=db.contoso.local", plain},
		{"postgres:///drawbridge?service=bridge", "PGHOST=db.contoso.local", ""},
		{"dbname=drawbridge", "", ""},
		{"dbname=drawbridge host=10.20.0.9", "", plain},
		{"dbname=drawbridge host=localhost hostaddr=10.20.0.9", "", plain},
		{" host = '/run/my postgresql'  password = 'a \\' b' ", "", ""},
		{"host=@drawbridge", "", ""},
		{"postgres://u:50%@db.contoso.local/drawbridge", "", unread},
		{"postgres://u:a#b@db.contoso.local/drawbridge", "", unread},
		{"postgres://u:5/b@db.contoso.local/drawbridge", "", unread},
		{"postgres://db.contoso.local/drawbridge#x", "", unread},
		{"postgres://db.contoso.local/drawbridge?sslmode=%zz", "", unread},
		{"Host=db.contoso.local;Database=x", "", unread},
		{"db.contoso.local", "", unread},
		{"   ", "", unread},
	} {
		env := machine
		name, value, _ := strings.Cut(test.variable, "=")
		env.Lookup = func(n string) (string, bool) {
			if n == "DSN" {
				return test.dsn, true
			}
			return value, n == name
		}
		c, err := config.Parse("drawbridge.yaml", []byte("inventory: {store: postgres, dsn: {env: DSN}}"), env)
		got := ""
		switch {
		case err != nil:
			got = unread
		case len(c.Warnings) > 0:
			got = c.Warnings[0]
		}
		if !strings.Contains(got, test.says) || test.says == "" && got != "" {
			t.Errorf("%s with %q: got %q (%v), want %q", test.dsn, test.variable, got, err, test.says)
		}
	}
}

func TestParse_DSNOfAFile(t *testing.T) {
	folder := t.TempDir()
	const text = "inventory: {store: postgres, dsn: {file: dsn}}"
	write(t, filepath.Join(folder, "dsn"), []byte("postgres://localhost/drawbridge\n"), 0o600)
	c, err := in(folder, text)
	if err != nil || c.Inventory.DSN.Reveal() != "postgres://localhost/drawbridge" {
		t.Errorf("Parse = %+v, %v", c, err)
	}
	write(t, filepath.Join(folder, "open"), []byte("postgres://localhost/drawbridge\n"), 0o644)
	if _, err = in(folder, strings.Replace(text, "file: dsn", "file: open", 1)); err == nil ||
		!strings.Contains(err.Error(), "can be read by everybody") {
		t.Errorf("an open file: %v", err)
	}
}

func TestParse_Contact(t *testing.T) {
	for text, taken := range map[string]bool{
		strings.Repeat("c", 200): true, strings.Repeat("c", 201): false, "": true, "a~ b": true,
		"tab\there": false, "del\x7f": false, "ü": false,
	} {
		_, err := config.Parse("drawbridge.yaml", []byte("contact: '"+text+"'"), machine)
		if (err == nil) != taken {
			t.Errorf("contact %q: %v, want taken: %t", text, err, taken)
		}
	}
}

func TestParse_WarnsOfAskingStrangers(t *testing.T) {
	for keys, says := range map[string]string{
		"community: public": "told the community", "version: 3, user: u, auth: {password: 8letters}": "told the user",
	} {
		c := parse(t, "inventory: {enrich: {snmp: {sources: [10.20.3.7, 198.51.100.7], "+keys+"}}}")
		if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "snmp.sources[1]") || !strings.Contains(c.Warnings[0], says) {
			t.Errorf("%s: %q", keys, c.Warnings)
		}
	}
}
