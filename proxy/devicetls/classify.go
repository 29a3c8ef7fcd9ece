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
	if h.FallbackSCSV && h.MaxVersion < hello.TLS13 {
		return classFull, nil // crypto/tls answers inappropriate_fallback (RFC 7507), in no other class
	}
	for i, v := range versions {
		c, ok := permitted.serves(v)
		switch {
		case !ok:
			continue
		case i == 0 || c == classRSA:
			return c, nil
		case v == tls.VersionTLS12:
			return classTLS12, nil
		default:
			return classTLS11, nil
		}
	}
	return 0, &TLSError{alert: AlertHandshakeFailure, Sentence: "the device offers no cipher suite that this listener has " +
		"(listeners[].ciphers): " + suiteNames(h.Suites)}
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
		return &TLSError{alert: AlertProtocolVersion, Sentence: "the device offers only TLS versions that nobody knows"}
	}
	return &TLSError{alert: AlertProtocolVersion, Sentence: "the device offers " + versionName(h.MaxVersion) +
		" at most, this listener takes " + versionName(hello.Version(p.MinVersion)) + " and newer (listeners[].min_version)"}
}

// serves reports whether crypto/tls, held to version v, finds a suite and can sign, and in which class.
func (p Permitted) serves(v uint16) (class, bool) {
	h := p.Hello
	if v == tls.VersionTLS13 {
		return classFull, share(h.Suites, suites13) && share(h.Signatures, pssSchemes) && share(h.Groups, groups13)
	}
	ecdhe, rsa := p.keyExchanges(v)
	if v == tls.VersionTLS12 && ecdhe && !share(h.Signatures, rsaSchemes) {
		return classRSA, rsa
	}
	return classFull, ecdhe || rsa
}

// keyExchanges tells which key exchanges the suites allow that both sides have at version v, 1.2 or older.
func (p Permitted) keyExchanges(v uint16) (ecdhe, rsa bool) {
	curve := share(p.Hello.Groups, curves)
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !slices.Contains(s.SupportedVersions, v) || !slices.Contains(p.Suites, s.ID) {
			continue
		}
		if rsaKeyExchange(s.ID) {
			rsa = true
		} else if strings.HasPrefix(s.Name, "TLS_ECDHE_RSA_") {
			ecdhe = ecdhe || curve
		}
	}
	return ecdhe, rsa
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
