package source_test

import (
	"net/netip"
	"testing"

	"drawbridge/internal/source"
)

func TestKeys(t *testing.T) {
	for address, want := range map[string]struct{ alone, unknown string }{
		"10.20.3.7":             {"10.20.3.7", "10.20.3.7"},
		"::ffff:10.20.3.7":      {"10.20.3.7", "10.20.3.7"},
		"2001:db8:1:2::7":       {"2001:db8:1:2::7", "2001:db8:1:2::/64"},
		"2001:db8:1:2:3:4:5:6":  {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		"2001:db8:1:2::7%x":     {"2001:db8:1:2::7", "2001:db8:1:2::/64"},
		"2001:db8:1:2::":        {"2001:db8:1:2::", "2001:db8:1:2::/64"},
		"fe80::1%eth0":          {"fe80::1%eth0", "fe80::%eth0/64"},
		"fe80::2%eth1":          {"fe80::2%eth1", "fe80::%eth1/64"},
		"::ffff:169.254.0.1%lo": {"169.254.0.1", "169.254.0.1"},
		"::1":                   {"::1", "::/64"},
	} {
		a := netip.MustParseAddr(address)
		alone, unknown := source.AddressKey(a), source.KeyOf(a)
		if alone.String() != want.alone || unknown.String() != want.unknown {
			t.Errorf("%s is %s, and counts unknown as %s, want %v", address, alone, unknown, want)
		}
		if alone.Network() != unknown || unknown.Network() != unknown || alone.IsNetwork() || unknown.IsNetwork() != a.Unmap().Is6() {
			t.Errorf("%s and %s do not belong together", alone, unknown)
		}
		if (alone == unknown) == a.Unmap().Is6() { // what ends in zeros is still another thing than its /64
			t.Errorf("%s counts as %s and as %s", address, alone, unknown)
		}
		for _, k := range []source.Key{alone, unknown} {
			if back, err := source.ParseKey(k.String()); err != nil || back != k {
				t.Errorf("%s is read back as %s, %v", k, back, err)
			}
		}
	}
	if _, err := source.ParseKey("printer"); err == nil {
		t.Error("a name is taken for a source")
	}
	if none := (netip.Addr{}); source.KeyOf(none) != (source.Key{}) || source.AddressKey(none) != (source.Key{}) {
		t.Error("no address has a key of its own")
	}
}
