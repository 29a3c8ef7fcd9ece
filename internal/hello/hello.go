package hello

import "errors"

// MaxSize is how many peeked bytes [Parse] looks at, record headers included. A hello that has not ended by
// then is malformed, so a caller need never hold more.
//
// Hellos of real devices have 50 to 600 bytes, of today's browsers up to 2,000, and a session ticket with a
// certificate inside adds a few thousand. 64 KiB leaves room for any of those cut into small records, and lets
// nothing through that the standard library would refuse for its size (it stops at a message of 64 KiB).
const MaxSize = 64 << 10

// Bounds on what one hello may list. The registries have fewer than 400 cipher suites, so no scanner that
// offers each of them comes near; what is beyond would only bloat the session record.
const (
	maxListed     = 1024 // cipher suites, groups, signature schemes, versions, compression methods
	maxExtensions = 256
	maxProtocols  = 64
	maxServerName = 255 // the longest DNS name; a longer one is cut
)

// Format is the framing in which a hello came.
type Format string

// The formats of a hello.
const (
	FormatTLS   Format = "tls"   // TLS or SSL 3.0 records
	FormatSSLv2 Format = "sslv2" // one SSL 2.0 record (RFC 5246, appendix E.2)
	FormatNone  Format = "none"  // the device spoke, but no TLS
)

// Hello is what a ClientHello tells. It does not change after [Parse] and may be shared between sessions and
// goroutines.
//
// Lists hold what was sent in the order sent, GREASE values included. The random and the session id are not kept.
type Hello struct {
	Format Format
	// RecordVersion is the version of the first record: for FormatSSLv2 always SSL2, which is what such a
	// record is, whatever version the hello in it asks for.
	RecordVersion Version
	// LegacyVersion is the client_version of the hello, for FormatSSLv2 its version field.
	LegacyVersion Version
	// MaxVersion is the highest version with a name that is offered, supported_versions included; 0 where none is.
	MaxVersion Version
	// Versions is the supported_versions extension, nil where absent.
	Versions []Version

	Suites     []uint16 // for FormatSSLv2 the cipher specs 0x00XXXX
	V2Kinds    []uint32 // for FormatSSLv2 the other cipher specs, those of SSL 2.0 itself; else nil
	Groups     []uint16 // supported_groups, nil where absent, empty where sent empty
	Signatures []uint16 // signature_algorithms, nil where absent, empty where sent empty

	PointFormats []uint8  // ec_point_formats, nil where absent
	Extensions   []uint16 // types; nil where the hello has no block of extensions
	Compressions []uint8  // nil for FormatSSLv2, which has none

	ServerName string   // the first host name of server_name, at most 255 bytes of it, unchecked bytes as sent
	ALPN       []string // nil where absent; unchecked bytes as sent

	Tickets           bool // the session_ticket extension is offered (RFC 5077)
	SessionIDLen      int  // of this connection: more than 0 where the device tries to resume, or pretends to
	FallbackSCSV      bool // TLS_FALLBACK_SCSV is offered (RFC 7507)
	RenegotiationInfo bool // secure renegotiation, as cipher suite or as extension (RFC 5746)

	// JA3 is the fingerprint of Salesforce as 32 hex digits. For FormatSSLv2 the cipher specs are listed as the
	// 24-bit numbers they are, as Zeek does. Empty where the hello was not read to its end.
	JA3 string
	// JA4 is the fingerprint of FoxIO, as in t13d1516h2_8daaf6152771_e5627efa2ab1. Its description does not
	// cover SSLv2-format hellos: their SSL 2.0 cipher specs stand as six hex digits behind the suites. Empty
	// where the hello was not read to its end.
	JA4 string

	// partial says that the hello was not read to its end, so nothing can be concluded from what it lacks.
	partial bool
	odd     *Oddity // of an extension
}

// None returns the hello of a device that spoke, but no TLS.
func None() *Hello { return &Hello{Format: FormatNone} }

var (
	// ErrIncomplete says that what was peeked may become a hello: peek more, at most [MaxSize].
	ErrIncomplete = errors.New("the ClientHello is not complete yet")
	// ErrNotTLS says that the bytes are no hello in either format, and that no further ones can change it.
	ErrNotTLS = errors.New("the device does not speak TLS")
)

// MalformedError says that the device speaks TLS, but its first message is no ClientHello that could be read.
// It deserves the alert decode_error.
type MalformedError struct {
	// Reason is what is wrong, for an administrator, as in "the list of cipher suites is cut off".
	Reason string
	// Hello holds what was learned before that, and is never nil. It has no fingerprints, and its readiness
	// is unknown.
	Hello *Hello
}

// Error implements error.
func (e *MalformedError) Error() string { return "malformed ClientHello: " + e.Reason }

// Parse reads the ClientHello at the start of what a device sent. What follows the hello is ignored.
//
// It returns [ErrIncomplete] as long as more bytes are needed, [ErrNotTLS] as soon as it is clear that this is
// plain text or garbage, and a *[MalformedError] for a hello that is broken. Once one of the latter two, or a
// hello, was returned, more bytes do not change it. The hello does not point into peeked.
func Parse(peeked []byte) (*Hello, error) {
	b := peeked[:min(len(peeked), MaxSize)]
	if len(b) == 0 {
		return nil, ErrIncomplete
	}
	switch {
	case b[0] == recordTypeHandshake:
		return parseTLS(b)
	case b[0]&sslv2TwoByteHeader != 0:
		return parseSSLv2(b)
	}
	return nil, ErrNotTLS
}

// malformed returns the error for a hello of which only h could be read.
func malformed(h *Hello, reason string) error {
	h.partial = true
	h.MaxVersion = maxVersion(h.LegacyVersion, h.Versions)
	return &MalformedError{Reason: reason, Hello: h}
}

// noteSignals sets what a hello says by cipher suites that are none.
func (h *Hello) noteSignals() {
	for _, id := range h.Suites {
		switch id {
		case suiteFallbackSCSV:
			h.FallbackSCSV = true
		case suiteRenegotiationSCSV:
			h.RenegotiationInfo = true
		}
	}
}
