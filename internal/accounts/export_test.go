package accounts

import (
	"context"
	"io"
	"net/netip"

	"drawbridge/internal/secret"
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

// SpellingsOf are what a device may have meant by a password.
func SpellingsOf(password secret.Secret) []string { return spellingsOf(password) }

// Opened is how many checks were computed.
func (c *Checker) Opened() int { return int(c.opened.Load()) }

// FormatOf tells the format of a text to import.
func FormatOf(text []byte) string { return formatOf(text) }
