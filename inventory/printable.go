package inventory

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// brailleBlank is a symbol to Unicode and nothing to the eye.
const brailleBlank = '\u2800'

// Printable returns s as a terminal can show it without harm: control characters (C0, DEL and C1), bidirectional and
// invisible ones and spaces other than U+0020 stand as \uXXXX, beyond U+FFFF as \UXXXXXXXX, and each byte of invalid
// UTF-8 as U+FFFD. Backslashes stay as they are: the result is for reading and is not meant to be decoded. A string that
// needs no change is returned as it is, without allocating; Printable(Printable(s)) is Printable(s). It is safe for
// concurrent use.
func Printable(s string) string {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return escape(s, i)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || !visible(r) {
			return escape(s, i)
		}
		i += size
	}
	return s
}

// escape escapes s, whose first clean bytes need none.
func escape(s string, clean int) string {
	b := make([]byte, clean, len(s)+len(s)/4+16)
	copy(b, s)
	for _, r := range s[clean:] { // an invalid byte comes as U+FFFD, which is visible
		switch {
		case visible(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			b = fmt.Appendf(b, `\U%08x`, r)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return string(b)
}

// visible reports whether a reader sees r where it stands. Marks and symbols that fonts draw as nothing are not, nor
// is any space but the ASCII one.
func visible(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return unicode.IsPrint(r) && r != brailleBlank &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// cut returns the first limit characters of s; bytes of invalid UTF-8 count as one each.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}
