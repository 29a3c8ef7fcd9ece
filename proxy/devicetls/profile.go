package devicetls

import (
	"crypto/tls"
	"slices"

	"drawbridge/internal/hello"
)

// Profile says what a listener accepts of a device's TLS.
type Profile struct {
	Protocol   string // ALPN name: "imap" or "pop3" (RFC 7301's registry)
	MinVersion uint16 // tls.VersionTLS10 or newer
	Suites     []uint16
	// Certificate chooses the certificate; the keys are RSA.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// LegacySuites are all cipher suites that crypto/tls implements, RSA key exchange, 3DES and RC4 included; it ranks them
// itself. It has no export, NULL, anonymous or single DES suite.
func LegacySuites() []uint16 {
	var ids []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, s.ID)
	}
	return ids
}

// ModernSuites are the suites with ECDHE and AEAD.
func ModernSuites() []uint16 {
	var ids []uint16
	for _, s := range tls.CipherSuites() {
		if !slices.Contains(s.SupportedVersions, tls.VersionTLS11) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// Permitted is what a listener's profile leaves of a hello, whatever an engine can do with it. It is only read.
type Permitted struct {
	Hello    *hello.Hello
	Profile  *Profile
	Versions []uint16 // those that both sides speak, newest first; empty: the profile refuses the hello's versions
	Suites   []uint16 // those that the profile allows, in the order of the hello
}

// permit applies the profile to a hello.
func (p *Profile) permit(h *hello.Hello) Permitted {
	permitted := Permitted{Hello: h, Profile: p}
	for v := uint16(tls.VersionTLS13); v >= max(p.MinVersion, uint16(hello.SSL3)); v-- {
		if offers(h, v) {
			permitted.Versions = append(permitted.Versions, v)
		}
	}
	for _, id := range h.Suites {
		if slices.Contains(p.Suites, id) || slices.Contains(suites13, id) {
			permitted.Suites = append(permitted.Suites, id)
		}
	}
	return permitted
}

// offers reports whether the hello offers version v. Without supported_versions it offers all up to its own, which is
// TLS 1.2 at most (RFC 8446, section 4.2.1).
func offers(h *hello.Hello, v uint16) bool {
	if h.Versions != nil {
		return slices.Contains(h.Versions, hello.Version(v))
	}
	return v <= min(uint16(h.LegacyVersion), tls.VersionTLS12)
}
