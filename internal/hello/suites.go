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

// suitesText has one suite a line: its number in hex (four digits, six for the kinds of SSL 2.0) and its name in
// the IANA registry, or the name of its specification where IANA has only reserved the number.
//
//go:embed suites.txt
var suitesText string

var suiteNames = sync.OnceValue(func() map[uint32]string {
	names := make(map[uint32]string)
	for line := range strings.Lines(suitesText) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if id, err := strconv.ParseUint(number, 16, 32); err == nil {
			names[uint32(id)] = name
		}
	}
	return names
})

// SuiteName returns the IANA name of a cipher suite, as in TLS_RSA_WITH_AES_128_CBC_SHA, or four hex digits for
// one that has none.
func SuiteName(id uint16) string {
	if name, ok := suiteNames()[uint32(id)]; ok {
		return name
	}
	return fmt.Sprintf("%04x", id)
}

// V2KindName returns the name of a cipher kind of SSL 2.0, as in SSL_CK_RC4_128_WITH_MD5, or six hex digits for
// one that has none.
func V2KindName(kind uint32) string {
	if name, ok := suiteNames()[kind]; ok && kind >= sslv2SpecTLSBelow {
		return name
	}
	return fmt.Sprintf("%06x", kind)
}

// KeyExchange is how a cipher suite agrees on keys and proves the server, in the words of its name: "RSA",
// "ECDHE_RSA", "DH_anon_EXPORT".
type KeyExchange string

// The key exchanges that a program may want to compare with. There are more.
const (
	KeyExchangeNone       KeyExchange = ""      // a signal or GREASE value, or not known
	KeyExchangeTLS13      KeyExchange = "TLS13" // suites of TLS 1.3 leave it open
	KeyExchangeRSA        KeyExchange = "RSA"
	KeyExchangeRSAExport  KeyExchange = "RSA_EXPORT"
	KeyExchangeDHERSA     KeyExchange = "DHE_RSA"
	KeyExchangeDHEDSS     KeyExchange = "DHE_DSS"
	KeyExchangeDHAnon     KeyExchange = "DH_anon"
	KeyExchangeECDHERSA   KeyExchange = "ECDHE_RSA"
	KeyExchangeECDHEECDSA KeyExchange = "ECDHE_ECDSA"
	KeyExchangeECDHAnon   KeyExchange = "ECDH_anon"
)

// SuiteKeyExchange returns the key exchange of a cipher suite.
func SuiteKeyExchange(id uint16) KeyExchange {
	name := suiteNames()[uint32(id)]
	if before, _, ok := strings.Cut(name, "_WITH_"); ok {
		return KeyExchange(strings.TrimPrefix(strings.TrimPrefix(before, "TLS_"), "SSL_"))
	}
	if name == "" || strings.HasSuffix(name, "_SCSV") {
		return KeyExchangeNone
	}
	return KeyExchangeTLS13
}
