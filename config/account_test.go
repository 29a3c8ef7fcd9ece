package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/secret"
)

// hash is a well-formed argon2id hash that no password is known for.
const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBhIHBhc3N3b3Jk$YSBoYXNoIHRoYXQgbm8gcGFzc3dvcmQgZml0czogd29v"

// oauth2 is an upstream with the keys of a flow.
func oauth2(name, keys string) string {
	return "  " + name + ": {imap: 'a.local:993', pop3: 'a.local:995', auth: {oauth2: {tenant: contoso.com, " +
		"client_id: 11111111-2222-3333-4444-555555555555, " + keys + "}}}\n"
}

// revealed makes an account comparable.
func revealed(a config.Account) (config.Account, map[string]string) {
	hashes := map[string]string{}
	for _, p := range a.Hashes() {
		hashes[p.Name] = p.Hash.Reveal()
	}
	a.Password, a.Passwords = secret.Secret{}, nil
	return a, hashes
}

func TestParse_Accounts(t *testing.T) {
	c, err := config.Parse("testdata/good-accounts.yaml", read(t, "testdata/good-accounts.yaml"), machine)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "warnings", len(c.Warnings), 0)
	equal(t, "token_key", c.TokenKey.Reveal(), "a key of more than sixteen bytes")
	tokyo := zone(t, "Asia/Tokyo")
	for i, want := range []struct {
		account config.Account
		pattern bool
		hashes  map[string]string
	}{
		{config.Account{Login: "scanner1", Aliases: []string{`CONTOSO\scanner1`, "scan 1"}, Mailbox: "scans@contoso.com",
			Sources: prefixes("10.20.3.0/24", "10.20.4.7/32"), Protocols: []string{"pop3"}, Expires: time.Date(2027, 3, 1, 0, 0, 0, 0, tokyo)},
			false, map[string]string{"": hash}},
		{config.Account{Login: "scanner2@contoso.com", Disabled: true}, false, map[string]string{"reception": hash, "basement": hash}},
		{config.Account{Login: "*@contoso.com", Mailboxes: []string{"fax1@contoso.com", "fax2@contoso.com"}, Sources: prefixes("10.20.0.0/16")},
			true, map[string]string{"": hash}},
		{config.Account{Login: "*@entra.contoso.com", Mailboxes: []string{"*@entra.contoso.com"}, AnyMailbox: true,
			Sources: prefixes("10.20.0.0/16")},
			true, map[string]string{}},
	} {
		got, hashes := revealed(c.Accounts[i])
		equal(t, want.account.Login, got, want.account)
		equal(t, want.account.Login+", hashes", hashes, want.hashes)
		equal(t, want.account.Login+", pattern", got.Pattern(), want.pattern)
	}
	equal(t, "order of passwords", c.Accounts[1].Hashes()[0].Name, "reception")
}

func TestParse_AccountsAreNoneByDefault(t *testing.T) {
	equal(t, "default", len(config.Default().Accounts), 0)
	equal(t, "an empty list", len(parse(t, "accounts: []").Accounts), 0)
}

func TestParse_MailboxesOfAFile(t *testing.T) {
	folder := t.TempDir()
	text := "accounts: [{login: '*@contoso.com', sources: [10.0.0.0/8], mailboxes: {file: fleet.txt}}]"
	fleet := filepath.Join(folder, "fleet.txt")
	write(t, fleet, []byte("\ufeff# of the plant\r\nfax1@contoso.com\r\n\n  fax2@contoso.com  \n"), 0o644)
	c, err := in(folder, text)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "mailboxes", c.Accounts[0].Mailboxes, []string{"fax1@contoso.com", "fax2@contoso.com"})
	for content, says := range map[string]string{
		"# nobody\n":                          "holds no mailbox",
		"fax1@contoso.com\nfax 2@contoso.com": `fleet.txt: "fax 2@contoso.com" is no mailbox; write`,
		"*@contoso.com\n":                     "any_mailbox: true",
		"fax\x00\n":                           `: "fax\x00" is no mailbox`,
	} {
		write(t, fleet, []byte(content), 0o644)
		if _, err := in(folder, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", content, err, says)
		}
	}
	if _, err := in(folder, strings.ReplaceAll(text, "file: fleet.txt", "")); err == nil ||
		!strings.Contains(err.Error(), `"file" is missing`) {
		t.Errorf("no file: %v", err)
	}
}

