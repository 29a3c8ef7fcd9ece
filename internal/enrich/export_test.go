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
	Index            = index
	SystemNeighbours = systemNeighbours
)

// Ask asks once, as an Enricher does, and returns what the device says: sysDescr, sysObjectID, sysName.
func (s *SNMP) Ask(ctx context.Context, addr netip.Addr) (said [3]string, err error) {
	system, err := s.ask(ctx, addr)
	return [3]string{system.description, system.objectID, system.name}, err
}
