package enrich

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Neighbour is an entry of the neighbour table: an address on one of the machine's own networks, and the network adapter that
// answers for it.
type Neighbour struct {
	Addr netip.Addr       // a link-local IPv6 address has the interface's name as its zone
	MAC  net.HardwareAddr // six octets; other entries are passed over
}

// neighbours is the neighbour table, read when somebody asks and not again too soon. It may be used by any number of goroutines;
// while one reads, the others wait for it.
type neighbours struct {
	read func() ([]Neighbour, error)

	mu     sync.Mutex
	byAddr map[netip.Addr]adapter
	at     time.Time // of the last reading, good or bad; zero before the first
	err    error     // of the last reading
	failed uint64
}

// adapter is the network adapter that answers for an address.
type adapter struct {
	mac string // the device's; empty where the adapter is a router hiding what is behind it, or another one claims the address too
	raw string // as the table has it; empty: the table has none
}

// lookup returns the adapter of addr.
func (n *neighbours) lookup(addr netip.Addr, now time.Time) adapter {
	n.mu.Lock()
	defer n.mu.Unlock()
	known, found := n.byAddr[addr]
	age := now.Sub(n.at)
	if found && age < neighboursFresh || !n.at.IsZero() && age < neighboursAgain {
		return known
	}
	n.refresh(now)
	return n.byAddr[addr]
}

// refresh reads the table. One that cannot be read is an empty one: an old entry may be another device's by now.
func (n *neighbours) refresh(now time.Time) {
	table, err := n.read()
	n.at = now
	n.err = nil
	if err != nil {
		n.failed++
		n.err = fmt.Errorf("read the neighbour table, so no MAC addresses (under systemd, RestrictAddressFamilies= must name AF_NETLINK): %w",
			err)
		table = nil
	}
	n.byAddr = index(table)
}

// state returns how many readings failed, and the error of the last one.
func (n *neighbours) state() (failed uint64, last error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failed, n.err
}

// index maps addresses to adapters. No device's MAC address is that of an address that two adapters claim, and that of an adapter
// that answers for many IPv4 addresses, which is a router hiding what is behind it.
func index(table []Neighbour) map[netip.Addr]adapter {
	table = table[:min(len(table), maxNeighbours)]
	byAddr := make(map[netip.Addr]adapter, len(table))
	held := make(map[string]int)
	for _, n := range table {
		mac, ok := textOf(n.MAC)
		if !ok {
			continue
		}
		addr := n.Addr.Unmap()
		before, seen := byAddr[addr]
		switch {
		case seen && before.raw != mac:
			byAddr[addr] = adapter{raw: before.raw}
		case !seen:
			byAddr[addr] = adapter{mac: mac, raw: mac}
			if addr.Is4() {
				held[mac]++
			}
		}
	}
	for addr, a := range byAddr {
		if held[a.mac] > addressesOfOne {
			byAddr[addr] = adapter{raw: a.raw}
		}
	}
	return byAddr
}

// textOf returns the text of a single adapter's address: 00:00:48:01:02:03.
func textOf(mac net.HardwareAddr) (string, bool) {
	const group = 0x01 // many adapters' address
	if len(mac) != 6 || mac[0]&group != 0 || [6]byte(mac) == [6]byte{} {
		return "", false
	}
	return mac.String(), true
}
