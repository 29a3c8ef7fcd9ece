package hello

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
)

// ja3 returns the MD5 of "version,suites,extensions,groups,point formats" in decimal numbers, without GREASE.
// specs replaces the suites for an SSLv2-format hello, whose order would be lost otherwise.
func ja3(h *Hello, specs []uint32) string {
	text := strconv.AppendUint(make([]byte, 0, 512), uint64(h.LegacyVersion), 10)
	text = append(text, ',')
	if specs != nil {
		text = appendDecimals(text, specs)
	} else {
		text = appendDecimals(text, h.Suites)
	}
	text = appendDecimals(append(text, ','), h.Extensions)
	text = appendDecimals(append(text, ','), h.Groups)
	text = appendDecimals(append(text, ','), h.PointFormats)
	var sum [md5.Size]byte
	// A name, not a safeguard: it must not panic where FIPS 140 is enforced.
	fips140.WithoutEnforcement(func() { sum = md5.Sum(text) })
	return hex.EncodeToString(sum[:])
}

// appendDecimals appends the numbers that are no GREASE, with hyphens between them.
func appendDecimals[T uint8 | uint16 | uint32](text []byte, list []T) []byte {
	start := len(text)
	for _, n := range list {
		if n := uint32(n); n <= 0xffff && IsGREASE(uint16(n)) {
			continue
		}
		if len(text) > start {
			text = append(text, '-')
		}
		text = strconv.AppendUint(text, uint64(n), 10)
	}
	return text
}

// ja4 returns FoxIO's fingerprint: a readable part, a hash of the sorted suites, and a hash of the sorted
// extensions (without server_name and ALPN) with the signature schemes in the order sent. GREASE counts nowhere.
func ja4(h *Hello) string {
	suites := withoutGREASE(h.Suites)
	extensions := withoutGREASE(h.Extensions)
	text := append(make([]byte, 0, 40), 't')
	text = append(text, ja4Version(h)...)
	if slices.Contains(extensions, extServerName) {
		text = append(text, 'd')
	} else {
		text = append(text, 'i')
	}
	text = appendCount(text, len(suites)+len(h.V2Kinds))
	text = appendCount(text, len(extensions))
	text = append(text, ja4ALPN(h.ALPN)...)
	text = append(text, '_')
	text = append(text, ja4Hash(ja4Suites(suites, h.V2Kinds))...)
	text = append(text, '_')
	text = append(text, ja4Hash(ja4Extensions(extensions, h.Signatures))...)
	return string(text)
}

func withoutGREASE(list []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(list), IsGREASE)
}

// appendCount appends n in two digits, at most 99.
func appendCount(text []byte, n int) []byte {
	n = min(n, 99)
	return append(text, byte('0'+n/10), byte('0'+n%10))
}

// ja4Version returns the highest number in supported_versions, else the version of the hello, by its two
// characters, or "00" where it has none.
func ja4Version(h *Hello) string {
	version := h.LegacyVersion
	if h.Versions != nil {
		version = 0
		for _, v := range h.Versions {
			if !IsGREASE(uint16(v)) {
				version = max(version, v)
			}
		}
	}
	if name := ja4Versions[version]; name != "" {
		return name
	}
	return "00"
}

var ja4Versions = map[Version]string{SSL2: "s2", SSL3: "s3", TLS10: "10", TLS11: "11", TLS12: "12", TLS13: "13"}

