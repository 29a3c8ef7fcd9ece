package certs

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestDefaultNames(t *testing.T) {
	cidr := func(s string) net.Addr {
		ip, network, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return &net.IPNet{IP: ip, Mask: network.Mask}
	}
	addrs := []net.Addr{
		cidr("::1/128"), cidr("10.20.0.5/16"), cidr("127.0.0.1/8"), cidr("fe80::1/64"), cidr("169.254.1.1/16"),
		cidr("10.3.0.1/24"), cidr("10.20.0.5/16"), cidr("2001:db8::5/64"), &net.UnixAddr{Name: "no address"},
	}
	ips := []string{"10.3.0.1", "10.20.0.5", "127.0.0.1", "::1", "2001:db8::5"}
	for _, tc := range []struct {
		host, full string
		want       []string
	}{
		{"bridge", "bridge.contoso.local.", []string{"bridge", "bridge.contoso.local", "localhost"}},
		{"Bridge", "", []string{"bridge", "localhost"}},
		{"bridge.contoso.local", "bridge.contoso.local", []string{"bridge", "bridge.contoso.local", "localhost"}},
		{"localhost", "localhost", []string{"localhost"}},
		{"", "", []string{"localhost"}},
		{"not a name", "", []string{"localhost"}},
	} {
		if got, want := defaultNames(tc.host, tc.full, addrs), append(tc.want, ips...); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", tc.host, got, want)
		}
	}
	var many []net.Addr
	for i := range 200 {
		many = append(many, &net.IPNet{IP: net.IPv4(10, 0, 0, byte(i)), Mask: net.CIDRMask(24, 32)})
	}
	if got := defaultNames("a", "", many); len(got) != 2+maxAddresses {
		t.Errorf("%d names, want %d", len(got), 2+maxAddresses)
	}
}

func FuzzNormalizeName(f *testing.F) {
	for _, seed := range []string{
		"bridge", "Bridge.Contoso.local.", "*.print.test", "10.20.0.5", "::1", "fe80::1%eth0", "::ffff:10.0.0.1",
		"drücker.test", "xn--drcker-4ya.test", "10.20.0.555", "a..b", "-a", "_srv.test", "a b", "", ".", "*",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := normalizeName(name)
		if err != nil {
			return
		}
		again, err := normalizeName(got)
		if err != nil || again != got {
			t.Fatalf("%q became %q, and that %q, %v", name, got, again, err)
		}
		if ip, err := netip.ParseAddr(got); err == nil {
			if ip.Zone() != "" || ip.Is4In6() {
				t.Fatalf("%q became the address %q", name, got)
			}
			return
		}
		if len(got) > 253 || strings.ContainsAny(got, " /:@\x00") || got != strings.ToLower(got) {
			t.Fatalf("%q became the name %q", name, got)
		}
	})
}

func TestNormalizeName_InternationalNames(t *testing.T) {
	if got, err := normalizeName("Drücker.test"); err != nil || got != "xn--drcker-4ya.test" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCommonName_FitsItsField(t *testing.T) {
	long := strings.Repeat("a", 60) + ".contoso.test"
	if got := commonName([]string{long, "short.test"}); got != "short.test" {
		t.Errorf("got %q", got)
	}
	if got := commonName([]string{long}); len(got) != maxCommonName {
		t.Errorf("got %q", got)
	}
}
