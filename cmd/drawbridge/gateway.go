package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"drawbridge/inventory"
)

// Where Linux shows its routing tables (proc(5)). Elsewhere they are missing, and no gateway is known.
const (
	routes4 = "/proc/net/route"
	routes6 = "/proc/net/ipv6_route"
)

// defaultGateways are this machine's own default gateways. A device that seems to come from one comes in truth from
// behind an address translator, such as a container's published port, and cannot be told from its neighbours.
func defaultGateways() []netip.Addr {
	var all []netip.Addr
	for path, parse := range map[string]func(fields []string) (netip.Addr, bool){routes4: gateway4, routes6: gateway6} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		all = append(all, parseRoutes(f, parse)...)
		_ = f.Close()
	}
	return all
}

func parseRoutes(r io.Reader, parse func(fields []string) (netip.Addr, bool)) []netip.Addr {
	var found []netip.Addr
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if a, ok := parse(strings.Fields(lines.Text())); ok {
			found = append(found, a)
		}
	}
	return found
}

// gateway4 reads a line of /proc/net/route: interface, destination, gateway, … , the addresses in hexadecimal as the
// machine's memory has them.
func gateway4(fields []string) (netip.Addr, bool) {
	if len(fields) < 8 || fields[1] != "00000000" || fields[7] != "00000000" {
		return netip.Addr{}, false
	}
	b, err := hex.DecodeString(fields[2])
	if err != nil || len(b) != 4 || bytes.Equal(b, make([]byte, 4)) {
		return netip.Addr{}, false
	}
	var a [4]byte
	binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
	return netip.AddrFrom4(a), true
}

// gateway6 reads a line of /proc/net/ipv6_route: destination, its prefix length, source, its prefix length, next hop, …
func gateway6(fields []string) (netip.Addr, bool) {
	if len(fields) < 5 || strings.Trim(fields[0], "0") != "" || fields[1] != "00" {
		return netip.Addr{}, false
	}
	b, err := hex.DecodeString(fields[4])
	if err != nil || len(b) != 16 {
		return netip.Addr{}, false
	}
	a := netip.AddrFrom16([16]byte(b))
	return a, !a.IsUnspecified()
}

// sharedWarning says what must be done about sources that hide many devices.
func sharedWarning(source netip.Addr) string {
	return fmt.Sprintf("devices show as %s, which is this machine's gateway or stands for many devices: they cannot be told apart; "+
		"use host networking for the container, or a load balancer with the PROXY protocol (listeners[].proxy_protocol)", source)
}

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
func (g *gatewayWatch) TurnedAway(t inventory.TurnedAway) { g.notice(t.Source) }

// Ended implements inventory.Recorder.
func (g *gatewayWatch) Ended(s *inventory.Session) {
	if s.SourceShared {
		g.warn(inventory.PlainAddress(s.Source.IP))
		return
	}
	g.notice(s.Source.IP)
}

// notice warns of a gateway.
func (g *gatewayWatch) notice(source netip.Addr) {
	if source = inventory.PlainAddress(source); slices.Contains(g.addresses, source) {
		g.warn(source)
	}
}

// warn warns of each source once, and of no more than can be told apart.
func (g *gatewayWatch) warn(source netip.Addr) {
	const most = 100
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.Contains(g.seen, source) || len(g.seen) == most {
		return
	}
	g.seen = append(g.seen, source)
	g.log.Warn(sharedWarning(source))
}

// any reports whether there was such a session.
func (g *gatewayWatch) any() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen) > 0
}
