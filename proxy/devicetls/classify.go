package devicetls

import (
	"crypto/tls"
	"slices"
	"strings"

	"drawbridge/internal/hello"
)

// class is a kind of hello that needs a configuration of its own, because crypto/tls would fail it although the device
// can be served. There is one *tls.Config a class, never one a connection.
type class int

const (
	classFull  class = iota // as it comes
	classTLS12              // offers TLS 1.3 but lacks what that takes
	classRSA                // TLS 1.2 without a signature scheme that crypto/tls uses: RSA key exchange signs nothing
	classRSA12              // the same of a hello that offers TLS 1.3
	classTLS11              // the same without RSA key exchange: up to TLS 1.1 the signature is not negotiated
	classes
)

// Signature schemes that crypto/tls makes with an RSA key: TLS 1.3 takes only the RSA-PSS ones (RFC 8446, section
// 4.2.3); of TLS 1.2 those with SHA-1 are off.
var (
	pssSchemes = []uint16{uint16(tls.PSSWithSHA256), uint16(tls.PSSWithSHA384), uint16(tls.PSSWithSHA512)}
	rsaSchemes = append([]uint16{uint16(tls.PKCS1WithSHA256), uint16(tls.PKCS1WithSHA384), uint16(tls.PKCS1WithSHA512)}, pssSchemes...)
	curves     = []uint16{uint16(tls.CurveP256), uint16(tls.CurveP384), uint16(tls.CurveP521), uint16(tls.X25519)}
	groups13   = append([]uint16{uint16(tls.X25519MLKEM768), uint16(tls.SecP256r1MLKEM768), uint16(tls.SecP384r1MLKEM1024)}, curves...)
	suites13   = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}
)

// classify decides how a hello is served, or by which alert it is refused: no common version, protocol_version; to an
// SSLv3-only hello and where no suite is common, handshake_failure (RFC 5246, section 7.2.2).
func classify(permitted Permitted) (class, *TLSError) {
	h := permitted.Hello
	if refused := unspeakable(h); refused != nil {
		return 0, refused
	}
	versions := slices.DeleteFunc(slices.Clone(permitted.Versions), func(v uint16) bool { return v < tls.VersionTLS10 })
	if len(versions) == 0 {
		return 0, permitted.Profile.noVersion(h)
	}
	if odd := h.Oddity(); odd != nil {
		return 0, &TLSError{alert: odd.Alert, Sentence: odd.Sentence}
	}
	if h.FallbackSCSV && h.MaxVersion < hello.TLS13 { // every listener has TLS 1.3 (RFC 7507, section 3)
		return 0, &TLSError{alert: AlertInappropriateFallback, Sentence: "the device fell back to " + versionName(h.MaxVersion) +
			" after a failed attempt with a newer version, which could be an attacker's doing: look at its earlier sessions"}
	}
	nearest := lacksSuite
	for i, v := range versions {
		c, lacks := permitted.serves(v)
		switch {
		case lacks != lacksNothing:
			nearest = max(nearest, lacks)
		case i == 0:
			return c, nil
		case c == classRSA:
			return classRSA12, nil
		case v == tls.VersionTLS12:
			return classTLS12, nil
		default:
			return classTLS11, nil
		}
	}
	return 0, permitted.refuse(nearest)
}

// unspeakable refuses the hellos that no version of crypto/tls reads.
func unspeakable(h *hello.Hello) *TLSError {
	if h.MaxVersion != 0 && h.MaxVersion <= hello.SSL3 {
		return &TLSError{alert: AlertHandshakeFailure, Sentence: "the device speaks " + versionName(h.MaxVersion) +
			" at most, which is not served: it needs new firmware or a replacement"}
	}
	if h.Format == hello.FormatSSLv2 {
		return &TLSError{alert: AlertHandshakeFailure, Sentence: "the device opens with an SSLv2-format hello, which cannot be served yet: " +
			"switch SSL 2.0 compatibility off in the device"}
	}
	return nil
}

