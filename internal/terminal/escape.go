package terminal

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// OneLine makes what several faults say one line of an error.
func OneLine(err error) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// Plain shows text that somebody else chose: letters, digits and what names, addresses and URLs are made of as they
// are, every other byte as \xNN.
func Plain(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._@+-:/?=%", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// ASCIIJSON writes every character of a JSON text beyond printable ASCII as \uNNNN: C1 and bidirectional controls do
// something to a terminal, and encoding/json leaves them as they are. They can stand in strings only.
func ASCIIJSON(text []byte) []byte {
	var b []byte
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}
