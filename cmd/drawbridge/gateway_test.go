package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestDefaultGateways_AreReadFromTheRoutingTables(t *testing.T) {
	const v4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
tun0	00000000	00000000	0001	0	0	0	00000000	0	0	0
broken
`
	const v6 = `00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo
`
	if got, want := parseRoutes(strings.NewReader(v4), gateway4), []netip.Addr{netip.MustParseAddr("172.17.0.1")}; !slices.Equal(got, want) {
		t.Errorf("IPv4: got %v, want %v", got, want)
	}
	if got, want := parseRoutes(strings.NewReader(v6), gateway6), []netip.Addr{netip.MustParseAddr("fe80::1")}; !slices.Equal(got, want) {
		t.Errorf("IPv6: got %v, want %v", got, want)
	}
}
