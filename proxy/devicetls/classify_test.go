package devicetls

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/hello"
)

// handHello is a ClientHello made by hand, for what no TLS library can be made to send.
type handHello struct {
	version    uint16
	suites     []uint16
	versions   []uint16 // supported_versions; nil: absent, as is each list below
	groups     []uint16
	signatures []uint16
	alpn       []string
	more       []byte  // extensions before these, whole
	last       []byte  // extensions behind them
	compress   []uint8 // compression methods; nil: none alone
}

func (d handHello) body() []byte {
	b := binary.BigEndian.AppendUint16(nil, d.version)
	b = append(b, slices.Repeat([]byte{7}, 32)...) // random
	b = append(b, 0)                               // session id
	b = append(b, withLength16(number16s(d.suites))...)
	compress := d.compress
	if compress == nil {
		compress = []uint8{0}
	}
	b = append(append(b, byte(len(compress))), compress...)
	if ext := d.extensions(); len(ext) > 0 {
		b = append(b, withLength16(ext)...)
	}
	return b
}

func (d handHello) extensions() []byte {
	b := slices.Clone(d.more)
	add := func(kind uint16, data []byte) { b = append(b, extension(kind, data...)...) }
	if d.groups != nil {
		add(10, withLength16(number16s(d.groups)))
	}
	if d.signatures != nil {
		add(13, withLength16(number16s(d.signatures)))
	}
	if d.alpn != nil {
		var names []byte
		for _, n := range d.alpn {
			names = append(append(names, byte(len(n))), n...)
		}
		add(16, withLength16(names))
	}
	if d.versions != nil {
		list := number16s(d.versions)
		add(43, append([]byte{byte(len(list))}, list...))
		add(51, []byte{0, 0}) // key_share without a share: the server asks again for the group it wants
	}
	return append(b, d.last...)
}

func extension(kind uint16, data ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, kind), withLength16(data)...)
}

// serverName is the extension of that name with host names.
func serverName(names ...string) []byte {
	var list []byte
	for _, n := range names {
		list = append(append(list, 0), withLength16([]byte(n))...)
	}
	return extension(0, withLength16(list)...)
}

