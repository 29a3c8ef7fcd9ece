package devicetls

import (
	"crypto/tls"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

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
}

func (d handHello) body() []byte {
	b := binary.BigEndian.AppendUint16(nil, d.version)
	b = append(b, slices.Repeat([]byte{7}, 32)...) // random
	b = append(b, 0)                               // session id
	b = append(b, withLength16(number16s(d.suites))...)
	b = append(b, 1, 0) // compression: none
	if ext := d.extensions(); len(ext) > 0 {
		b = append(b, withLength16(ext)...)
	}
	return b
}

func (d handHello) extensions() []byte {
	var b []byte
	add := func(kind uint16, data []byte) {
		b = append(binary.BigEndian.AppendUint16(b, kind), withLength16(data)...)
	}
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
	return b
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
		groups: list16(p256)}, alert: alertNoSuite, record: v12, says: "ciphers"},
	{name: "the same, but nothing below 1.2 taken", profile: from12, hello: handHello{version: v12, suites: list16(ecdheAES),
		groups: list16(p256)}, alert: alertNoSuite, record: v12},

	// Steered: TLS 1.3 without what it takes.
	{name: "tls 1.3 without PSS", hello: handHello{version: v12, versions: list16(v13, v12), suites: list16(aes13, ecdheGCM),
		groups: list16(p256), signatures: list16(sha256RSA)}, version: v12, suite: ecdheGCM, class: classTLS12},
	{name: "tls 1.3 with SHA-1 only", hello: handHello{version: v12, versions: list16(v13, v12, v11, v10), suites: list16(aes13, ecdheGCM,
		rsaAES), groups: list16(p256), signatures: list16(sha1RSA)}, version: v12, suite: rsaAES, class: classRSA},
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
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},
	{name: "tls 1.0, suites of 1.2 only", hello: handHello{version: v10, suites: list16(ecdheGCM), groups: list16(p256)},
		alert: alertNoSuite, record: v10},
	{name: "tls 1.2, ECDHE without a common group", hello: handHello{version: v12, suites: list16(ecdheGCM), groups: list16(groupX448),
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},
	{name: "tls 1.0 at a modern listener", profile: modern, hello: legacyOf(v10), alert: alertNoSuite, record: v10},
	{name: "tls 1.2, RSA at a modern listener", profile: modern, hello: handHello{version: v12, suites: list16(rsaGCM),
		signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},
	{name: "tls 1.2, ECDHE at a listener of RSA", profile: onlyRSA, hello: handHello{version: v12, suites: list16(ecdheGCM),
		groups: list16(p256), signatures: list16(sha256RSA)}, alert: alertNoSuite, record: v12},

	// Left to crypto/tls to refuse.
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
		if c.alert == alertFallback || c.alert == alertAppProto {
			continue // crypto/tls refuses these, see TestTerminator_HellosMadeByHand
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
	if s := refused.Error(); len(s) > 250 || !strings.Contains(s, "e000, e001") || !strings.HasSuffix(s, "…") {
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

func FuzzClassify(f *testing.F) {
	for _, c := range helloCases {
		f.Add(c.hello.bytes())
	}
	f.Add(sslv2Hello(v10))
	p := legacyProfile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := hello.Parse(b)
		if err != nil {
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
