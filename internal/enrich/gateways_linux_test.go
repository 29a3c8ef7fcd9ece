package enrich_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"drawbridge/internal/enrich"
)

func TestDefaultGateways_AreThoseOfRoutesToEverywhere(t *testing.T) {
	network := func(s string) *net.IPNet {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	hops := []*netlink.NexthopInfo{{Gw: net.ParseIP("192.0.2.1")}, {Gw: net.ParseIP("192.0.2.2").To4()}, {}}
	tests := map[string]struct {
		route netlink.Route
		want  []string
	}{
		"IPv4":                   {netlink.Route{Dst: network("0.0.0.0/0"), Gw: net.ParseIP("172.17.0.1")}, []string{"172.17.0.1"}},
		"IPv4 without a network": {netlink.Route{Gw: net.ParseIP("172.17.0.1").To4()}, []string{"172.17.0.1"}},
		"to a network":           {netlink.Route{Dst: network("172.17.0.0/16"), Gw: net.ParseIP("172.17.0.1")}, nil},
		"half of everywhere":     {netlink.Route{Dst: network("0.0.0.0/1"), Gw: net.ParseIP("172.17.0.1")}, nil},
		"a tunnel":               {netlink.Route{Dst: network("0.0.0.0/0")}, nil},
		"no gateway's address":   {netlink.Route{Dst: network("::/0"), Gw: net.IPv6zero}, nil},
		"IPv6":                   {netlink.Route{Dst: network("::/0"), Gw: net.ParseIP("fe80::1")}, []string{"fe80::1"}},
		"an IPv6 network":        {netlink.Route{Dst: network("fe80::/64"), Gw: net.ParseIP("fe80::1")}, nil},
		"several hops":           {netlink.Route{Dst: network("0.0.0.0/0"), MultiPath: hops}, []string{"192.0.2.1", "192.0.2.2"}},
	}
	for name, tt := range tests {
		var want []netip.Addr
		for _, s := range tt.want {
			want = append(want, netip.MustParseAddr(s))
		}
		if got := enrich.GatewaysOf([]netlink.Route{tt.route}); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestDefaultGateways_AsksTheKernel(t *testing.T) {
	for _, a := range enrich.DefaultGateways() {
		if !a.IsValid() || a.IsUnspecified() || a.Zone() != "" {
			t.Errorf("got %v", a)
		}
	}
}