// bytes is the hello in one record, of version 1.0 or, where it is older, its own.
func (d handHello) bytes() []byte {
	body := d.body()
	message := append([]byte{1, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	record := binary.BigEndian.AppendUint16([]byte{22}, min(d.version, tls.VersionTLS10))
	return append(record, withLength16(message)...)
}

func (d handHello) parse(t testing.TB) *hello.Hello {
	t.Helper()
	h, err := hello.Parse(d.bytes())
	if err != nil {
		t.Fatalf("the hello made by hand is broken: %v", err)
	}
	return h
}

func number16s(list []uint16) []byte {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

func withLength16(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// sslv2Hello is a hello in the format of SSL 2.0, asking for version.
func sslv2Hello(version uint16) []byte {
	specs := []byte{0, 0, 0x2f, 0, 0, 0x0a, 1, 0, 0x80}
	b := append([]byte{1}, number16s([]uint16{version, uint16(len(specs)), 0, 16})...)
	b = append(append(b, specs...), make([]byte, 16)...)
	return append([]byte{0x80, byte(len(b))}, b...)
}

// The names of the registries that the tests need and crypto/tls has not.
const (
	camelliaSHA     = 0x0041 // TLS_RSA_WITH_CAMELLIA_128_CBC_SHA
	dheAES          = 0x0033 // TLS_DHE_RSA_WITH_AES_128_CBC_SHA
	rc4MD5          = 0x0004 // TLS_RSA_WITH_RC4_128_MD5
	export40        = 0x0003 // TLS_RSA_EXPORT_WITH_RC4_40_MD5
	fallbackSCSV    = 0x5600
	groupX448       = 0x001e
	groupFFDHE      = 0x0100
	versionSSL3     = 0x0300
	versionGREASE   = 0x7a7a
	sha1RSA         = uint16(tls.PKCS1WithSHA1)
	sha1ECDSA       = uint16(tls.ECDSAWithSHA1)
	sha256RSA       = uint16(tls.PKCS1WithSHA256)
	pss256          = uint16(tls.PSSWithSHA256)
	p256            = uint16(tls.CurveP256)
	rsaAES          = tls.TLS_RSA_WITH_AES_128_CBC_SHA
	rsaGCM          = tls.TLS_RSA_WITH_AES_128_GCM_SHA256
	ecdheAES        = tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
	ecdheGCM        = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	ecdsaGCM        = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	aes13           = tls.TLS_AES_128_GCM_SHA256
	v10, v11        = tls.VersionTLS10, tls.VersionTLS11
	v12, v13        = tls.VersionTLS12, tls.VersionTLS13
	alertAppProto   = "no_application_protocol"
	alertFallback   = "inappropriate_fallback"
	alertVersion    = "protocol_version"
	alertNoSuite    = "handshake_failure"
	alertBroken     = "decode_error"
	alertIllegal    = "illegal_parameter"
	engineOfTheBook = "standard"
)

func list16(n ...uint16) []uint16 { return n }

// helloCase says what becomes of a hello: a version and suite, or an alert.
type helloCase struct {
	name    string
	profile func(*Profile)
	hello   handHello
	version uint16 // served
	suite   uint16
	class   class
	alert   string // refused
	record  uint16 // version of the alert's record
	says    string // part of the sentence
}

func modern(p *Profile)           { p.Suites = ModernSuites() }
func from12(p *Profile)           { p.MinVersion = v12 }
func from13(p *Profile)           { p.MinVersion = v13 }
func onlyRSA(p *Profile)          { p.Suites = list16(rsaAES) }
func pop3(p *Profile)             { p.Protocol = "pop3" }
func legacyOf(v uint16) handHello { return handHello{version: v, suites: list16(rsaAES)} }

var helloCases = []helloCase{
	// As it comes.
	{name: "tls 1.0, RSA", hello: legacyOf(v10), version: v10, suite: rsaAES},
	{name: "tls 1.1, RSA", hello: legacyOf(v11), version: v11, suite: rsaAES},
	{name: "tls 1.0, 3DES", hello: handHello{version: v10, suites: list16(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA)}, version: v10,
		suite: tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
	{name: "tls 1.0, RC4", hello: handHello{version: v10, suites: list16(rc4MD5, tls.TLS_RSA_WITH_RC4_128_SHA)}, version: v10,
		suite: tls.TLS_RSA_WITH_RC4_128_SHA},
	{name: "tls 1.0, ECDHE", hello: handHello{version: v10, suites: list16(ecdheAES), groups: list16(p256)}, version: v10, suite: ecdheAES},
	{name: "tls 1.2, ECDHE", hello: handHello{version: v12, suites: list16(rsaAES, ecdheGCM), groups: list16(p256),
		signatures: list16(sha256RSA)}, version: v12, suite: ecdheGCM},
	{name: "tls 1.2, PSS only", hello: handHello{version: v12, suites: list16(ecdheGCM), groups: list16(p256), signatures: list16(pss256)},
		version: v12, suite: ecdheGCM},
	{name: "tls 1.3", hello: handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, ecdheGCM), groups: list16(p256),
		signatures: list16(pss256)}, version: v13, suite: aes13},
	{name: "a version from the future", hello: handHello{version: 0x0309, suites: list16(rsaAES)}, version: v12, suite: rsaAES},

	// Steered: without signature_algorithms, or with SHA-1 only.
	{name: "tls 1.2 without signatures, RSA offered", hello: handHello{version: v12, suites: list16(ecdheAES, rsaAES),
		groups: list16(p256)}, version: v12, suite: rsaAES, class: classRSA},
	{name: "tls 1.2 with SHA-1 only, RSA offered", hello: handHello{version: v12, suites: list16(ecdheGCM, rsaGCM), groups: list16(p256),
		signatures: list16(sha1RSA, sha1ECDSA)}, version: v12, suite: rsaGCM, class: classRSA},
	{name: "tls 1.2 with SHA-1 only, RSA alone", hello: handHello{version: v12, suites: list16(rsaAES), signatures: list16(sha1RSA)},
		version: v12, suite: rsaAES},
	{name: "tls 1.2 without signatures, ECDHE only", hello: handHello{version: v12, suites: list16(ecdheAES), groups: list16(p256)},
		version: v11, suite: ecdheAES, class: classTLS11},
	{name: "tls 1.2 with SHA-1 only, ECDHE only", hello: handHello{version: v12, suites: list16(ecdheAES), groups: list16(p256),
		signatures: list16(sha1RSA)}, version: v11, suite: ecdheAES, class: classTLS11},
	{name: "the same, RSA offered but not had here", profile: func(p *Profile) { p.Suites = list16(ecdheAES) },
		hello: handHello{version: v12, suites: list16(ecdheAES, rsaAES), groups: list16(p256)}, version: v11, suite: ecdheAES, class: classTLS11},
	{name: "the same, but nothing below 1.2 offered", hello: handHello{version: v12, versions: list16(v12), suites: list16(ecdheAES),
		groups: list16(p256)}, alert: alertNoSuite, record: v12, says: "no extension signature_algorithms"},
	{name: "the same, but nothing below 1.2 taken", profile: from12, hello: handHello{version: v12, suites: list16(ecdheAES),
		groups: list16(p256)}, alert: alertNoSuite, record: v12},

	// Steered: TLS 1.3 without what it takes.
	{name: "tls 1.3 without PSS", hello: handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, ecdheGCM),
		groups: list16(p256), signatures: list16(sha256RSA)}, version: v12, suite: ecdheGCM, class: classTLS12},
	{name: "tls 1.3 with SHA-1 only", hello: handHello{version: v12, versions: list16(v13, v12, v11, v10), suites: list16(aes13, ecdheGCM,
		rsaAES), groups: list16(p256), signatures: list16(sha1RSA)}, version: v12, suite: rsaAES, class: classRSA12},
	{name: "tls 1.3 with SHA-1 only, ECDHE only", hello: handHello{version: v12, versions: list16(v13, v12, v11, v10),
		suites: list16(aes13, ecdheAES), groups: list16(p256), signatures: list16(sha1RSA)}, version: v11, suite: ecdheAES, class: classTLS11},
	{name: "tls 1.3 without a suite of 1.3", hello: handHello{version: v12, versions: list16(v13, v12), suites: list16(ecdheGCM),
		groups: list16(p256), signatures: list16(pss256)}, version: v12, suite: ecdheGCM, class: classTLS12},
	{name: "tls 1.3 without a common group, RSA offered", hello: handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13,
		rsaGCM), groups: list16(groupX448, groupFFDHE), signatures: list16(pss256)}, version: v12, suite: rsaGCM, class: classTLS12},
	{name: "tls 1.3 without groups, RSA offered", hello: handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, rsaGCM),
		signatures: list16(pss256)}, version: v12, suite: rsaGCM, class: classTLS12},
	{name: "tls 1.3 alone without PSS", hello: handHello{version: v12, versions: list16(v13), suites: list16(aes13), groups: list16(p256),
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},

	// No common version.
	{name: "tls 1.0 where 1.2 is asked for", profile: from12, hello: legacyOf(v10), alert: alertVersion, record: v10, says: "min_version"},
	{name: "tls 1.1 where 1.2 is asked for", profile: from12, hello: legacyOf(v11), alert: alertVersion, record: v11, says: "TLS 1.1 at most"},
	{name: "tls 1.2 where 1.3 is asked for", profile: from13, hello: legacyOf(v12), alert: alertVersion, record: v12},
	{name: "versions that nobody knows", hello: handHello{version: v12, versions: list16(versionGREASE, 0x7f1c), suites: list16(aes13)},
		alert: alertVersion},
	{name: "SSL 3.0 only", hello: legacyOf(versionSSL3), alert: alertNoSuite, record: versionSSL3, says: "SSL 3.0"},
	{name: "SSL 3.0 only with FALLBACK_SCSV", hello: handHello{version: versionSSL3, suites: list16(rsaAES, fallbackSCSV)},
		alert: alertNoSuite, record: versionSSL3},

	// No common suite.
	{name: "tls 1.0, Camellia and DHE only", hello: handHello{version: v10, suites: list16(camelliaSHA, dheAES)}, alert: alertNoSuite,
		record: v10, says: "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"},
	{name: "tls 1.1, RC4-MD5 and export only", hello: handHello{version: v11, suites: list16(rc4MD5, export40)}, alert: alertNoSuite,
		record: v11},
	{name: "tls 1.2, ECDSA only", hello: handHello{version: v12, suites: list16(ecdsaGCM), groups: list16(p256),
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12, says: "certificates with an ECDSA key"},
	{name: "tls 1.0, suites of 1.2 only", hello: handHello{version: v10, suites: list16(ecdheGCM), groups: list16(p256)},
		alert: alertNoSuite, record: v10, says: "TLS 1.0 at most, and of this listener's cipher suites only such as belong to another version"},
	{name: "tls 1.2, suites of 1.3 only", hello: handHello{version: v12, suites: list16(aes13), groups: list16(p256)},
		alert: alertNoSuite, record: v12, says: "another version"},
	{name: "tls 1.2, ECDHE without a common group", hello: handHello{version: v12, suites: list16(ecdheGCM), groups: list16(0x3a3a,
		groupX448), signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12, says: "it names 001e; switch P-256 on"},
	{name: "tls 1.2, ECDHE without the extension of groups", hello: handHello{version: v12, suites: list16(ecdheGCM, ecdheAES),
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12, says: "no extension supported_groups"},
	{name: "tls 1.0, ECDHE without the extension of groups", hello: handHello{version: v10, suites: list16(ecdheAES)}, alert: alertNoSuite,
		record: v10, says: "no extension supported_groups"},
	{name: "tls 1.2, neither groups nor signatures", hello: handHello{version: v12, suites: list16(ecdheGCM, camelliaSHA)},
		alert: alertNoSuite, record: v12, says: "no extension supported_groups"},
	{name: "tls 1.2, ECDHE with SHA-1 only, where nothing older is taken", profile: from12, hello: handHello{version: v12,
		suites: list16(ecdheGCM), groups: list16(p256), signatures: list16(sha1RSA, sha1ECDSA)}, alert: alertNoSuite, record: v12,
		says: "SHA-256 or better (RSA-PSS in TLS 1.3): it names 0201, 0203"},
	{name: "tls 1.2, ECDHE with SHA-1 only, at a listener of ECDHE",
		profile: func(p *Profile) { p.Suites, p.MinVersion = list16(ecdheGCM), v12 },
		hello:   handHello{version: v12, suites: list16(ecdheGCM, rsaGCM), groups: list16(p256), signatures: list16(sha1RSA)},
		alert:   alertNoSuite, record: v12, says: "it names 0201"},
	{name: "tls 1.3 alone without groups", hello: handHello{version: v12, versions: list16(v13), suites: list16(aes13),
		signatures: list16(pss256)}, alert: "missing_extension", record: v12, says: "no extension supported_groups"},
	{name: "tls 1.3 alone without signatures", hello: handHello{version: v12, versions: list16(v13), suites: list16(aes13),
		groups: list16(p256)}, alert: "missing_extension", record: v12, says: "no extension signature_algorithms"},
	{name: "tls 1.3 alone with suites of 1.2", hello: handHello{version: v12, versions: list16(v13), suites: list16(ecdheGCM),
		groups: list16(p256), signatures: list16(pss256)}, alert: alertNoSuite, record: v12, says: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
	{name: "compressed points only", hello: handHello{version: v12, suites: list16(ecdheGCM, rsaAES), groups: list16(p256),
		signatures: list16(sha256RSA), more: extension(11, 1, 1)}, alert: alertIllegal, record: v12, says: "ec_point_formats"},

	// What crypto/tls refuses to read.
	{name: "a name of dots", hello: handHello{version: v10, suites: list16(rsaAES), more: serverName("..")}, alert: alertBroken,
		record: v10, says: `".." alone, which cannot be served yet: write this bridge's name or address`},
	{name: "a name with a dot", hello: handHello{version: v10, suites: list16(rsaAES), more: serverName("localhost.")}, alert: alertBroken,
		record: v10, says: `"localhost.", which cannot be served yet with a dot at its end: in the device's settings write "localhost"`},
	{name: "a name that is a dot", hello: handHello{version: v10, suites: list16(rsaAES), more: serverName(".")}, alert: alertBroken,
		says: `"."`},
	{name: "a name with controls and a dot", hello: handHello{version: v10, suites: list16(rsaAES), more: serverName("a\r\n\u202e.")},
		alert: alertBroken, says: `"a\r\n\u202e."`},
	{name: "an empty name", hello: handHello{version: v12, suites: list16(rsaAES), more: serverName("")}, alert: alertBroken, record: v12,
		says: "empty server name"},
	{name: "no name in the list", hello: handHello{version: v12, suites: list16(rsaAES), more: serverName()}, alert: alertBroken,
		says: "server_name without a name"},
	{name: "two names", hello: handHello{version: v12, suites: list16(rsaAES), more: serverName("a", "b")}, alert: alertBroken,
		says: "more than one server name"},
	{name: "no group in the list", hello: handHello{version: v12, suites: list16(rsaAES), groups: []uint16{}}, alert: alertBroken,
		says: "supported_groups"},
	{name: "no signature in the list", hello: handHello{version: v12, suites: list16(rsaAES), signatures: []uint16{}}, alert: alertBroken,
		says: "signature_algorithms"},
	{name: "no point format in the list", hello: handHello{version: v10, suites: list16(rsaAES), more: extension(11, 0)}, alert: alertBroken,
		says: "ec_point_formats"},
	{name: "no version in the list", hello: handHello{version: v12, suites: list16(rsaAES), versions: []uint16{}}, alert: alertVersion},
	{name: "an empty protocol", hello: handHello{version: v12, suites: list16(rsaAES), alpn: []string{"imap", ""}}, alert: alertBroken,
		says: "application_layer"},
	{name: "no protocol in the list", hello: handHello{version: v12, suites: list16(rsaAES), alpn: []string{}}, alert: alertBroken,
		says: "application_layer"},
	{name: "status_request cut off", hello: handHello{version: v12, suites: list16(rsaAES), more: extension(5, 1, 0, 0)}, alert: alertBroken,
		says: "status_request"},
	{name: "an extended master secret with content", hello: handHello{version: v12, suites: list16(rsaAES), more: extension(23, 1)},
		alert: alertBroken, says: "extended_master_secret"},
	{name: "renegotiation_info cut off", hello: handHello{version: v10, suites: list16(rsaAES), more: extension(0xff01)}, alert: alertBroken,
		says: "renegotiation_info"},
	{name: "renegotiation in the first hello", hello: handHello{version: v10, suites: list16(rsaAES), more: extension(0xff01, 1, 7)},
		alert: alertNoSuite, record: v10, says: "as if it renegotiated"},
	{name: "a share without a key", hello: handHello{version: v12, suites: list16(rsaAES), more: extension(51, 0, 4, 0, 23, 0, 0)},
		alert: alertBroken, says: "key_share"},
	{name: "a ticket that is not last", hello: handHello{version: v12, suites: list16(rsaAES), groups: list16(p256),
		more: extension(41, 0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 2, 1, 9)}, alert: alertBroken, says: "pre_shared_key"},
	{name: "a ticket that is last", hello: handHello{version: v12, suites: list16(rsaAES), groups: list16(p256),
		last: extension(41, 0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 2, 1, 9)}, version: v12, suite: rsaAES},
	{name: "compression alone", hello: handHello{version: v10, suites: list16(rsaAES), compress: []uint8{1}}, alert: alertIllegal, record: v10,
		says: "compression"},
	{name: "a ticket of the old kind, anything in it", hello: handHello{version: v10, suites: list16(rsaAES), more: extension(35, 1, 2, 3)},
		version: v10, suite: rsaAES},
	{name: "an encrypted hello of no kind", hello: handHello{version: v12, suites: list16(rsaAES), more: extension(0xfe0d, 7)},
		alert: alertBroken, says: "encrypted_client_hello"},
	{name: "tls 1.0 at a modern listener", profile: modern, hello: legacyOf(v10), alert: alertNoSuite, record: v10},
	{name: "tls 1.2, RSA at a modern listener", profile: modern, hello: handHello{version: v12, suites: list16(rsaGCM),
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},
	{name: "tls 1.2, ECDHE at a listener of RSA", profile: onlyRSA, hello: handHello{version: v12, suites: list16(ecdheGCM),
		groups: list16(p256), signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},

	// Refused by what else they say.
	{name: "FALLBACK_SCSV at 1.1", hello: handHello{version: v11, suites: list16(rsaAES, fallbackSCSV)}, alert: alertFallback, record: v11,
		says: "fell back to TLS 1.1"},
	{name: "FALLBACK_SCSV at 1.2 without signatures", hello: handHello{version: v12, suites: list16(ecdheAES, rsaAES, fallbackSCSV),
		groups: list16(p256)}, alert: alertFallback, record: v12},
	{name: "another protocol by ALPN", hello: handHello{version: v10, suites: list16(rsaAES), alpn: []string{"h2", "http/1.1"}},
		alert: alertAppProto, record: v10, says: "h2, http/1.1"},
	{name: "the other mail protocol by ALPN", profile: pop3, hello: handHello{version: v12, suites: list16(rsaAES),
		alpn: []string{"imap"}}, alert: alertAppProto, record: v12},
	{name: "this protocol by ALPN among others", profile: pop3, hello: handHello{version: v12, suites: list16(rsaAES), alpn: []string{"h2",
		"pop3"}}, version: v12, suite: rsaAES},
}

func (c helloCase) profileFor(t testing.TB) Profile {
	p := legacyProfile(t)
	if c.profile != nil {
		c.profile(&p)
	}
	return p
}

func TestClassify_IsPureAndPicksTheConfiguration(t *testing.T) {
	for _, c := range helloCases {
		if c.alert == alertAppProto {
			continue // crypto/tls refuses it, see TestTerminator_HellosMadeByHand
		}
		p := c.profileFor(t)
		got, refused := classify(p.permit(c.hello.parse(t)))
		switch {
		case refused == nil && c.alert != "":
			t.Errorf("%s: class %d, want the alert %s", c.name, got, c.alert)
		case refused == nil && got != c.class:
			t.Errorf("%s: class %d, want %d", c.name, got, c.class)
		case refused != nil && AlertName(refused.alert) != c.alert:
			t.Errorf("%s: alert %q, want %q", c.name, AlertName(refused.alert), c.alert)
		case refused != nil && !strings.Contains(refused.Error(), c.says):
			t.Errorf("%s: says %q, want %q in it", c.name, refused, c.says)
		}
	}
}

func TestClassify_SSLv2Format(t *testing.T) {
	for version, says := range map[uint16]string{0x0002: "SSL 2.0", versionSSL3: "SSL 3.0", v10: "SSLv2-format", v12: "SSLv2-format"} {
		h, err := hello.Parse(sslv2Hello(version))
		if err != nil {
			t.Fatal(err)
		}
		p := legacyProfile(t)
		_, refused := classify(p.permit(h))
		if refused == nil || refused.alert != AlertHandshakeFailure || !strings.Contains(refused.Error(), says) {
			t.Errorf("version %#04x: got %v, want handshake_failure and %q", version, refused, says)
		}
	}
}

func TestClassify_LongListsOfSuitesAreCutInTheSentence(t *testing.T) {
	var suites []uint16
	for i := range uint16(200) {
		suites = append(suites, 0xe000+i)
	}
	p := legacyProfile(t)
	_, refused := classify(p.permit(handHello{version: v10, suites: suites}.parse(t)))
	if refused == nil {
		t.Fatal("200 suites that nobody knows are served")
	}
	if s := refused.Error(); len(s) > 300 || !strings.Contains(s, "e000, e001") || !strings.Contains(s, "…, which no setting") {
		t.Errorf("the sentence is %q", s)
	}
}

func TestProfile_SuitesOfTheContract(t *testing.T) {
	legacy := LegacySuites()
	for _, id := range list16(rsaAES, rsaGCM, ecdheAES, ecdheGCM, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA, aes13) {
		if !slices.Contains(legacy, id) {
			t.Errorf("legacy lacks %s", tls.CipherSuiteName(id))
		}
	}
	for _, id := range ModernSuites() {
		name := tls.CipherSuiteName(id)
		aead := strings.Contains(name, "_GCM_") || strings.Contains(name, "CHACHA20")
		if ecdhe := strings.Contains(name, "_ECDHE_") || !strings.Contains(name, "_WITH_"); !aead || !ecdhe {
			t.Errorf("modern has %s, which is not ECDHE with AEAD", name)
		}
	}
	if !slices.Contains(ModernSuites(), ecdheGCM) {
		t.Error("modern lacks ECDHE with AES-GCM")
	}
	legacy[0] = 0
	if LegacySuites()[0] == 0 {
		t.Error("LegacySuites hands out a shared list")
	}
}

// TestTerminator_TellsThatItHasTLS13 is RFC 8446, section 4.1.3, and what docs/decisions/0003-class-of-hello.md says of it.
func TestTerminator_TellsThatItHasTLS13(t *testing.T) {
	const by12, by11, untold = "DOWNGRD\x01", "DOWNGRD\x00", ""
	for _, c := range []struct {
		name  string
		hello handHello
		class class
		want  string
	}{
		{"tls 1.0", legacyOf(v10), classFull, by11},
		{"tls 1.1", legacyOf(v11), classFull, by11},
		{"tls 1.2", handHello{version: v12, suites: list16(ecdheGCM), groups: list16(p256), signatures: list16(sha256RSA)}, classFull, by12},
		{"tls 1.2 without signatures", handHello{version: v12, suites: list16(ecdheGCM, rsaGCM), groups: list16(p256)}, classRSA, by12},
		{"tls 1.2 with SHA-1 only", handHello{version: v12, versions: list16(v12, v11), suites: list16(ecdheGCM, rsaGCM), groups: list16(p256),
			signatures: list16(sha1RSA)}, classRSA, by12},
		// A device that reads the sign breaks off, since it offers more; it is steered because it would not be served otherwise.
		{"tls 1.2 served by 1.1", handHello{version: v12, suites: list16(ecdheAES), groups: list16(p256)}, classTLS11, untold},
		{"tls 1.3 served by 1.2", handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, ecdheGCM), groups: list16(p256),
			signatures: list16(sha256RSA)}, classTLS12, untold},
		{"tls 1.3 served by RSA", handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, rsaGCM), groups: list16(p256),
			signatures: list16(sha1RSA)}, classTLS12, untold},
		{"tls 1.3 served by RSA, since ECDHE cannot be", handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, ecdheGCM,
			rsaGCM), groups: list16(p256), signatures: list16(sha1RSA)}, classRSA12, untold},
	} {
		p := legacyProfile(t)
		if got, refused := classify(p.permit(c.hello.parse(t))); got != c.class || refused != nil {
			t.Errorf("%s: class %d, %v, want %d", c.name, got, refused, c.class)
		}
		g := newGate(t, p)
		conn := g.dial(t)
		if _, err := conn.Write(c.hello.bytes()); err != nil {
			t.Fatal(err)
		}
		got := readAnswer(t, conn)
		_ = conn.Close()
		g.result(t)
		sign, told := string(got.random[24:]), strings.HasPrefix(string(got.random[24:]), "DOWNGRD")
		if got.alert != "" || told != (c.want != untold) || told && sign != c.want {
			t.Errorf("%s: alert %q, the random ends with %q, want %q", c.name, got.alert, sign, c.want)
		}
	}
}

