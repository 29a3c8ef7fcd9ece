package config

import (
	"os"
	"testing"
)

// KnownKeys returns the shape of every key that some reader asks for.
func KnownKeys(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, file := range []string{"testdata/good-example.yaml", "testdata/good-accounts.yaml",
		"testdata/bad-certificate-missing-file.yaml", "testdata/bad-oauth2-certificate-missing.yaml", "testdata/bad-account-mailboxes-file.yaml",
		"testdata/good-inventory.yaml", "testdata/good-notices.yaml", "testdata/good-rules.yaml", "testdata/bad-acme-external-account.yaml",
		"testdata/bad-admin-certificate-missing-file.yaml", "testdata/bad-snmp-other-version.yaml",
		"reference.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := newDecoder(file, Environment{})
		root := d.document(data)
		d.value("", "", root, root).read(defaults(Environment{}).read)
		for key := range d.keys {
			all[key] = true
		}
	}
	return all
}

// CheckHash tells whether a password's hash is taken.
func CheckHash(text string) bool { return checkHash(text, "") == nil }

// ParseDSN is parseDSN, whose words no configuration shows.
func ParseDSN(text string) (map[string]string, bool) { return parseDSN(text) }

// GuardedByMount is guardedByMount, whose folder /run/secrets a test cannot fill.
func GuardedByMount(path string) bool { return guardedByMount(path, Environment{}) }

// MACAddress is macAddress.
func MACAddress(text string) (string, bool) {
	mac, m := macAddress(text)
	return mac, m == nil
}

// BlockFromOf reads the value of block_from in a zone.
func BlockFromOf(text, zone string) (BlockFrom, bool) {
	d := newDecoder("", Environment{Timezone: zone})
	at, m := d.blockFrom(text)
	return at, m == nil
}
