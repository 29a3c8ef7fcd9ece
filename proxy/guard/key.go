package guard

import (
	"net/netip"
	"strings"

	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// pairKey is a source together with the account it logs in as.
type pairKey struct {
	source  source.Key
	account string // a user, whatever its spelling, or a pattern of accounts
}

// pairOf is the pair of an address by itself and a name as typed: so verified logins are known.
func pairOf(from netip.Addr, account string) pairKey {
	return pairKey{source.AddressKey(from), login.UserOf(account)}
}

// own is the pair that the attempt counts for, of its address by itself.
func (a Attempt) own() pairKey {
	if a.Entry == "" {
		return pairOf(a.Source, a.Account)
	}
	return pairKey{source.AddressKey(a.Source), entryKey(a.Entry)}
}

// entryKey is what a listed account counts as. A pattern, which has a *, as no user's name has, stands for itself.
func entryKey(entry string) string {
	if strings.Contains(entry, "*") {
		return login.AccountKey(entry)
	}
	return login.UserOf(entry)
}
