// Package source says what the address of a device counts as, wherever sources are counted, take turns or are refused.
package source

import (
	"net/netip"
	"strings"
)

// Key is what a source counts as: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address of it has
// them all. Link-local addresses count by interface, their zone. The zero Key is that of no address.
type Key struct{ addr netip.Addr }

const keyBits = 64 // of an IPv6 address

// KeyOf returns what a counts as.
func KeyOf(a netip.Addr) Key {
	a = a.Unmap()
	if !a.Is6() {
		return Key{a}
	}
	zone := ""
	if a.IsLinkLocalUnicast() {
		zone = a.Zone()
	}
	p, _ := a.WithZone("").Prefix(keyBits) // fails only beyond 128 bits
	return Key{p.Addr().WithZone(zone)}
}

// Addr returns the address, or the first one of the /64.
func (k Key) Addr() netip.Addr { return k.addr }

// String returns the address, or the /64 in CIDR notation, with its zone before the slash.
func (k Key) String() string {
	if k.addr.Is6() {
		return k.addr.String() + "/64"
	}
	return k.addr.String()
}

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(s, "/64"))
	if err != nil {
		return Key{}, err
	}
	return KeyOf(a), nil
}
