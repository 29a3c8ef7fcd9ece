package enrich

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanText makes of what a stranger says one line of printable characters, cut at most characters. Control
// characters, escape sequences' starts, direction marks and broken UTF-8 become spaces; runs of spaces become one.
// It reads no more of s than it needs. HTML and formulas stay: those who show the text escape it.
func cleanText(s string, most int) string {
	var b strings.Builder
	gap := false
	for count := 0; s != "" && count < most; {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		if r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			gap = false
			if count++; count == most {
				break
			}
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
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
