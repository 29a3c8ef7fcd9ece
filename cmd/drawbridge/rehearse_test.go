package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/certs"
)

// TestValidate_TellsWhatServeWouldRefuse holds the two commands against each other: what serve refuses without a network, validate
// tells, and leaves nothing behind.
func TestValidate_TellsWhatServeWouldRefuse(t *testing.T) {
	t.Parallel()
	const device = "upstreams: {x: {imap: 'a.local:993', auth: {oauth2: {flow: device_code, tenant: contoso.com, " +
		"client_id: 00000000-0000-0000-0000-000000000000}}}}\naccounts: [{login: a, mailbox: a@x.com, password: '" +
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'}]\n"
	for name, test := range map[string]struct {
		more  string
		plant func(t *testing.T, data string)
		says  string // empty: both take it
	}{
		"nothing wrong": {device, func(*testing.T, string) {}, ""},
		"damaged accounts": {"", func(t *testing.T, data string) { plant(t, data, "accounts/accounts.json", 0o600) },
			"read the accounts in"},
		"accounts that everybody can read": {"", func(t *testing.T, data string) { plant(t, data, "accounts/accounts.json", 0o644) },
			"change its passwords"},
		"a broken CA": {"", func(t *testing.T, data string) { plant(t, data, "certificates/ca/ca.key", 0o600) }, "restore the folder"},
		"a CA key that everybody can read": {"", func(t *testing.T, data string) {
			_, err := certs.OpenCA(filepath.Join(data, certificates))
			must(t, err)
			must(t, os.Chmod(filepath.Join(data, certificates, "ca", "ca.key"), 0o644))
		}, "key of the local CA"},
		"a token key that is none":  {device, func(t *testing.T, data string) { plant(t, data, "token.key", 0o600) }, "is not a key of 32 bytes"},
		"a token_key that is short": {device + "token_key: 12345678901234567890\n", func(*testing.T, string) {}, "token_key"},
		"a data directory with other things": {"", func(t *testing.T, data string) {
			plant(t, data, "holiday.jpg", 0o600)
			must(t, os.Chmod(data, 0o755)) //nolint:gosec // that is the mistake
		}, "holds other things"},
		"a file for a data directory":       {"", func(t *testing.T, data string) { must(t, os.WriteFile(data, nil, 0o600)) }, "data"},
		"a log in a folder that is missing": {"log: {output: [none/bridge.log]}\n", func(*testing.T, string) {}, "log.output"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			test.plant(t, filepath.Join(dir, "data"))
			file := filepath.Join(dir, "drawbridge.yaml")
			must(t, os.WriteFile(file, []byte("data_dir: data\nadmin: {address: ''}\ncertificates: [{local_ca: {names: [localhost]}}]\n"+
				"listeners: [{name: imaps, protocol: imap, address: '127.0.0.1:0'}]\n"+test.more), 0o600))
			before, _ := readTree(dir)
			told := judged(t, "validate", "--config", file)
			after, _ := readTree(dir)
			if len(before) != len(after) {
				t.Errorf("validate left files: %d became %d", len(before), len(after))
			}
			if test.says == "" {
				if told != "" {
					t.Errorf("validate: %s", told)
				}
				return
			}
			for command, said := range map[string]string{"validate": told, "serve": judged(t, "serve", "--config", file)} {
				if !strings.Contains(said, test.says) {
					t.Errorf("%s: got %q, want %q", command, said, test.says)
				}
			}
		})
	}
}

// plant writes a file of nonsense into a data directory that is closed to others.
func plant(t *testing.T, data, name string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(data, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte("nonsense"), 0o600))
	must(t, os.Chmod(path, mode))
}

// judged is what a command says on standard error where it fails, else nothing.
func judged(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if run(t.Context(), args, &stdout, &stderr) == exitDone {
		return ""
	}
	return stderr.String()
}

// TestValidate_WarnsOfAnotherOwner, since it need not be serve's user who runs it.
func TestValidate_WarnsOfAnotherOwner(t *testing.T) {
	t.Parallel()
	asRoot(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	must(t, os.Mkdir(data, 0o700))
	must(t, os.Chown(data, stranger, stranger))
	file := filepath.Join(dir, "drawbridge.yaml")
	must(t, os.WriteFile(file, []byte("data_dir: data\n"), 0o600))
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"validate", "--config", file}, &stdout, &stderr); code != exitDone ||
		!strings.Contains(stderr.String(), "belongs to the user 12345: serve must run as that user") {
		t.Errorf("got %d, %s", code, &stderr)
	}
}
