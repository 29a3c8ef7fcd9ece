package accounts

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"drawbridge/internal/secret"
)

// maxSpellings is how many checks one password costs at most.
const maxSpellings = 8

// spellingsOf returns what a device may have meant by a password, as typed first; each costs a check. How many there are depends
// on what was typed alone, so that the time of an answer tells nothing of an account. One in ASCII without a blank in front, as nearly
// all are, is meant as it is. Devices write accents in UTF-8, Latin-1, code page 1252 or 850, composed or not, whatever
// the terminal or file had from which the hash was made; some write two blanks behind PASS, where the second would be the password's
// (RFC 1939, section 7).
func spellingsOf(password secret.Secret) []string {
	typed := password.Reveal()
	all := encodingsOf(typed)
	if rest, blank := strings.CutPrefix(typed, " "); blank && rest != "" {
		all = append(all, encodingsOf(rest)...)
	}
	return all[:min(len(all), maxSpellings)]
}

// encodingsOf returns a password as typed, and in the other encodings that it may have been kept in.
func encodingsOf(typed string) []string {
	all := []string{typed}
	add := func(s string) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if !utf8.ValidString(typed) {
		latin, _ := charmap.Windows1252.NewDecoder().String(typed) // Latin-1 but for 32 control characters; never fails
		dos, _ := charmap.CodePage850.NewDecoder().String(typed)
		add(latin)
		add(norm.NFD.String(latin))
		add(dos)
		return all
	}
	composed := norm.NFC.String(typed)
	add(composed)
	add(norm.NFD.String(typed))
	if latin, err := charmap.Windows1252.NewEncoder().String(composed); err == nil {
		add(latin)
	}
	return all
}
