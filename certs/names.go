package certs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

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
		return nil, fmt.Errorf("%d names, at most %d fit a certificate that devices can read: spread them over several entries", len(names), maxNames)
	}
	seen := make(map[string]bool, len(names))
	out := make([]string, 0, len(names))
	for _, name := range names {
		n, err := normalizeName(name)
		if err != nil {
			return nil, err
		}
		if !seen[n] {
			seen[n] = true
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
	if rest, wild := strings.CutPrefix(s, "*."); wild {
		if !strings.Contains(rest, ".") {
			return false
		}
		s = rest
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	// A last label of digits only would be an address written wrongly (10.20.0.555).
	last := s[strings.LastIndexByte(s, '.')+1:]
	return strings.Trim(last, "0123456789") != ""
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

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
