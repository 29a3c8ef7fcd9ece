package enrich

import (
	"cmp"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"drawbridge/internal/enrich/vendors"
	"drawbridge/internal/lru"
)

// Facts are what is known of an address. What is empty is not known, or not so.
type Facts struct {
	Name        string // from reverse DNS and proven, lower case, without the last dot; 253 characters at most
	MAC         string // 00:00:48:01:02:03
	Adapter     string // the MAC address that answers for it, also where that is no device's: a router's, or contested
	Vendor      string // who made the network adapter, as the IEEE writes it; 80 characters at most
	RandomMAC   bool   // MAC was chosen by software: it has no vendor, and may change
	Description string // SNMP's sysDescr; 256 characters at most, as are the next two
	ObjectID    string // sysObjectID, digits and dots: 1.3.6.1.4.1.11.2.3.9.1
	SystemName  string // sysName
}

// Enricher learns of addresses what the network tells. All methods may be called by any number of goroutines.
type Enricher struct {
	options    Options
	neighbours neighbours
	registry   atomic.Pointer[vendors.Registry]

	names, descriptions, tells chan netip.Addr // what waits for Run, maxWaiting each

	// Counts since New. Nothing but tests looks at them yet.
	dropped, namesAsked, namesFailed, snmpAsked, snmpFailed atomic.Uint64

	mu        sync.Mutex
	memory    *lru.Table[netip.Addr, entry] // the addresses known: a further one displaces the one not seen for longest
	displaced uint64
	missed    map[netip.Addr]bool // addresses that the neighbour table did not have, to be looked for once more; maxWaiting at most
}

// New returns an Enricher that does what the options allow, once Run runs. Of options that [Options.Validate] refuses only
// Run makes an error.
func New(o Options) *Enricher {
	e := &Enricher{
		options:      o.withDefaults(),
		names:        make(chan netip.Addr, maxWaiting),
		descriptions: make(chan netip.Addr, maxWaiting),
		tells:        make(chan netip.Addr, maxWaiting),
		missed:       make(map[netip.Addr]bool),
	}
	e.memory = lru.New(maxAddresses, func(netip.Addr, entry) { e.displaced++ })
	e.neighbours.read = e.options.Neighbours
	e.registry.Store(new(vendors.Registry))
	if registry, err := vendors.Embedded(); err == nil { // Run reports the error
		e.registry.Store(registry)
	}
	return e
}

// Facts returns what is known of addr, and has the rest looked up, what is too old included. It never waits for the network; the
// neighbour table is read by it, every few seconds at most.
func (e *Enricher) Facts(addr netip.Addr) Facts {
	addr = addr.Unmap()
	if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() {
		return Facts{}
	}
	now := time.Now()
	var at adapter
	if e.options.MACAddress {
		at = e.neighbours.lookup(addr, now) // before the lock: it may read the table
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.memory.Touch(addr)
	e.noteMAC(known, at)
	e.haveTold(addr, known)
	if at.raw == "" && e.options.MACAddress && !known.missed && len(e.missed) < maxWaiting {
		known.missed, e.missed[addr] = true, true
	}
	if e.options.ReverseDNS && addr.Zone() == "" && known.name.start(now) {
		known.name.going = e.queue(e.names, addr)
	}
	if e.options.SNMP.includes(addr) && known.description.start(now) {
		known.description.going = e.queue(e.descriptions, addr)
	}
	return known.facts
}

// Vendor returns who made the adapter with this MAC address, and whether the address is random, like
// [vendors.Registry.Lookup] with the registry that is in use.
func (e *Enricher) Vendor(mac string) (vendor string, random bool) {
	hardware, err := net.ParseMAC(mac)
	if err != nil {
		return "", false
	}
	return e.registry.Load().Lookup(hardware)
}

// noteMAC notes the adapter of an entry, an empty one where the neighbour table has none at the moment, which takes nothing away.
// Another MAC address than before is another device: what the one before was called is asked anew, and what it
// said of itself is forgotten. e.mu is held.
func (e *Enricher) noteMAC(known *entry, at adapter) {
	known.facts.Adapter = cmp.Or(at.raw, known.facts.Adapter)
	mac := at.mac
	if mac != "" && mac != known.facts.MAC {
		if known.facts.MAC != "" {
			known.name.due = time.Time{}
			known.facts.Description, known.facts.ObjectID, known.facts.SystemName = "", "", ""
		}
		known.facts.MAC = mac
	}
	if known.facts.MAC != "" {
		known.facts.Vendor, known.facts.RandomMAC = e.Vendor(known.facts.MAC)
	}
}

// entry is what is known of an address, and what is to be done for it.
type entry struct {
	facts Facts

	name, description lookup

	told    told // what Learned was told last
	telling bool // the address waits to be told
	missed  bool // the neighbour table did not have it once; it is looked for once more
}

// told is the value of each of toldKeys.
type told [4]string

var toldKeys = [len(told{})]string{KeyName, KeyMAC, KeyVendor, KeyDescription}

func toldOf(f Facts) told { return told{f.Name, f.MAC, f.Vendor, f.Description} }

// lookup is when something is asked next. A lookup that waits or is under way is not due.
type lookup struct {
	due   time.Time // zero: at once
	going bool
}

// start reports whether it is time, and takes the turn.
func (l *lookup) start(now time.Time) bool {
	if l.going || now.Before(l.due) {
		return false
	}
	l.going = true
	return true
}

// end gives the turn back until then.
func (l *lookup) end(then time.Time) { *l = lookup{due: then} }
