package enrich

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// proveName returns the name of addr by reverse DNS if the name leads back to addr, "" if it has none. An error means
// that nothing was learned, not even that.
func proveName(ctx context.Context, resolver *net.Resolver, addr netip.Addr) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	names, err := resolver.LookupAddr(ctx, addr.String())
	if err != nil && len(names) == 0 {
		return "", unlessNotFound(err)
	}
	var failed error
	slices.Sort(names) // servers turn them round, and the name should stay
	for _, name := range names[:min(len(names), maxNames)] {
		proven, err := leadsTo(ctx, resolver, name, addr)
		if proven {
			return cleanName(name), nil
		}
		failed = cmp.Or(failed, err)
	}
	return "", failed
}

// leadsTo reports whether name is one that can be used and has the address addr.
func leadsTo(ctx context.Context, resolver *net.Resolver, name string, addr netip.Addr) (bool, error) {
	if cleanName(name) == "" {
		return false, nil
	}
	network := "ip6"
	if addr.Is4() {
		network = "ip4"
	}
	addrs, err := resolver.LookupNetIP(ctx, network, name)
	if err != nil {
		return false, unlessNotFound(err)
	}
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == addr }), nil
}

// unlessNotFound returns nil where err says that the name or address does not exist, which is an answer.
func unlessNotFound(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil
	}
	return err
}

// cleanName returns a host name in lower case without its last dot; "" for what is none: other characters than letters,
// digits, hyphens, underscores and dots, or too many of them.
func cleanName(s string) string {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) > maxNameLength || strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
	}) {
		return ""
	}
	return s
}
