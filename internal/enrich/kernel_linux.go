package enrich

import (
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
)

// known are the states in which the kernel knows an entry's adapter, or did a moment ago.
const known = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT

// systemNeighbours asks the kernel for its neighbour table, IPv4 and IPv6. It opens a socket for each reading and
// so holds nothing between.
func systemNeighbours() ([]Neighbour, error) {
	h, err := netlink.NewHandle(syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if err := h.SetSocketTimeout(neighboursWait); err != nil {
		return nil, err
	}
	// An interrupted dump misses entries that changed meanwhile. What it has is right, and the next reading is near.
	entries, err := h.NeighList(0, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	return fromKernel(entries), nil
}

// fromKernel takes the entries whose adapter is known.
func fromKernel(entries []netlink.Neigh) []Neighbour {
	table := make([]Neighbour, 0, len(entries))
	zones := make(map[int]string) // names of interfaces by their number
	for _, e := range entries {
		addr, ok := netip.AddrFromSlice(e.IP)
		if !ok || e.State&known == 0 {
			continue
		}
		if addr = addr.Unmap(); addr.Is6() && addr.IsLinkLocalUnicast() {
			addr = addr.WithZone(zoneOf(e.LinkIndex, zones))
		}
		table = append(table, Neighbour{Addr: addr, MAC: e.HardwareAddr})
	}
	return table
}

// zoneOf returns the interface's name, as the addresses of connections have it; "" when it is gone.
func zoneOf(index int, zones map[int]string) string {
	name, asked := zones[index]
	if !asked {
		if i, err := net.InterfaceByIndex(index); err == nil {
			name = i.Name
		}
		zones[index] = name
	}
	return name
}

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
