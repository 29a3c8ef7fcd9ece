// Package textfile reads texts as people's editors save them: Notepad's and PowerShell's UTF-16, a byte order mark, line ends of
// any system.
package textfile

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Decode returns the text of a file in UTF-8, without a byte order mark. What begins with the mark of UTF-16 is read as that;
// anything else stays as it is, also where it is no UTF-8.
func Decode(data []byte) []byte {
	text, _, err := transform.Bytes(unicode.BOMOverride(encoding.Nop.NewDecoder()), data)
	if err != nil {
		return data // the decoders replace what they cannot read, and never fail
	}
	return text
}
