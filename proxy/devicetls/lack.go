package devicetls

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"drawbridge/internal/hello"
)

// lack is what keeps crypto/tls from serving a hello at some version, the greater the nearer it comes to be served.
type lack int

const (
	lacksNothing     lack = iota
	lacksSuite            // that both sides have
	lacksVersion          // of the suites that both sides have
	lacksCertificate      // for the suites that both sides have
	lacksGroup            // for ECDHE or TLS 1.3
	lacksSignature        // that an RSA certificate gives with SHA-256 or better
	lacksPoints           // of elliptic curves that are not compressed
)

// lack tells what key exchanges lack of which none can be used.
func (found keyExchangesFound) lack() lack {
	switch {
	case found[ecdheRSA]:
		return lacksGroup
	case found[ecdheECDSA]:
		return lacksCertificate
	case found[ofOtherVersion]:
		return lacksVersion
	}
	return lacksSuite
}

// refuse says what a hello lacks that no version serves.
func (p Permitted) refuse(l lack) *TLSError {
	h := p.Hello
	e := &TLSError{alert: AlertHandshakeFailure}
	if absent := l == lacksGroup && h.Groups == nil || l == lacksSignature && h.Signatures == nil; absent && p.only13() {
		e.alert = AlertMissingExtension // RFC 8446, section 9.2
	}
	switch l {
	case lacksPoints:
		e.alert = AlertIllegalParameter // RFC 8422, section 5.1.2
		e.Sentence = "the device takes the points of elliptic curves in compressed form alone (ec_point_formats), which nobody else has: " +
			"update its firmware, or switch elliptic curves (ECDHE) off in it"
	case lacksSignature:
		e.Sentence = signatureSentence(h)
	case lacksGroup:
		e.Sentence = groupSentence(h)
	case lacksCertificate:
		e.Sentence = "the device offers only cipher suites for certificates with an ECDSA key, and this bridge's have RSA keys: switch " +
			"suites that begin with TLS_RSA or TLS_ECDHE_RSA on in the device (" + suiteNames(h.Suites) + ")"
	case lacksVersion:
		e.Sentence = "the device offers " + versionName(h.MaxVersion) + " at most, and of this listener's cipher suites only such as belong to " +
			"another version: switch others on in the device (" + suiteNames(h.Suites) + ")"
	default:
		e.Sentence = suiteSentence(h)
	}
	return e
}

// suiteSentence says what to do where no suite is common: another setting of the listener helps only where it adds one.
func suiteSentence(h *hello.Hello) string {
	mend := ", which no setting of this bridge adds: switch suites with AES on in the device, update its firmware, or replace it"
	if share(h.Suites, LegacySuites()) {
		mend = "; set listeners[].ciphers to legacy"
	}
	return "the device offers no cipher suite that this listener has (listeners[].ciphers): " + suiteNames(h.Suites) + mend
}

// only13 reports whether TLS 1.3 is the one version that both sides speak.
func (p Permitted) only13() bool { return slices.Equal(p.Versions, []uint16{tls.VersionTLS13}) }

func groupSentence(h *hello.Hello) string {
	const mend = "or a cipher suite that begins with TLS_RSA, or update its firmware"
	if h.Groups == nil {
		return "the device offers key exchange by elliptic curves alone and names no curve (no extension supported_groups), which this bridge " +
			"cannot serve yet, though others choose one themselves: name P-256 in the device's settings, " + mend
	}
	return "the device names no group for its key exchange that this bridge has (P-256, P-384, P-521, X25519): it names " +
		numbers(h.Groups) + "; switch P-256 on in it, " + mend
}

func signatureSentence(h *hello.Hello) string {
	names := "it names none (no extension signature_algorithms)"
	if h.Signatures != nil {
		names = "it names " + numbers(h.Signatures)
	}
	return "the device takes no signature that this bridge can give with its RSA certificate and SHA-256 or better (RSA-PSS in TLS 1.3): " +
		names + "; switch such a signature on in the device, or a cipher suite that begins with TLS_RSA"
}

// numbers lists the first entries of a list as four hex digits each, without GREASE.
func numbers(list []uint16) string {
	const most = 8
	var texts []string
	for _, n := range list {
		if hello.IsGREASE(n) {
			continue
		}
		if len(texts) == most {
			texts = append(texts, "…")
			break
		}
		texts = append(texts, fmt.Sprintf("%04x", n))
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
