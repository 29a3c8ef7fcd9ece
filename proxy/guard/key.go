package guard

import (
	"net/netip"

	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// pairKey is a source together with the account it logs in as.
type pairKey struct {
	source  source.Key
	account string // folded
}

// pairOf is the pair of an address by itself: so verified logins are known.
func pairOf(from netip.Addr, account string) pairKey {
	return pairKey{source.AddressKey(from), login.AccountKey(account)}
}
