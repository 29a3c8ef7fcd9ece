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
	switch v {
	case SSL2:
		return "ssl2"
	case SSL3:
		return "ssl3"
	case TLS10:
		return "1.0"
	case TLS11:
		return "1.1"
	case TLS12:
		return "1.2"
	case TLS13:
		return "1.3"
	}
	return fmt.Sprintf("0x%04x", uint16(v))
}

// ParseVersion is the inverse of [Version.String] for the versions that have names. The hex form is not
// taken: nobody can ask for such a version.
func ParseVersion(s string) (Version, error) {
	for _, v := range []Version{SSL2, SSL3, TLS10, TLS11, TLS12, TLS13} {
		if v.String() == s {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is no version of TLS: use ssl2, ssl3, 1.0, 1.1, 1.2 or 1.3", s)
}

// maxVersion returns the highest version with a name that a hello offers, or 0 where it offers none.
//
// Where supported_versions was sent, it alone counts, and without it nothing above TLS 1.2 can be meant
// (RFC 8446, section 4.2.1).
func maxVersion(legacy Version, supported []Version) Version {
	if supported == nil {
		return maxLegacyVersion(legacy)
	}
	var highest Version
	for _, v := range supported {
		if v >= SSL3 && v <= TLS13 && v > highest {
			highest = v
		}
	}
	return highest
}

func maxLegacyVersion(legacy Version) Version {
	switch {
	case legacy >= TLS12:
		return TLS12
	case legacy >= SSL3, legacy == SSL2:
		return legacy
	}
	return 0
}

// IsGREASE tells whether v is one of the sixteen values that clients sprinkle over their lists to keep servers
// tolerant (RFC 8701, section 2). They mean nothing.
func IsGREASE(v uint16) bool {
	return v&0x0f0f == 0x0a0a && v>>8 == v&0xff
}
