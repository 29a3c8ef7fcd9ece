package records

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// maker is who makes a kind of device.
type maker struct{ vendor, product, account, mac string }

var makers = [...]maker{
	{"Seiko Epson", "WorkForce Pro", "scanner", "00:00:48"},
	{"Canon", "imageRUNNER ADVANCE", "canon", "00:1e:8f"},
	{"Konica Minolta", "bizhub", "bizhub", "00:20:6b"},
	{"Ricoh", "Aficio MP", "ricoh", "00:26:73"},
	{"Kyocera", "TASKalfa", "kyocera", "00:c0:ee"},
	{"Brother", "MFC", "fax", "00:80:77"},
	{"Axis Communications", "Door Station", "door", "00:40:8c"},
	{"Philips", "IntelliVue", "monitor", "00:09:fb"},
	{"Dell", "Thunderbird", "desk", "00:14:22"},
}

// versions are how many of a fleet use which: SSL 3.0 is rare, TLS 1.0 is most.
var versions = [...]hello.Version{hello.TLS10, hello.TLS10, hello.TLS10, hello.TLS10, hello.TLS10, hello.TLS10, hello.TLS11,
	hello.TLS12, hello.TLS12, hello.TLS12, hello.TLS13, hello.SSL3}

// handshake makes the hello of a device of that version, and what came of it.
func handshake(v hello.Version, n int) (*hello.Hello, inventory.TLS) {
	h := &hello.Hello{Format: hello.FormatTLS, RecordVersion: min(v, hello.TLS10), LegacyVersion: min(v, hello.TLS12), MaxVersion: v,
		Suites: []uint16{0x002f, 0x0035, 0x000a, 0x0005, 0x0004, 0x0033, 0x0039, 0x0016, 0x0015, 0x0009, 0x0062, 0x0060, 0x0064,
			0x0003, 0x0006, 0x0008, 0x0014, 0x0011, 0x0019, 0x00ff},
		JA3: sum("ja3", n%40)[:32], JA4: "t10d120300_" + sum("a", n%40)[:12] + "_" + sum("b", n%40)[:12]}
	t := inventory.TLS{Engine: "standard", Version: v, Cipher: "TLS_RSA_WITH_AES_128_CBC_SHA", Completed: true,
		Resumed: n%5 == 0, Certificate: sum("certificate", 0)}
	if v >= hello.TLS10 {
		h.ServerName, h.Groups = fmt.Sprintf("mail%d.contoso.example", n%3), []uint16{23, 24, 25}
		h.Tickets = true
	}
	if v >= hello.TLS12 {
		h.Suites = append([]uint16{0x1301, 0x1302, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xc013, 0xc014, 0x009c, 0x009d}, h.Suites[:10]...)
		h.Signatures = []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}
		t.Cipher, t.Group = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "secp256r1"
	}
	if v == hello.TLS13 {
		t.Cipher, t.Group = "TLS_AES_128_GCM_SHA256", "x25519"
	}
	if v == hello.SSL3 {
		t.Engine = "legacy"
	}
	return h, t
}

func sum(what string, n int) string {
	s := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, n))
	return hex.EncodeToString(s[:])
}
