package enrich

import (
	"context"
	"net/netip"

	"drawbridge/internal/enrich/vendors"
)

// What tests outside the package look at.
const (
	MaxAddresses = maxAddresses
	MaxWaiting   = maxWaiting
	MaxSaid      = maxSaid
)

var (
	ProveName        = proveName
	CleanText        = vendors.OneLine
	SystemNeighbours = systemNeighbours
)

// Index maps addresses to the MAC addresses that are devices'.
func Index(table []Neighbour) map[netip.Addr]string {
	devices := make(map[netip.Addr]string)
	for addr, a := range index(table) {
		if a.mac != "" {
			devices[addr] = a.mac
		}
	}
	return devices
}

// Ask asks once, as an Enricher does, and returns what the device says: sysDescr, sysObjectID, sysName.
func (s *SNMP) Ask(ctx context.Context, addr netip.Addr) (said [3]string, err error) {
	system, err := s.ask(ctx, addr)
	return [3]string{system.description, system.objectID, system.name}, err
}

// Stats are counts since New.
type Stats struct {
	Addresses        int    // remembered now
	Displaced        uint64 // forgotten because there were too many addresses
	Dropped          uint64 // lookups not queued because too many waited
	NamesAsked       uint64 // reverse lookups
	NamesFailed      uint64 // those without an answer; "there is no name" is an answer
	SNMPAsked        uint64
	SNMPFailed       uint64
	NeighboursFailed uint64 // readings of the neighbour table
}

// Stats returns the counts.
func (e *Enricher) Stats() Stats {
	unreadable, _ := e.neighbours.state()
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		Addresses:        e.memory.Len(),
		Displaced:        e.displaced,
		Dropped:          e.dropped.Load(),
		NamesAsked:       e.namesAsked.Load(),
		NamesFailed:      e.namesFailed.Load(),
		SNMPAsked:        e.snmpAsked.Load(),
		SNMPFailed:       e.snmpFailed.Load(),
		NeighboursFailed: unreadable,
	}
}
