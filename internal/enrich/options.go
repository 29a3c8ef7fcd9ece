package enrich

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
)

// Options says what an Enricher may ask whom. The zero value asks nobody.
type Options struct {
	// ReverseDNS allows reverse lookups, each proven by a forward lookup. They go to Resolver.
	ReverseDNS bool
	// Resolver answers them. The default is Go's own, by /etc/resolv.conf and /etc/hosts.
	Resolver *net.Resolver
	// MACAddress allows reading the neighbour table.
	MACAddress bool
	// Neighbours returns the neighbour table. It must answer at once: Facts waits for it. The default asks the
	// kernel by netlink, on Linux; elsewhere it knows nobody.
	Neighbours func() ([]Neighbour, error)
	// RegistryDir is where Debian's package ieee-data keeps the IEEE's registry. Files there that are newer than the registry
	// built in are taken instead, from when Run has read them. The default is /usr/share/ieee-data.
	RegistryDir string
	// SNMP allows asking devices by SNMP. nil, the default, asks none.
	SNMP *SNMP
	// Learned is called when a value became known or is another than before: source_name, source_mac, vendor,
	// snmp_description (the Key constants). The value is empty when what was known is so no more: the name was taken
	// from the DNS, the address went to another device. Calls come from Run's goroutines, those for one address and
	// key one after the other. An Enricher remembers nothing of the run before, so the first call may
	// repeat what the caller has. It must not block for long: lookups wait for it. nil is fine.
	Learned func(addr netip.Addr, key, value string)
	// Warn is called with what an administrator should know and can change: the neighbour table cannot be read (once
	// until it can again), Debian's files are broken (once a day). Calls come from one goroutine of Run's. nil is fine.
	Warn func(err error)
}

// The keys of Options.Learned: columns of the session record, and what a device says of itself.
const (
	KeyName        = "source_name"
	KeyMAC         = "source_mac"
	KeyVendor      = "vendor"
	KeyDescription = "snmp_description"
)

// DefaultRegistryDir is where Debian's package ieee-data keeps its files.
const DefaultRegistryDir = "/usr/share/ieee-data"

// Validate reports all mistakes of the options at once, in an administrator's words; nil when there are none.
func (o Options) Validate() error {
	if o.SNMP == nil {
		return nil
	}
	return errors.Join(o.SNMP.mistakes()...)
}

func (o Options) withDefaults() Options {
	o.Resolver = cmp.Or(o.Resolver, &net.Resolver{PreferGo: true}) // cgo's lookups hold a thread each, and outlive their context
	o.RegistryDir = cmp.Or(o.RegistryDir, DefaultRegistryDir)
	if o.Neighbours == nil {
		o.Neighbours = systemNeighbours
	}
	if o.Learned == nil {
		o.Learned = func(netip.Addr, string, string) {}
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	return o
}
