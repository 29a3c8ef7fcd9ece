// Package source says what the address of a device counts as, wherever sources are counted, take turns or are refused.
package source

import (
	"net/netip"
	"strings"
)

// Key is what a source counts as: an address, or the /64 of an IPv6 address, since whoever has one address of it has them
// all. Link-local addresses have a zone, their interface. The zero Key is that of no address.
type Key struct {
	addr    netip.Addr
	network bool // addr stands for its /64; IPv6 alone
}

const (
	keyBits       = 64 // of an IPv6 address
	networkSuffix = "/64"
)

// AddressKey returns the key of a by itself.
func AddressKey(a netip.Addr) Key {
	a = a.Unmap()
	if a.Is6() && !a.IsLinkLocalUnicast() {
		a = a.WithZone("")
	}
	return Key{addr: a}
}

// KeyOf returns what a counts as where nothing is known of it: an IPv4 address by itself, an IPv6 address as its /64.
func KeyOf(a netip.Addr) Key { return AddressKey(a).Network() }

// Network returns the key of the /64 that k is part of; that of an IPv4 address is the address itself.
func (k Key) Network() Key {
	if !k.addr.Is6() {
		return k
	}
	p, _ := k.addr.WithZone("").Prefix(keyBits) // fails only beyond 128 bits
	return Key{addr: p.Addr().WithZone(k.addr.Zone()), network: true}
}

// IsNetwork reports whether k stands for more addresses than one.
func (k Key) IsNetwork() bool { return k.network }

// Addr returns the address, or the first one of the /64.
func (k Key) Addr() netip.Addr { return k.addr }

// String returns the address, or the /64 in CIDR notation, with its zone before the slash.
func (k Key) String() string {
	if k.network {
		return k.addr.String() + networkSuffix
	}
	return k.addr.String()
}

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	address, network := strings.CutSuffix(s, networkSuffix)
	a, err := netip.ParseAddr(address)
	if err != nil {
		return Key{}, err
	}
	if network {
		return KeyOf(a), nil
	}
	return AddressKey(a), nil
}

// Standing is what a source is to the bridge at one moment.
type Standing struct {
	// Key is what the source counts as: by itself where it had a verified login or stands for many devices. Else its /64
	// counts, together with all other addresses of it that are as unknown.
	Key     Key
	Known   bool // its address had a verified login by password in the last 30 days
	Shared  bool // it stands for many devices
	Gateway bool // it is a default gateway of this machine, and Shared therefore
}

// Unknown is the Standing of a source that nothing is known of.
func Unknown(a netip.Addr) Standing { return Standing{Key: KeyOf(a)} }