func TestParse_HashesOfFilesAndVariables(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "hash"), []byte(hash+"\n"), 0o600)
	env := machine
	env.Lookup = func(name string) (string, bool) { return hash, name == "HASH" }
	c, err := config.Parse(filepath.Join(folder, "drawbridge.yaml"),
		[]byte("accounts: [{login: a, password: {file: hash}}, {login: b, passwords: {one: {env: HASH}}}]"), env)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "of a file", c.Accounts[0].Password.Reveal(), hash)
	equal(t, "of a variable", c.Accounts[1].Passwords[0].Hash.Reveal(), hash)
	write(t, filepath.Join(folder, "hash"), []byte(hash), 0o644)
	if _, err := in(folder, "accounts: [{login: a, password: {file: hash}}]"); err == nil ||
		!strings.Contains(err.Error(), "can be read by everybody") {
		t.Errorf("a file that everybody can read: %v", err)
	}
}

// TestParse_NoTokenForAnUncheckedPassword holds architecture.md's invariant: what is not checked by Entra ID is checked
// here.
func TestParse_NoTokenForAnUncheckedPassword(t *testing.T) {
	const appOnly, entra = "client_secret: hunter2", "flow: password"
	for _, test := range []struct{ name, upstreams, rules, account, key string }{
		{"client_credentials", oauth2("a", appOnly), "", "login: a@contoso.com", "accounts[0]"},
		{"managed_identity", oauth2("a", "flow: managed_identity"), "", "login: a@contoso.com", "accounts[0]"},
		{"device_code", oauth2("a", "flow: device_code"), "", "login: a@contoso.com", "accounts[0]"},
		{"a pattern", oauth2("a", appOnly), "", "login: '*@contoso.com', sources: [10.0.0.1], mailboxes: [a@contoso.com]", "accounts[0]"},
		{"a disabled login", oauth2("a", appOnly), "", "login: a@contoso.com, disabled: true", "accounts[0]"},
		{"with a password", oauth2("a", appOnly), "", "login: a@contoso.com, password: '" + hash + "'", ""},
		{"with named passwords", oauth2("a", appOnly), "", "login: a@contoso.com, passwords: {one: '" + hash + "'}", ""},
		{"Entra ID checks", oauth2("a", entra), "", "login: a@contoso.com", ""},
		{"Entra ID checks a pattern", oauth2("a", entra), "", "login: '*@contoso.com', sources: [10.0.0.1], mailboxes: [a@contoso.com]", ""},
		{"a rule for everybody", oauth2("a", entra) + oauth2("b", appOnly), "[{upstream: b}]", "login: a@contoso.com", "accounts[0]"},
		{"a rule by source", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {source: 10.0.0.1}, upstream: b}]", "login: a@contoso.com",
			"accounts[0]"},
		{"a rule for others", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {account: 'b*'}, upstream: b}]", "login: a@contoso.com", ""},
		{"a rule for it", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {account: [b*, 'A@*']}, upstream: b}]", "login: a@contoso.com",
			"accounts[0]"},
		{"a rule for an alias", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {account: 'b*'}, upstream: b}]",
			"login: a@contoso.com, aliases: [B1]", "accounts[0]"},
		{"a rule for the protocol it has not", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {protocol: imap}, upstream: b}]",
			"login: a@contoso.com, protocols: [pop3]", ""},
		{"a rule for the protocol it has", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {protocol: imap}, upstream: b}]",
			"login: a@contoso.com", "accounts[0]"},
		{"led away from the first", oauth2("b", appOnly) + oauth2("a", entra), "[{match: {account: 'a@*'}, upstream: a}]",
			"login: a@contoso.com", ""},
		{"led away by name alone in part", oauth2("b", appOnly) + oauth2("a", entra),
			"[{match: {account: 'a@*', source: 10.0.0.1}, upstream: a}]", "login: a@contoso.com", "accounts[0]"},
		{"led away but for an alias", oauth2("b", appOnly) + oauth2("a", entra), "[{match: {account: 'a@*'}, upstream: a}]",
			"login: a@contoso.com, aliases: [b]", "accounts[0]"},
		{"a pattern led away", oauth2("b", appOnly) + oauth2("a", entra), "[{match: {account: '*@contoso.com'}, upstream: a}]",
			"login: 'fax*@contoso.com', sources: [10.0.0.1], mailboxes: [fax1@contoso.com]", ""},
		{"a pattern led away in part", oauth2("b", appOnly) + oauth2("a", entra), "[{match: {account: 'fax?@contoso.com'}, upstream: a}]",
			"login: 'fax*@contoso.com', sources: [10.0.0.1], mailboxes: [fax1@contoso.com]", "accounts[0]"},
		{"a rule for one name beyond the pattern", oauth2("a", entra) + oauth2("b", appOnly),
			"[{match: {account: b@contoso.com}, upstream: b}]", "login: 'a*@contoso.com', sources: [10.0.0.1], mailboxes: [a@contoso.com]", ""},
		{"a rule for one name whose ends alone fit", oauth2("a", entra) + oauth2("b", appOnly),
			"[{match: {account: ab@contoso.com}, upstream: b}]", "login: 'a*c*@contoso.com', sources: [10.0.0.1], mailboxes: [ac@contoso.com]", ""},
		{"a rule for another pattern", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {account: '*@plant2.contoso.com'}, upstream: b}]",
			"login: '*@contoso.com', sources: [10.0.0.1], mailboxes: [a@contoso.com]", ""},
		{"a rule for one of the pattern", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {account: 'a@contoso.com'}, upstream: b}]",
			"login: '*@contoso.com', sources: [10.0.0.1], mailboxes: [a@contoso.com]", "accounts[0]"},
		{"excepted", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {not: {account: 'a@*'}}, upstream: b}]", "login: a@contoso.com", ""},
		{"excepted in part", oauth2("a", entra) + oauth2("b", appOnly), "[{match: {not: {account: 'a@*', source: 10.0.0.1}}, upstream: b}]",
			"login: a@contoso.com", "accounts[0]"},
		{"led away by not", oauth2("b", appOnly) + oauth2("a", entra), "[{match: {not: {account: 'c@*'}}, upstream: a}]", "login: a@contoso.com",
			""},
		{"led away by not in part", oauth2("b", appOnly) + oauth2("a", entra), "[{match: {not: {source: 10.0.0.1}}, upstream: a}]",
			"login: a@contoso.com", "accounts[0]"},
		{"a flow that is misspelt has its own fault", oauth2("a", "flow: pasword"), "", "login: a@contoso.com", "upstreams.a.auth.oauth2.flow"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "upstreams:\n" + test.upstreams + "accounts: [{" + test.account + "}]\n"
			if test.rules != "" {
				text += "rules: " + test.rules
			}
			if test.key == "" {
				parse(t, text)
				return
			}
			equal(t, "key of the fault", refused(t, text).Key, test.key)
		})
	}
}

func TestParse_TooManyAccountsAndPasswords(t *testing.T) {
	var accounts, passwords strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&accounts, "- {login: a%d}\n", i)
	}
	equal(t, "accounts", refused(t, "accounts:\n"+accounts.String()).Key, "accounts")
	for i := range 257 {
		fmt.Fprintf(&passwords, "p%d: '%s', ", i, hash)
	}
	equal(t, "passwords", refused(t, "accounts: [{login: a, passwords: {"+passwords.String()+"}}]").Key, "accounts[0].passwords")
}
