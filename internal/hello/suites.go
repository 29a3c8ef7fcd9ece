package hello

import (
	_ "embed" // the table of suites
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Cipher suites that are signals (RFC 5746, section 3.3, and RFC 7507).
const (
	suiteRenegotiationSCSV = 0x00ff
	suiteFallbackSCSV      = 0x5600
)

// suitesText has one suite a line: its number in hex and its name in the IANA registry, or the name of its specification
// where IANA has only reserved the number.
//
//go:embed suites.txt
var suitesText string

var suiteNames = sync.OnceValue(func() map[uint16]string {
	names := make(map[uint16]string)
	for line := range strings.Lines(suitesText) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if id, err := strconv.ParseUint(number, 16, 16); err == nil {
			names[uint16(id)] = name
		}
	}
	return names
})

// SuiteName returns the IANA name of a cipher suite, as in TLS_RSA_WITH_AES_128_CBC_SHA, or four hex digits for
// one that has none.
func SuiteName(id uint16) string {
	if name, ok := suiteNames()[id]; ok {
		return name
	}
	return fmt.Sprintf("%04x", id)
}
