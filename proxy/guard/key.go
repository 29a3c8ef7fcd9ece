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

func pairOf(from netip.Addr, account string) pairKey {
	return pairKey{source.KeyOf(from), login.AccountKey(account)}
}
