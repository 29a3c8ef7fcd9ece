package hello_test

import (
	"slices"
	"testing"

	"drawbridge/internal/hello"
)

func TestReadiness(t *testing.T) {
	type list = []uint16
	type blockers = []hello.Blocker
	const version, exchange, signature = hello.BlockerTLSVersion, hello.BlockerKeyExchange, hello.BlockerSignature
	ecdhe, rsa := list{0xc02f}, list{0x002f}
	p256, sha256 := list{23}, list{0x0401}
	for _, c := range []struct {
		name               string
		version            hello.Version
		suites, groups, si list
		want               hello.Readiness
		blockers           blockers
	}{
		{"TLS 1.2 as asked for", hello.TLS12, ecdhe, p256, sha256, hello.Ready, nil},
		{"P-384", hello.TLS12, ecdhe, list{24}, sha256, hello.Ready, nil},
		{"no group extension", hello.TLS12, ecdhe, nil, sha256, hello.Ready, nil},
		{"an empty group extension", hello.TLS12, ecdhe, list{}, sha256, hello.Legacy, blockers{exchange}},
		{"P-521 only", hello.TLS12, ecdhe, list{25}, sha256, hello.Legacy, blockers{exchange}},
		{"X25519 only", hello.TLS12, ecdhe, list{29}, sha256, hello.Legacy, blockers{exchange}},
		{"GREASE before P-256", hello.TLS12, list{0x0a0a, 0xc013}, list{0x0a0a, 23}, list{0x0a0a, 0x0501}, hello.Ready, nil},
		{"only GREASE", hello.TLS12, list{0x0a0a}, list{0x0a0a}, list{0x0a0a}, hello.Legacy, blockers{exchange, signature}},
		{"CBC with SHA-1", hello.TLS12, list{0xc014}, p256, sha256, hello.Ready, nil},
		{"CBC with SHA-384", hello.TLS12, list{0xc028}, p256, sha256, hello.Ready, nil},
		{"RSA key exchange", hello.TLS12, rsa, p256, sha256, hello.Legacy, blockers{exchange}},
		{"DHE", hello.TLS12, list{0x9e, 0x33}, p256, sha256, hello.Legacy, blockers{exchange}},
		{"ECDSA", hello.TLS12, list{0xc02b}, p256, sha256, hello.Legacy, blockers{exchange}},
		{"ECDHE-RSA with 3DES and RC4", hello.TLS12, list{0xc012, 0xc011}, p256, sha256, hello.Legacy, blockers{exchange}},
		{"ECDHE-RSA with ChaCha20", hello.TLS12, list{0xcca8}, p256, sha256, hello.Legacy, blockers{exchange}},
		{"no signature_algorithms", hello.TLS12, ecdhe, p256, nil, hello.Legacy, blockers{signature}},
		{"SHA-1 only", hello.TLS12, ecdhe, p256, list{0x0201}, hello.Legacy, blockers{signature}},
		{"SHA-224 only", hello.TLS12, ecdhe, p256, list{0x0301}, hello.Legacy, blockers{signature}},
		{"ECDSA schemes only", hello.TLS12, ecdhe, p256, list{0x0403, 0x0503, 0x0807}, hello.Legacy, blockers{signature}},
		{"PSS for PSS keys only", hello.TLS12, ecdhe, p256, list{0x0809}, hello.Legacy, blockers{signature}},
		{"PSS for RSA keys", hello.TLS12, ecdhe, p256, list{0x0806}, hello.Ready, nil},
		{"RSA, SHA-1, TLS 1.2", hello.TLS12, rsa, nil, list{0x0201}, hello.Legacy, blockers{exchange, signature}},
		{"TLS 1.3", hello.TLS13, list{0x1301}, p256, list{0x0804}, hello.Ready, nil},
		{"TLS 1.3 without groups", hello.TLS13, list{0x1301}, nil, list{0x0804}, hello.Legacy, blockers{exchange}},
		{"TLS 1.3 without groups, ECDHE beside it", hello.TLS13, list{0x1301, 0xc02f}, nil, list{0x0804}, hello.Ready, nil},
		{"TLS 1.2 with a group that nobody has", hello.TLS12, ecdhe, list{30}, sha256, hello.Legacy, blockers{exchange}},
		{"TLS 1.3 without its suites", hello.TLS13, rsa, p256, list{0x0804}, hello.Legacy, blockers{exchange}},
		{"suites of TLS 1.3 in TLS 1.2", hello.TLS12, list{0x1301}, p256, list{0x0804}, hello.Legacy, blockers{exchange}},
		{"TLS 1.1", hello.TLS11, list{0xc013}, p256, nil, hello.Legacy, blockers{version}},
		{"TLS 1.0", hello.TLS10, rsa, nil, nil, hello.Legacy, blockers{version, exchange}},
		{"SSL 3.0", hello.SSL3, rsa, nil, nil, hello.Obsolete, blockers{version, exchange}},
		{"SSL 2.0", hello.SSL2, nil, nil, nil, hello.Obsolete, blockers{version, exchange}},
		{"no known version", 0, ecdhe, p256, sha256, hello.Obsolete, blockers{version}},
	} {
		h := &hello.Hello{Format: hello.FormatTLS, MaxVersion: c.version, Suites: c.suites, Groups: c.groups, Signatures: c.si}
		if h.Readiness() != c.want || h.Direct() != (c.want == hello.Ready) || !slices.Equal(h.Blockers(), c.blockers) {
			t.Errorf("%s: %s %v %v, want %s %v", c.name, h.Readiness(), h.Direct(), h.Blockers(), c.want, c.blockers)
		}
	}
}

func TestReadiness_WithoutAHello(t *testing.T) {
	var none *hello.Hello
	if none.Readiness() != hello.Unknown || none.Direct() || none.Blockers() != nil || none.Key() != "" {
		t.Errorf("nil: %s %v %v %q", none.Readiness(), none.Direct(), none.Blockers(), none.Key())
	}
	h := hello.None()
	if h.Readiness() != hello.Unknown || h.Direct() || !slices.Equal(h.Blockers(), []hello.Blocker{hello.BlockerNoTLS}) {
		t.Errorf("None: %s %v %v", h.Readiness(), h.Direct(), h.Blockers())
	}
	if h := new(hello.Hello); h.Readiness() != hello.Unknown || h.Blockers() != nil {
		t.Errorf("zero: %s %v", h.Readiness(), h.Blockers())
	}
}

func TestBlockerOrder(t *testing.T) {
	want := []hello.Blocker{"no_tls", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"}
	if got := hello.BlockerOrder(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
