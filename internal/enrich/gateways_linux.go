package enrich

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// DefaultGateways are this machine's own default gateways, without zones; none where they cannot be read. A device that seems
// to come from one comes in truth from behind an address translator, such as a container's published port, and cannot be told
// from its neighbours.
func DefaultGateways() []netip.Addr {
	var all []netip.Addr
	for _, family := range [...]int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, _ := netlink.RouteList(nil, family) // of an interrupted dump what there is
		all = append(all, gatewaysOf(routes)...)
	}
	return all
}

// gatewaysOf takes the gateways of routes to everywhere.
func gatewaysOf(routes []netlink.Route) []netip.Addr {
	var found []netip.Addr
	for _, r := range routes {
		if !isDefault(r.Dst) {
			continue
		}
		hops := []net.IP{r.Gw}
		for _, hop := range r.MultiPath {
			hops = append(hops, hop.Gw)
		}
		for _, hop := range hops {
			a, ok := netip.AddrFromSlice(hop)
			if a = a.Unmap(); ok && !a.IsUnspecified() {
				found = append(found, a)
			}
		}
	}
	return found
}

func isDefault(to *net.IPNet) bool {
	if to == nil {
		return true
	}
	ones, _ := to.Mask.Size()
	return ones == 0 && to.IP.IsUnspecified()
}
