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
	byAddr map[netip.Addr]string
	at     time.Time // of the last reading, good or bad; zero before the first
	err    error     // of the last reading
	failed uint64
}

// lookup returns the MAC address of addr as text, "" where the table has none.
func (n *neighbours) lookup(addr netip.Addr, now time.Time) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	mac, found := n.byAddr[addr]
	age := now.Sub(n.at)
	if found && age < neighboursFresh || !n.at.IsZero() && age < neighboursAgain {
		return mac
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

// index maps addresses to MAC addresses. It leaves out what is no device's: an address that two adapters claim, and an adapter
// that answers for many IPv4 addresses, which is a router hiding what is behind it.
func index(table []Neighbour) map[netip.Addr]string {
	table = table[:min(len(table), maxNeighbours)]
	byAddr := make(map[netip.Addr]string, len(table))
	held := make(map[string]int)
	for _, n := range table {
		mac, ok := textOf(n.MAC)
		if !ok {
			continue
		}
		addr := n.Addr.Unmap()
		before, seen := byAddr[addr]
		if !seen && addr.Is4() {
			held[mac]++
		}
		if seen && before != mac {
			mac = ""
		}
		byAddr[addr] = mac
	}
	for addr, mac := range byAddr {
		if mac == "" || held[mac] > addressesOfOne {
			delete(byAddr, addr)
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
