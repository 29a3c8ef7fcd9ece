//go:build !linux

package enrich

import "net/netip"

// DefaultGateways are this machine's own default gateways: none, only Linux is asked.
func DefaultGateways() []netip.Addr { return nil }
