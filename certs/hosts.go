package certs

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// maxAddresses bounds the default names on machines with very many addresses, so that the leaf stays small.
const maxAddresses = 16

// DefaultNames tells the names a local_ca entry has when none are configured: the host's name, its full name,
// localhost, and the machine's addresses (loopback included, link-local ones not). The full name is asked of the
// resolver, for two seconds at most; without an answer it is left out. The order is the same at every call, so that a
// restart finds the leaf made before.
func DefaultNames(ctx context.Context) []string {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		addrs = nil
	}
	return defaultNames(host, fullName(ctx, host), addrs)
}

// fullName is what `hostname -f` prints: the canonical name of a host that does not carry its domain itself.
func fullName(ctx context.Context, host string) string {
	if host == "" || strings.Contains(host, ".") {
		return host
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	full, err := net.DefaultResolver.LookupCNAME(ctx, host)
	if err != nil {
		return ""
	}
	return full
}

func defaultNames(host, full string, addrs []net.Addr) []string {
	short, _, _ := strings.Cut(host, ".")
	var out []string
	for _, name := range []string{short, full, "localhost"} {
		n, err := normalizeName(name)
		if err == nil && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for _, ip := range hostAddresses(addrs) {
		out = append(out, ip.String())
	}
	return out
}

// hostAddresses sorts IPv4 first: devices that need a bridge rarely know anything else.
func hostAddresses(addrs []net.Addr) []netip.Addr {
	var ips []netip.Addr
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr().Unmap().WithZone("")
		if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || slices.Contains(ips, ip) {
			continue
		}
		ips = append(ips, ip)
	}
	slices.SortFunc(ips, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(a.BitLen(), b.BitLen()), a.Compare(b))
	})
	return ips[:min(len(ips), maxAddresses)]
}
