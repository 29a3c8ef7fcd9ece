package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
)

// SourceKey is what a source counts as: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address of
// it has them all. Link-local addresses count by interface, their zone.
type SourceKey struct{ addr netip.Addr }

const sourceBits = 64 // of an IPv6 address

// KeyOf returns what a counts as.
func KeyOf(a netip.Addr) SourceKey {
	a = a.Unmap()
	if !a.Is6() {
		return SourceKey{a}
	}
	zone := ""
	if a.IsLinkLocalUnicast() {
		zone = a.Zone()
	}
	p, _ := a.WithZone("").Prefix(sourceBits) // fails only beyond 128 bits
	return SourceKey{p.Addr().WithZone(zone)}
}

// Addr returns the address, or the first one of the /64.
func (k SourceKey) Addr() netip.Addr { return k.addr }

// String returns the address, or the /64 in CIDR notation, with its zone before the slash.
func (k SourceKey) String() string {
	if k.addr.Is6() {
		return k.addr.String() + "/64"
	}
	return k.addr.String()
}

// parseSourceKey reads what String wrote.
func parseSourceKey(s string) (SourceKey, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(s, "/64"))
	if err != nil {
		return SourceKey{}, err
	}
	return KeyOf(a), nil
}

// pairKey is a source together with the account it logs in as.
type pairKey struct {
	source  SourceKey
	account string // folded
}

func pairOf(source netip.Addr, account string) pairKey {
	return pairKey{KeyOf(source), foldAccount(account)}
}

// maxAccount is the longest name that tables hold as it is, in bytes: no mail address is longer (RFC 5321, section
// 4.5.3.1). Longer ones, which can only be attacks, stand as their hash.
const maxAccount = 320

// foldAccount returns the form in which account names are compared.
func foldAccount(account string) string {
	if len(account) > maxAccount {
		sum := sha256.Sum256([]byte(strings.ToLower(account)))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	return strings.ToLower(account)
}

// userOf returns the user whose password a login name is checked with, without domain and case. It knows the forms that
// Exchange takes: user, user@domain, DOMAIN\user, and with a shared mailbox behind, which must not make another user:
// user@domain\mailbox and DOMAIN\user\mailbox, with a slash too.
func userOf(account string) string {
	first, rest, split := cutAny(account, `\/`)
	if split && !strings.Contains(first, "@") {
		first, _, _ = cutAny(rest, `\/`)
	}
	user, _, _ := strings.Cut(first, "@")
	return foldAccount(strings.TrimSpace(user))
}

func cutAny(s, chars string) (before, after string, found bool) {
	i := strings.IndexAny(s, chars)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