// FuzzClassify_AgreesWithCryptoTLS holds that crypto/tls serves what classify accepts, or refuses it for what cannot be read off a
// hello and is put into a sentence, and that it refuses the oddities too.
func FuzzClassify_AgreesWithCryptoTLS(f *testing.F) {
	for _, c := range helloCases {
		f.Add(c.hello.bytes())
	}
	agrees := agreement(f)
	f.Fuzz(func(t *testing.T, b []byte) { agrees(t, b) })
}

// FuzzClassify_OneExtension is the same below the lengths that a fuzzer seldom gets right: one extension in a sound hello.
func FuzzClassify_OneExtension(f *testing.F) {
	for _, kind := range []uint16{0, 5, 10, 11, 13, 16, 18, 23, 35, 41, 42, 43, 44, 45, 50, 51, 57, 0xff01, 0xfe0d} {
		for _, data := range []string{"", "\x00", "\x01", "\x00\x00", "\x01\x00", "\x00\x02\x00\x17", "\x00\x04\x00\x00\x01x",
			"\x02\x03\x04", "\x00\x02\x01x", "\x00\x07\x00\x01\x09\x00\x00\x00\x00\x00\x02\x01\x09",
			"\x00\x05\x00\x17\x00\x01\x04", "\x00\x00\x01\x00\x01\x07\x00\x01a\x00\x01b"} {
			f.Add(kind, []byte(data), uint8(len(data)))
		}
	}
	agrees := agreement(f)
	f.Fuzz(func(t *testing.T, kind uint16, data []byte, form uint8) {
		if len(data) > 1000 {
			return
		}
		d := handHello{version: v12, suites: list16(rsaAES), last: extension(kind, data...)}
		switch {
		case form&1 == 1:
			d = handHello{version: v12, suites: list16(aes13, ecdheGCM), groups: list16(p256), signatures: list16(pss256, sha256RSA),
				versions: list16(v13, v12), last: d.last}
		case form&2 == 2:
			d.more, d.last = d.last, extension(0xabcd)
		}
		agrees(t, d.bytes())
	})
}

