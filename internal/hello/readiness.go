package hello

import "slices"

// Readiness is what a device could do without the bridge, as far as its hello tells.
type Readiness string

// The degrees of readiness.
const (
	Ready    Readiness = "ready"    // Exchange Online takes what the device offers
	Legacy   Readiness = "legacy"   // TLS 1.0 or 1.1 at most, or TLS 1.2 without what Exchange Online asks for
	Obsolete Readiness = "obsolete" // SSL 3.0 at most
	Unknown  Readiness = "unknown"  // no hello was seen, or none that could be read to its end
)

// Blocker is one thing that keeps a device from going direct.
type Blocker string

// The blockers, in the order in which lists and columns have them. The last two no hello can tell.
const (
	BlockerNoTLS         Blocker = "no_tls"         // the device spoke without TLS
	BlockerTLSVersion    Blocker = "tls_version"    // below TLS 1.2
	BlockerKeyExchange   Blocker = "key_exchange"   // no ECDHE-RSA with AES nor TLS 1.3, or neither P-256 nor P-384
	BlockerSignature     Blocker = "signature"      // TLS 1.2 or newer, but no RSA scheme with SHA-256 or better
	BlockerPasswordLogin Blocker = "password_login" // the last login used or tried a password
	BlockerSTARTTLSPort  Blocker = "starttls_port"  // the listener is one with STARTTLS
)

// BlockerOrder returns all blockers in the order in which lists and columns have them.
func BlockerOrder() []Blocker {
	return []Blocker{BlockerNoTLS, BlockerTLSVersion, BlockerKeyExchange, BlockerSignature,
		BlockerPasswordLogin, BlockerSTARTTLSPort}
}

// Readiness judges the hello by what Exchange Online takes. It is Unknown for nil, for FormatNone and for a hello
// that was not read to its end.
func (h *Hello) Readiness() Readiness {
	switch {
	case !h.judgeable():
		return Unknown
	case h.MaxVersion < TLS10:
		return Obsolete
	case len(h.Blockers()) > 0:
		return Legacy
	}
	return Ready
}

// Direct tells whether Exchange Online would take this hello.
func (h *Hello) Direct() bool { return h.Readiness() == Ready }

// Blockers returns what keeps the device from going direct, as far as a hello tells it and in the order of
// [BlockerOrder]. It is nil where nothing does, and where the hello was not seen or not read to its end.
func (h *Hello) Blockers() []Blocker {
	if h != nil && h.Format == FormatNone {
		return []Blocker{BlockerNoTLS}
	}
	if !h.judgeable() {
		return nil
	}
	var found []Blocker
	if h.MaxVersion < TLS12 {
		found = append(found, BlockerTLSVersion)
	}
	if !h.offersKeyExchange() || !h.offersGroup() {
		found = append(found, BlockerKeyExchange)
	}
	// Before TLS 1.2 nobody could ask for a signature, so its lack says nothing.
	if h.MaxVersion >= TLS12 && !slices.ContainsFunc(h.Signatures, fitsRSACertificate) {
		found = append(found, BlockerSignature)
	}
	return found
}

// judgeable tells whether something follows from what the hello lacks.
func (h *Hello) judgeable() bool {
	return h != nil && !h.partial && (h.Format == FormatTLS || h.Format == FormatSSLv2)
}

func (h *Hello) offersKeyExchange() bool {
	// TLS 1.3 leaves the choice of a group to nobody: without one its suites are worth nothing (RFC 8446, section 9.2).
	in13 := h.MaxVersion == TLS13 && h.Groups != nil
	return slices.ContainsFunc(h.Suites, func(id uint16) bool { return isECDHERSAWithAES(id) || in13 && isTLS13Suite(id) })
}

// offersGroup tells whether P-256 or P-384 can be agreed on. A hello without the extension leaves the choice to
// the server (RFC 8422, section 4).
func (h *Hello) offersGroup() bool {
	const secp256r1, secp384r1 = 23, 24
	return h.Groups == nil || slices.Contains(h.Groups, secp256r1) || slices.Contains(h.Groups, secp384r1)
}

// fitsRSACertificate tells whether a scheme can sign with an ordinary RSA key and SHA-256 or better
// (RFC 8446, section 4.2.3). The rsa_pss_pss schemes need a certificate that Exchange Online does not have.
func fitsRSACertificate(scheme uint16) bool {
	switch scheme {
	case 0x0401, 0x0501, 0x0601, // rsa_pkcs1_sha256, _sha384, _sha512
		0x0804, 0x0805, 0x0806: // rsa_pss_rsae_sha256, _sha384, _sha512
		return true
	}
	return false
}

// isECDHERSAWithAES knows the suites of ECDHE-RSA with AES in CBC or GCM.
func isECDHERSAWithAES(id uint16) bool {
	switch id {
	case 0xc013, 0xc014, // AES_128_CBC_SHA, AES_256_CBC_SHA
		0xc027, 0xc028, // AES_128_CBC_SHA256, AES_256_CBC_SHA384
		0xc02f, 0xc030: // AES_128_GCM_SHA256, AES_256_GCM_SHA384
		return true
	}
	return false
}

func isTLS13Suite(id uint16) bool { return id >= 0x1301 && id <= 0x1305 }
