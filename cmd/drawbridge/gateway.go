package main

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"go.uber.org/zap"

	"drawbridge/inventory"
)

// gatewayWatch is a Recorder that notices sources which stand for many devices: this machine's own default gateway, and
// those with more verified accounts than a device has. It is safe for concurrent use once its fields are set.
type gatewayWatch struct {
	addresses []netip.Addr
	log       *zap.Logger

	mu   sync.Mutex
	seen []netip.Addr
}

// Admitted implements inventory.Recorder.
func (g *gatewayWatch) Admitted(*inventory.Session) {}

// TurnedAway implements inventory.Recorder.
func (g *gatewayWatch) TurnedAway(t inventory.TurnedAway) { g.notice(t.Source, false) }

// Ended implements inventory.Recorder.
func (g *gatewayWatch) Ended(s *inventory.Session) { g.notice(s.Source.IP, s.SourceShared) }

// notice warns of each shared source and gateway once, and of no more than can be told apart.
func (g *gatewayWatch) notice(source netip.Addr, shared bool) {
	const most = 100
	source = inventory.PlainAddress(source)
	if !shared && !slices.Contains(g.addresses, source) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.Contains(g.seen, source) || len(g.seen) == most {
		return
	}
	g.seen = append(g.seen, source)
	g.log.Warn(fmt.Sprintf("devices show as %s, which is this machine's gateway or stands for many devices: they cannot be told apart; "+
		"use host networking for the container, or a load balancer with the PROXY protocol (listeners[].proxy_protocol)", source))
}

// any reports whether there was such a session.
func (g *gatewayWatch) any() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen) > 0
}
