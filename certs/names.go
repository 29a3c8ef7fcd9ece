package certs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// maxNames bounds an entry: a leaf with more would outgrow what small devices can hold.
const maxNames = 100

// maxName bounds what is looked at closely: 253 characters, each of up to four bytes in UTF-8.
const maxName = 4 * 253

// normalizeNames brings DNS names and IP addresses into the form certificates have (lower case, A-labels, no trailing
// dot, no duplicates), in the order given.
func normalizeNames(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, errors.New("no names: list the DNS names and addresses that devices call")
	}
	if len(names) > maxNames {
		return nil, fmt.Errorf("%d names, at most %d fit a certificate that devices can read: spread them over several entries",
			len(names), maxNames)
	}
	out := make([]string, 0, len(names))
	for _, name := range names {
		n, err := normalizeName(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

func normalizeName(name string) (string, error) {
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip.Zone() != "" {
			return "", fmt.Errorf("%q: an address in a certificate has no zone, remove %q", name, "%"+ip.Zone())
		}
		return ip.Unmap().String(), nil
	}
	if len(name) > maxName {
		return "", fmt.Errorf("%.40q… is too long for a DNS name", name)
	}
	ascii, err := idna.ToASCII(strings.ToLower(strings.TrimSuffix(name, ".")))
	if err != nil || !isDNSName(ascii) {
		return "", fmt.Errorf("%q is neither a DNS name nor an IP address", name)
	}
	return ascii, nil
}

// isDNSName tells whether s can be a dNSName: letters, digits, hyphens and (as Windows names have them) underscores,
// with at most a whole first label as wildcard (RFC 6125, section 6.4.3).
func isDNSName(s string) bool {
	rest, wild := strings.CutPrefix(s, "*.")
	if len(rest) > 253 || !nameForm.MatchString(rest) || wild && !strings.Contains(rest, ".") {
		return false
	}
	// A last label of digits only would be an address written wrongly (10.20.0.555).
	last := rest[strings.LastIndexByte(rest, '.')+1:]
	return strings.Trim(last, "0123456789") != ""
}

var nameForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// splitNames parts normalized names into what goes into dNSName and iPAddress.
func splitNames(names []string) (dns []string, ips []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			ips = append(ips, ip)
			continue
		}
		dns = append(dns, name)
	}
	return dns, ips
}

// subjectOf derives from an entry's names the one name under which certmagic, which makes a certificate a name, keeps
// its leaf. Other names, or another first one, are another subject and so another leaf.
func subjectOf(names []string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return "names-" + hex.EncodeToString(sum[:16])
}

// maxAddresses bounds the default names on machines with very many addresses, so that the leaf stays small.
const maxAddresses = 16

// DefaultNames tells the names a local_ca entry has when none are configured: the host's name, its full name,
// localhost, and the machine's addresses (loopback included, link-local ones not). The full name is asked of the
// resolver, for two seconds at most; without an answer it is left out. The order is the same at every call, so that a
// restart finds the leaf made before.
func DefaultNames(ctx context.Context) []string {
	host, _ := os.Hostname() // what is not known is left out, here and below
	addrs, _ := net.InterfaceAddrs()
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