// ja4ALPN returns the first and last character of the first protocol, of its hex form where one of the two is no
// letter or digit, and "00" where there is none.
func ja4ALPN(protocols []string) []byte {
	if len(protocols) == 0 || protocols[0] == "" {
		return []byte("00")
	}
	first, last := protocols[0][0], protocols[0][len(protocols[0])-1]
	if isAlphanumeric(first) && isAlphanumeric(last) {
		return []byte{first, last}
	}
	const digits = "0123456789abcdef"
	return []byte{digits[first>>4], digits[last&0xf]}
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func ja4Suites(suites []uint16, kinds []uint32) []byte {
	slices.Sort(suites)
	text := appendHex(nil, suites, 4)
	return appendHex(text, slices.Sorted(slices.Values(kinds)), 6)
}

func ja4Extensions(extensions, signatures []uint16) []byte {
	extensions = slices.DeleteFunc(extensions, func(e uint16) bool { return e == extServerName || e == extALPN })
	slices.Sort(extensions)
	text := appendHex(nil, extensions, 4)
	schemes := appendHex(nil, withoutGREASE(signatures), 4)
	if len(schemes) == 0 {
		return text
	}
	text = append(text, '_')
	return append(text, schemes...)
}

// appendHex appends numbers of so many hex digits to a list with commas between them.
func appendHex[T uint16 | uint32](text []byte, list []T, digits int) []byte {
	const hexDigits = "0123456789abcdef"
	text = slices.Grow(text, len(list)*(digits+1))
	for _, n := range list {
		if len(text) > 0 {
			text = append(text, ',')
		}
		for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
			text = append(text, hexDigits[uint32(n)>>shift&0xf])
		}
	}
	return text
}

// ja4Hash returns the first twelve hex digits of the SHA-256, or zeros for an empty list.
func ja4Hash(list []byte) string {
	if len(list) == 0 {
		return "000000000000"
	}
	sum := sha256.Sum256(list)
	return hex.EncodeToString(sum[:6])
}

// greaseStandIn is what a key has in place of any GREASE value.
const greaseStandIn = 0x0a0a

// Key returns 32 hex digits that are equal for hellos that tell the same, and only for them: a key for caches and
// for counting. The session id, its length included, tells nothing, nor does it which GREASE values were drawn,
// since both change from one connection of a device to its next. The key of a nil hello is empty.
//
// It is computed at each call.
func (h *Hello) Key() string {
	if h == nil {
		return ""
	}
	text := make([]byte, 0, 512)
	text = appendText(text, string(h.Format))
	text = append(text, h.flags())
	text = binary.BigEndian.AppendUint16(text, uint16(h.RecordVersion))
	text = binary.BigEndian.AppendUint16(text, uint16(h.LegacyVersion))
	text = appendNumbers(text, h.Versions)
	text = appendNumbers(text, h.Suites)
	text = appendNumbers(text, h.V2Kinds)
	text = appendNumbers(text, h.Groups)
	text = appendNumbers(text, h.Signatures)
	text = appendNumbers(text, h.PointFormats)
	text = appendNumbers(text, h.Extensions)
	text = appendNumbers(text, h.Compressions)
	text = appendText(text, h.ServerName)
	text = binary.BigEndian.AppendUint32(text, uint32(len(h.ALPN)))
	for _, name := range h.ALPN {
		text = appendText(text, name)
	}
	// JA3 alone keeps the order between suites and kinds of an SSLv2-format hello, and its lack marks a broken one.
	text = appendText(text, h.JA3)
	if h.odd != nil { // the forms of extensions are kept nowhere else
		text = appendText(text, h.odd.Sentence)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// flags packs what a hello says by yes or no.
func (h *Hello) flags() (b byte) {
	for i, set := range []bool{h.Tickets, h.FallbackSCSV, h.RenegotiationInfo,
		h.Groups == nil, h.Signatures == nil, h.Versions == nil, h.Extensions == nil} {
		if set {
			b |= 1 << i
		}
	}
	return b
}

func appendText(text []byte, s string) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(s)))
	return append(text, s...)
}

func appendNumbers[T ~uint8 | ~uint16 | ~uint32](text []byte, list []T) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(list)))
	for _, n := range list {
		if n := uint32(n); n <= 0xffff && IsGREASE(uint16(n)) {
			text = binary.BigEndian.AppendUint32(text, greaseStandIn)
			continue
		}
		text = binary.BigEndian.AppendUint32(text, uint32(n))
	}
	return text
}
