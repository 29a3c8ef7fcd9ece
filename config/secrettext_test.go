package config_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"drawbridge/config"
)

// utf16Of is a text as Notepad ("Unicode") and PowerShell (>, Out-File) save it.
func utf16Of(text string) string {
	out := binary.LittleEndian.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

// secretFrom reads a client secret that is saved so: from a file, from a variable, and as it stands in the configuration.
func secretFrom(t *testing.T, form, saved string) (*config.Config, error) {
	t.Helper()
	folder, env := t.TempDir(), machine
	source := map[string]string{"file": "{file: secret}", "env": "{env: CLIENT_SECRET}", "value": strconv.Quote(saved)}[form]
	write(t, filepath.Join(folder, "secret"), []byte(saved), 0o600)
	env.Lookup = func(name string) (string, bool) { return saved, name == "CLIENT_SECRET" }
	return config.Parse(filepath.Join(folder, "drawbridge.yaml"), []byte("upstreams: {x: {imap: a.local:993, pop3: a.local:995, "+
		"auth: {oauth2: {tenant: contoso.com, "+
		"client_id: 00000000-0000-0000-0000-000000000000, client_secret: "+source+"}}}}\n"+
		"accounts: [{login: a, mailbox: a@contoso.com, password: '"+goodHash+"'}]"), env)
}

const goodHash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"

// TestSecrets_AreReadAlike holds one reader against the ways in which secrets are saved, wherever they come from.
func TestSecrets_AreReadAlike(t *testing.T) {
	const key = "upstreams.x.auth.oauth2.client_secret"
	for _, test := range []struct {
		name, saved string
		want        string // what is read
		warns       string // instead of silence
		fault       string // instead of all
	}{
		{name: "as it is", saved: "hunter2~.-_$", want: "hunter2~.-_$"},
		{name: "a line end", saved: "hunter2\n", want: "hunter2"},
		{name: "Windows' line end", saved: "hunter2\r\n", want: "hunter2"},
		{name: "several", saved: "\nhunter2\r\n\r\n\n", want: "hunter2"},
		{name: "a byte order mark", saved: "\xef\xbb\xbfhunter2\r\n", want: "hunter2"},
		{name: "a blank inside", saved: "hunter 2", want: "hunter 2"},

		{name: "a blank behind", saved: "hunter2 \n", want: "hunter2 ", warns: "begins or ends with a blank"},
		{name: "a blank before", saved: " hunter2", want: " hunter2", warns: "begins or ends with a blank"},
		{name: "quotes", saved: `"hunter2"`, want: `"hunter2"`, warns: "stands in quotes, which count as a part of it"},
		{name: "single quotes", saved: "'hunter2'\n", want: "'hunter2'", warns: "stands in quotes"},
		{name: "a word processor's quotes", saved: "“hunter2”", want: "“hunter2”", warns: "stands in quotes"},
		{name: "an invisible character", saved: "hunter2\u200b", want: "hunter2\u200b", warns: "a character that cannot be seen"},
		{name: "a blank that does not break", saved: "\u00a0hunter2", want: "\u00a0hunter2", warns: "a character that cannot be seen"},
		{name: "to be filled in", saved: "<secret>", want: "<secret>", warns: "looks like an example's"},
		{name: "an example", saved: "changeme", want: "changeme", warns: "looks like an example's"},
		{name: "another example", saved: "Your-Client-Secret", want: "Your-Client-Secret", warns: "looks like an example's"},
		{name: "dots", saved: "…", want: "…", warns: "looks like an example's"},
		{name: "a shell's short variable", saved: "$CLIENT_SECRET", want: "$CLIENT_SECRET", warns: "looks like an example's"},

		{name: "a variable", saved: "${CLIENT_SECRET}", fault: "variable that nothing filled in"},
		{name: "a variable with a line end", saved: "${CLIENT_SECRET:-}\n", fault: "variable that nothing filled in"},
		{name: "Windows' variable", saved: "%CLIENT_SECRET%", fault: "variable that nothing filled in"},
		{name: "PowerShell's variable", saved: "$env:CLIENT_SECRET", fault: "variable that nothing filled in"},
		{name: "a template", saved: "{{ .Values.secret }}", fault: "variable that nothing filled in"},
		{name: "a command", saved: "$(cat secret)", fault: "variable that nothing filled in"},
		{name: "nothing but line ends", saved: "\r\n\n", fault: "is empty; write the secret"},
		{name: "nothing but blanks", saved: "  \n", fault: "is empty; write the secret"},
		{name: "two lines", saved: "hunter2\nhunter3\n", fault: "several lines"},
		{name: "a tab", saved: "hunter2\t", fault: "a control character"},
	} {
		for _, form := range []string{"file", "env", "value"} {
			c, err := secretFrom(t, form, test.saved)
			what := test.name + " from " + form
			switch {
			case test.fault != "":
				if err == nil || !strings.Contains(err.Error(), key+": ") || !strings.Contains(err.Error(), test.fault) ||
					strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: got %v, want a fault with %q", what, err, test.fault)
				}
				continue
			case err != nil:
				t.Errorf("%s: %v", what, err)
				continue
			}
			equal(t, what, c.Upstreams[0].OAuth2.ClientSecret.Reveal(), test.want)
			warned := strings.Join(c.Warnings, "\n")
			if (test.warns == "") != (warned == "") || !strings.Contains(warned, test.warns) || strings.Contains(warned, "hunter2") ||
				test.warns != "" && !strings.Contains(warned, key+": ") {
				t.Errorf("%s: warned %q, want %q", what, warned, test.warns)
			}
		}
	}
}

