package accounts

import (
	"context"
	"io"
	"net/netip"
)

// Enter takes a turn as a check does.
func (c *Checker) Enter(ctx context.Context, source netip.Addr, login string) (func(), error) {
	return c.enter(ctx, source, login)
}

// Decode reads the text of a Store's file.
func Decode(r io.Reader) ([]Account, error) { return decodeAccounts(r) }

// Encode writes it.
func Encode(list []Account) ([]byte, error) { return encodeAccounts(list) }

// CostOfUnknown are the parameters of the check that an unknown name costs.
func (b *Book) CostOfUnknown() Parameters { return b.dummy.recipe.Parameters }

// FormatOf tells the format of a text to import.
func FormatOf(text []byte) string { return formatOf(text) }
