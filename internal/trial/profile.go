package trial

import "crypto/tls"

// DefaultProfile is the device that most bridges are built for.
const DefaultProfile = "tls1.0"

// Profile is how a kind of device opens its handshake.
type Profile struct {
	name    string
	version uint16   // of TLS, the only one it speaks
	suites  []uint16 // nil: what crypto/tls offers by itself
	hello   []byte   // of a device before TLS: its hello as it is sent
}

// rsaSuites are what a device without ECDHE has.
func rsaSuites() []uint16 {
	return []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA}
}

func profiles() []Profile {
	return []Profile{
		{name: DefaultProfile, version: tls.VersionTLS10, suites: rsaSuites()},
		{name: "tls1.0-rc4", version: tls.VersionTLS10, suites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}},
		{name: "tls1.0-3des", version: tls.VersionTLS10, suites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}},
		{name: "tls1.1", version: tls.VersionTLS11, suites: rsaSuites()},
		{name: "tls1.2-rsa", version: tls.VersionTLS12, suites: append([]uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, rsaSuites()...)},
		{name: "tls1.2", version: tls.VersionTLS12},
		{name: "tls1.3", version: tls.VersionTLS13},
		{name: "sslv3-hello", hello: sslv3Hello()},
		{name: "sslv2-hello", hello: sslv2Hello()},
	}
}

// ProfileNames are the names of all devices that can be played.
func ProfileNames() []string {
	var names []string
	for _, p := range profiles() {
		names = append(names, p.name)
	}
	return names
}

// ProfileOf finds a device by its name.
func ProfileOf(name string) (Profile, bool) {
	for _, p := range profiles() {
		if p.name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// Both hellos offer RC4 with MD5 and SHA, 3DES and AES. They are answered before their random bytes matter.
const oldRandom = "drawbridge-tries-an-old-hello..."

// sslv3Hello is a ClientHello that offers nothing above SSL 3.0 (RFC 6101, section 5.6.1.2), in its record.
func sslv3Hello() []byte {
	body := append([]byte{3, 0}, oldRandom...)
	body = append(body, 0)                                              // no session
	body = append(body, 0, 8, 0, 0x04, 0, 0x05, 0, 0x0a, 0, 0x2f, 1, 0) // suites, no compression
	hello := append([]byte{1, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 0, 0, byte(len(hello))}, hello...)
}

// sslv2Hello is the backward compatible hello of RFC 5246, appendix E.2, that offers nothing above SSL 3.0.
func sslv2Hello() []byte {
	body := []byte{1, 3, 0, 0, 12, 0, 0, 0, 16} // 12 bytes of suites, no session, a challenge of 16
	body = append(body, 0, 0, 0x04, 0, 0, 0x05, 0, 0, 0x0a, 0, 0, 0x2f)
	body = append(body, oldRandom[:16]...)
	return append([]byte{0x80, byte(len(body))}, body...)
}