// TestSecrets_SavedByNotepad are those that only a file can hold.
func TestSecrets_SavedByNotepad(t *testing.T) {
	c, err := secretFrom(t, "file", utf16Of("hunter2\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "UTF-16", c.Upstreams[0].OAuth2.ClientSecret.Reveal(), "hunter2")
	for saved, says := range map[string]string{"h\x00u\x00": "a control character", utf16Of(""): "is empty"} {
		if _, err := secretFrom(t, "file", saved); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", saved, err, says)
		}
	}
	c, err = secretFrom(t, "file", "fl\xfcgel")
	if err != nil || !strings.Contains(strings.Join(c.Warnings, ""), "not UTF-8") {
		t.Errorf("Latin-1: got %v, %v", c, err)
	}
}

// TestSecrets_OfEveryKey goes through the same reader: where a key wants a form, what is odd is a fault of that.
func TestSecrets_OfEveryKey(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "hash"), []byte("\xef\xbb\xbf"+goodHash+"\r\n"), 0o600)
	write(t, filepath.Join(folder, "quoted"), []byte(`"`+goodHash+`"`), 0o600)
	write(t, filepath.Join(folder, "key"), []byte(utf16Of("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\r\n")), 0o600)
	write(t, filepath.Join(folder, "dsn"), []byte("host=localhost\n user=drawbridge\n"), 0o600)
	write(t, filepath.Join(folder, "community"), []byte("kept\r\n"), 0o600)
	c, err := in(folder, "token_key: {file: key}\naccounts: [{login: a, password: {file: hash}}]\n"+
		"inventory: {store: postgres, dsn: {file: dsn}, enrich: {snmp: {community: {file: community}, sources: [10.0.0.0/8]}}}")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "hash", c.Accounts[0].Password.Reveal(), goodHash)
	equal(t, "token_key", c.TokenKey.Reveal(), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	equal(t, "community", c.Inventory.Enrich.SNMP.Community.Reveal(), "kept")
	equal(t, "dsn", c.Inventory.DSN.Reveal(), "host=localhost\n user=drawbridge")
	_, err = in(folder, "accounts: [{login: a, password: {file: quoted}}]")
	if err == nil || !strings.Contains(err.Error(), "the hash stands in quotes") {
		t.Errorf("a hash in quotes: %v", err)
	}
}

// TestSecretSource_Modes are those of files that others share: group rights pass, everybody's do not.
func TestSecretSource_Modes(t *testing.T) {
	folder := t.TempDir()
	for mode, says := range map[os.FileMode]string{0o600: "", 0o640: "", 0o660: "", 0o400: "", 0o644: "can be read by everybody",
		0o602: "can be changed by everybody"} {
		write(t, filepath.Join(folder, "secret"), []byte("hunter2"), mode)
		_, err := (config.SecretSource{File: "secret"}).Read(folder, machine)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("mode %04o: got %v, want %q", mode, err, says)
		}
	}
}
