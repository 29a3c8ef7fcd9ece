//go:build !linux

package enrich

import "net/netip"

// systemNeighbours knows nobody: only Linux is asked.
func systemNeighbours() ([]Neighbour, error) { return nil, nil }

// DefaultGateways are this machine's own default gateways: none, only Linux is asked.
func DefaultGateways() []netip.Addr { return nil }