func (p *Profile) noVersion(h *hello.Hello) *TLSError {
	if h.MaxVersion == 0 {
		return &TLSError{alert: AlertProtocolVersion, Sentence: "the device offers only TLS versions that nobody knows: update its firmware"}
	}
	return &TLSError{alert: AlertProtocolVersion, Sentence: "the device offers " + versionName(h.MaxVersion) +
		" at most, this listener takes " + versionName(hello.Version(p.MinVersion)) + " and newer " +
		"(listeners[].min_version): lower that, or switch " +
		"newer versions on in the device"}
}

// serves tells what crypto/tls, held to version v, lacks to serve the hello, and in which class it does where that is nothing.
func (p Permitted) serves(v uint16) (class, lack) {
	h := p.Hello
	if v == tls.VersionTLS13 {
		switch {
		case !share(h.Suites, suites13):
			return classFull, lacksSuite
		case !share(h.Groups, groups13):
			return classFull, lacksGroup
		case !share(h.Signatures, pssSchemes):
			return classFull, lacksSignature
		}
		return classFull, lacksNothing
	}
	found := p.keyExchanges(v)
	ecdhe := found[ecdheRSA] && share(h.Groups, curves)
	switch {
	case !ecdhe && !found[plainRSA]:
		return classFull, found.lack()
	case len(h.PointFormats) > 0 && !slices.Contains(h.PointFormats, uncompressed):
		return classFull, lacksPoints // whatever the key exchange
	case v == tls.VersionTLS12 && ecdhe && !share(h.Signatures, rsaSchemes):
		if !found[plainRSA] {
			return classFull, lacksSignature
		}
		return classRSA, lacksNothing
	}
	return classFull, lacksNothing
}

// uncompressed is the one point format that everybody has (RFC 8422, section 5.1.2).
const uncompressed = 0

// keyExchange is a kind of cipher suite, by what it takes besides itself.
type keyExchange int

const (
	plainRSA   keyExchange = iota
	ecdheRSA               // takes a curve
	ecdheECDSA             // takes a certificate that no listener has
	ofOtherVersion
	keyExchanges
)

type keyExchangesFound [keyExchanges]bool

// keyExchanges tells which kinds stand among the suites that both sides have, for version v, 1.2 or older.
func (p Permitted) keyExchanges(v uint16) (found keyExchangesFound) {
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		switch {
		case !slices.Contains(p.Suites, s.ID):
		case !slices.Contains(s.SupportedVersions, v):
			found[ofOtherVersion] = true
		case rsaKeyExchange(s.ID):
			found[plainRSA] = true
		case strings.HasPrefix(s.Name, "TLS_ECDHE_RSA_"):
			found[ecdheRSA] = true
		default:
			found[ecdheECDSA] = true
		}
	}
	return found
}

// rsaKeyExchange reports whether a suite of crypto/tls sends the secret encrypted to the certificate's key.
func rsaKeyExchange(id uint16) bool {
	return strings.HasPrefix(tls.CipherSuiteName(id), "TLS_RSA_")
}

func share(a, b []uint16) bool {
	return slices.ContainsFunc(a, func(x uint16) bool { return slices.Contains(b, x) })
}

// versionName is how people write a version.
func versionName(v hello.Version) string {
	switch v {
	case hello.SSL2:
		return "SSL 2.0"
	case hello.SSL3:
		return "SSL 3.0"
	}
	return "TLS " + v.String()
}

// Signals that stand among the suites (RFC 5746, section 3.3; RFC 7507, section 2).
const (
	emptyRenegotiationInfo = 0x00ff
	fallback               = tls.TLS_FALLBACK_SCSV
)

// suiteNames lists the first suites of a hello for an administrator.
func suiteNames(ids []uint16) string {
	const most = 8
	var names []string
	for _, id := range ids {
		if signal := id == emptyRenegotiationInfo || id == fallback || hello.IsGREASE(id); signal {
			continue
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, hello.SuiteName(id))
	}
	if len(names) == 0 {
		return "it offers none"
	}
	return "it offers " + strings.Join(names, ", ")
}
