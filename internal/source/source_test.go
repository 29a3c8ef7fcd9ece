package source_test

import (
	"net/netip"
	"testing"

	"drawbridge/internal/source"
)

func TestKeyOf(t *testing.T) {
	for address, want := range map[string]string{
		"10.20.3.7":         "10.20.3.7",
		"::ffff:10.20.3.7":  "10.20.3.7",
		"2001:db8:1:2::7":   "2001:db8:1:2::/64",
		"2001:db8:1:2::7%x": "2001:db8:1:2::/64",
		"fe80::1%eth0":      "fe80::%eth0/64",
		"fe80::2%eth1":      "fe80::%eth1/64",
		"::1":               "::/64",
	} {
		k := source.KeyOf(netip.MustParseAddr(address))
		if got := k.String(); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
		if back, err := source.ParseKey(k.String()); err != nil || back != k {
			t.Errorf("%s is read back as %s, %v", want, back, err)
		}
	}
	if _, err := source.ParseKey("printer"); err == nil {
		t.Error("a name is taken for a source")
	}
	if source.KeyOf(netip.Addr{}) != (source.Key{}) {
		t.Error("no address has a key of its own")
	}
}
