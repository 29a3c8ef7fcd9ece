package records

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// kind is a way in which sessions of a device go.
type kind int

const (
	bridged kind = iota
	upstreamFailed
	loginFailed
	tlsFailed
)

// device is one that connects now and then.
type device struct {
	session inventory.Session // before it went one way or the other
	account string            // empty for strangers
}

// kind returns how a session goes, for a number below 100.
func (d *device) kind(percent int) kind {
	switch {
	case d.account == "" && percent < 50:
		return tlsFailed
	case d.account == "":
		return loginFailed
	case percent < 96:
		return bridged
	case percent < 98:
		return upstreamFailed
	case percent < 99:
		return loginFailed
	default:
		return tlsFailed
	}
}

// newDevice makes device n of the fleet of that seed: what all its sessions share.
func newDevice(n int, seed uint64) *device {
	random := rand.New(rand.NewPCG(seed, uint64(n)+1))
	stranger, by := random.IntN(20) == 0, makers[random.IntN(len(makers))]
	account := fmt.Sprintf("%s%d", by.account, n)
	s := inventory.Session{Bridge: bridge.Bridge, Run: bridge.Run, Listener: "imaps", Protocol: "imap", TLSMode: "implicit",
		Source: inventory.Source{IP: address(n), Name: fmt.Sprintf("%s-%d.clinic-%d.contoso.example", by.account, n, n%17),
			MAC: fmt.Sprintf("%s:%02x:%02x:%02x", by.mac, n>>16&0xff, n>>8&0xff, n&0xff), Vendor: by.vendor},
		ClientID: map[string]string{"name": by.product, "version": fmt.Sprintf("%d.%d", 1+n%7, n%10), "vendor": by.vendor},
		Login: inventory.Login{ClaimedAccount: `CONTOSO\` + strings.ToUpper(account), AuthMechanism: "LOGIN",
			Mailbox: fmt.Sprintf("scans-%d@contoso.example", n%3000), Stage: inventory.StageBridge, WouldStage: inventory.StageBridge,
			Rules: map[string]string{"upstream": fmt.Sprintf("rules[%d]", n%9), "stage": "device"}},
		EndedBy: inventory.EndedByDevice}
	if n%3 == 0 {
		s.Listener, s.Protocol, s.AuthMechanism, s.ClientID = "pop3s", "pop3", "USER", nil
	}
	if n%2 == 0 {
		s.Quirks = []string{"bare_lf", "spoke_first"}
	}
	if random.IntN(100) == 0 {
		hostile(&s)
	}
	s.Hello, s.TLS = handshake(versions[random.IntN(len(versions))], n)
	if stranger {
		account = ""
	}
	return &device{s, account}
}

// going returns s, a session of the device with its own figures, as it goes if it goes as k says.
func (d *device) going(k kind, s inventory.Session) inventory.Session {
	if k != bridged {
		s.UpstreamTime = 0
	}
	switch k {
	case bridged:
		s.Account = d.account
		reachUpstream(&s)
		s.Phase, s.Outcome = inventory.PhaseRelay, inventory.OutcomeBridged
		if s.Quirks != nil { // a device that is slow to leave, too
			s.UpstreamSays, s.EndedBy = "* BYE Session invalidated - AccessTokenExpired", inventory.EndedByUpstream
			s.Reason = "the upstream ended the session: its token had expired"
		}
	case upstreamFailed:
		s.Account = d.account
		reachUpstream(&s)
		s.Phase, s.Outcome = inventory.PhaseAuthenticate, inventory.OutcomeUpstreamFailed
		s.UpstreamSays = "A1 NO AUTHENTICATE failed."
		s.Reason = "Exchange Online refused the token for this mailbox: grant the application access to it"
		s.EndedBy = inventory.EndedByBridge
	case loginFailed:
		s.Phase, s.Outcome, s.Mailbox = inventory.PhaseLogin, inventory.OutcomeLoginFailed, ""
		s.Reason = "the password is wrong: enter it again in the settings of the device"
	case tlsFailed:
		s.TLS = inventory.TLS{AlertReceived: "unknown_ca", Certificate: s.TLS.Certificate}
		s.Phase, s.Outcome = inventory.PhaseHandshake, inventory.OutcomeTLSFailed
		s.Mailbox, s.ClaimedAccount, s.AuthMechanism = "", "", ""
		s.ClientID, s.BytesFromDevice, s.BytesToDevice, s.HandshakeTime = nil, 0, 0, 0
		s.Reason = "the device does not know the authority of our certificate: install it there"
	}
	return s
}

func reachUpstream(s *inventory.Session) {
	s.Upstream, s.UpstreamAddress, s.UpstreamAuth = "exchange-online", "52.97.146.162:993", "XOAUTH2"
	s.UpstreamFrontEnd = "FR0P281CA0001.DEUP281.PROD.OUTLOOK.COM"
	s.UpstreamTLS = inventory.TLS{Engine: "standard", Version: hello.TLS13, Cipher: "TLS_AES_256_GCM_SHA384", Completed: true}
	s.TokenLeft = 3599 * time.Second
}

// address is the one of device n: a device in ten has IPv6.
func address(n int) netip.Addr {
	if n%10 == 0 {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 12: byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// hostile lets a device say what should do no harm anywhere.
func hostile(s *inventory.Session) {
	evil := "\x1b]0;owned\x07=cmd|' /C calc'!A0\r\n<script>alert(1)</script>\u202e\u200b\xff\"\\"
	s.ClaimedAccount, s.Source.Name = evil, evil
	s.ClientID = map[string]string{"name": evil, evil: "1"}
}

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