// agreement judges one hello.
func agreement(f *testing.F) func(*testing.T, []byte) {
	p := legacyProfile(f)
	engine := NewStandard(p, nil).(*standard)
	return func(t *testing.T, b []byte) {
		h, err := hello.Parse(b)
		if err != nil || !endsARecord(b) { // crypto/tls waits for the rest of a record that the hello does not fill
			return
		}
		c, refused := classify(p.permit(h))
		if refused != nil && h.Oddity() == nil {
			return
		}
		sent, reason := answerOfCryptoTLS(engine.configs[c], h, b)
		switch {
		case refused != nil && sent == "":
			t.Fatalf("crypto/tls serves what is refused: %s", refused)
		case refused == nil && (sent == alertBroken || sent == alertNoSuite || sent == alertVersion || sent == alertFallback):
			t.Fatalf("crypto/tls answers %s to what is accepted: %s", sent, reason)
		case refused == nil && strings.HasPrefix(reason, "the handshake failed: "):
			t.Fatalf("crypto/tls answers %s, and nobody says why: %s", sent, reason)
		}
	}
}

// endsARecord reports whether b is whole records.
func endsARecord(b []byte) bool {
	const header = 5
	for len(b) >= header {
		size := header + int(b[3])<<8 + int(b[4])
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return len(b) == 0
}

// answerOfCryptoTLS is the alert to a hello behind which the device closes, "" where there is a ServerHello or something else to
// wait for, and what is said of it.
func answerOfCryptoTLS(cfg *tls.Config, h *hello.Hello, raw []byte) (alert, reason string) {
	w := NewWire(&oneWayConn{Reader: bytes.NewReader(raw)}, inventorySource, nil)
	_, info, err := handshake(context.Background(), w, cfg, h)
	var failed *TLSError
	if info.AlertSent == "" || !errors.As(err, &failed) {
		return "", ""
	}
	return info.AlertSent, failed.Sentence
}

// oneWayConn can be read, and swallows what is written.
type oneWayConn struct{ io.Reader }

func (*oneWayConn) Write(b []byte) (int, error)      { return len(b), nil }
func (*oneWayConn) Close() error                     { return nil }
func (*oneWayConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*oneWayConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*oneWayConn) SetDeadline(time.Time) error      { return nil }
func (*oneWayConn) SetReadDeadline(time.Time) error  { return nil }
func (*oneWayConn) SetWriteDeadline(time.Time) error { return nil }

func FuzzClassify(f *testing.F) {
	for _, c := range helloCases {
		f.Add(c.hello.bytes())
	}
	f.Add(sslv2Hello(v10))
	p := legacyProfile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := hello.Parse(b)
		if err != nil || !endsARecord(b) { // crypto/tls waits for the rest of a record that the hello does not fill
			return
		}
		c, refused := classify(p.permit(h))
		if refused == nil && (c < 0 || c >= classes) {
			t.Fatalf("class %d does not exist", c)
		}
		if refused != nil && (refused.alert == 0 || refused.Sentence == "") {
			t.Fatalf("a refusal without alert or sentence: %+v", refused)
		}
		if v := RecordVersion(h); v < versionSSL3 || v > v12 {
			t.Fatalf("an alert in a record of version %#04x", v)
		}
	})
}
