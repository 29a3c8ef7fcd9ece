package hello

import "fmt"

// Version is a protocol version as it stands on the wire.
type Version uint16

// The versions that have names. SSL2 stands in hellos of the SSLv2 format only.
const (
	SSL2  Version = 0x0002
	SSL3  Version = 0x0300
	TLS10 Version = 0x0301
	TLS11 Version = 0x0302
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// String returns the version as configuration and session record write it: "ssl2", "ssl3", "1.0" to "1.3".
// Any other value (GREASE, drafts, nonsense) gives its four hex digits, as in "0x7f1c".
func (v Version) String() string {
	if name := versionNames[v]; name != "" {
		return name
	}
	return fmt.Sprintf("0x%04x", uint16(v))
}

var versionNames = map[Version]string{SSL2: "ssl2", SSL3: "ssl3", TLS10: "1.0", TLS11: "1.1", TLS12: "1.2", TLS13: "1.3"}

// maxVersion returns the highest version with a name that a hello offers, or 0 where it offers none.
//
// Where supported_versions was sent, it alone counts, and without it nothing above TLS 1.2 can be meant
// (RFC 8446, section 4.2.1).
func maxVersion(legacy Version, supported []Version) Version {
	if supported == nil && legacy == SSL2 {
		return SSL2
	}
	if supported == nil {
		supported = []Version{min(legacy, TLS12)}
	}
	var highest Version
	for _, v := range supported {
		if v >= SSL3 && v <= TLS13 && v > highest {
			highest = v
		}
	}
	return highest
}

// IsGREASE tells whether v is one of the sixteen values that clients sprinkle over their lists to keep servers
// tolerant (RFC 8701, section 2). They mean nothing.
func IsGREASE(v uint16) bool {
	return v&0x0f0f == 0x0a0a && v>>8 == v&0xff
}
