package records

import (
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
	kinds
)

// device is one that connects now and then.
type device struct {
	stranger bool
	sessions [kinds]*template
	admitted *template // nil for strangers
}

// kind returns how a session goes, for a number below 100.
func (d *device) kind(percent int) kind {
	switch {
	case d.stranger && percent < 50:
		return tlsFailed
	case d.stranger:
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

// newDevice makes device n of the fleet of that seed.
func newDevice(n int, seed uint64) (*device, error) {
	random := rand.New(rand.NewPCG(seed, uint64(n)+1))
	d := &device{stranger: random.IntN(20) == 0}
	base := base(n, d.stranger, random)
	for k := range kinds {
		s := base
		s.goes(k)
		line, err := encode(inventory.MessageSession, &s.session)
		if err != nil {
			return nil, err
		}
		if d.sessions[k], err = newTemplate(line); err != nil {
			return nil, err
		}
		if k == bridged && !d.stranger {
			if line, err = encode(inventory.MessageAdmitted, &inventory.AdmittedLine{Time: standInTime, Session: &s.session}); err != nil {
				return nil, err
			}
			if d.admitted, err = newTemplate(line); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// prototype is a session of a device before it went one way or the other.
type prototype struct {
	session inventory.Session
	account string
}

// base makes what all sessions of a device share.
func base(n int, stranger bool, random *rand.Rand) prototype {
	by := makers[random.IntN(len(makers))]
	account := fmt.Sprintf("%s%d", by.account, n)
	if stranger {
		account = ""
	}
	s := inventory.Session{Time: standInTime, Bridge: bridge.Bridge, Run: bridge.Run, ID: standInID,
		Listener: "imaps", Protocol: "imap", TLSMode: "implicit",
		Source: inventory.Source{IP: address(n), Port: standInPort,
			Name: fmt.Sprintf("%s-%d.clinic-%d.contoso.example", by.account, n, n%17),
			MAC:  fmt.Sprintf("%s:%02x:%02x:%02x", by.mac, n>>16&0xff, n>>8&0xff, n&0xff), Vendor: by.vendor},
		ClientID:  map[string]string{"name": by.product, "version": fmt.Sprintf("%d.%d", 1+n%7, n%10), "vendor": by.vendor},
		Login:     inventory.Login{ClaimedAccount: `CONTOSO\` + strings.ToUpper(by.account) + fmt.Sprint(n), Mailbox: fmt.Sprintf("scans-%d@contoso.example", n%3000), AuthMechanism: "LOGIN", Stage: inventory.StageBridge, WouldStage: inventory.StageBridge, Rules: map[string]string{"upstream": fmt.Sprintf("rules[%d]", n%9), "stage": "device"}},
		StartedAt: standInStarted, Duration: standInDuration, HandshakeTime: standInDuration,
		BytesFromDevice: standInNumber, BytesToDevice: standInNumber, EndedBy: inventory.EndedByDevice}
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
	return prototype{s, account}
}

// goes makes of p a session that goes as k says.
func (p *prototype) goes(k kind) {
	s := &p.session
	switch k {
	case bridged:
		s.Account = p.account
		p.upstream()
		s.Phase, s.Outcome = inventory.PhaseRelay, inventory.OutcomeBridged
		if s.Quirks != nil { // a device that is slow to leave, too
			s.UpstreamSays, s.EndedBy = "* BYE Session invalidated - AccessTokenExpired", inventory.EndedByUpstream
			s.Reason = "the upstream ended the session: its token had expired"
		}
	case upstreamFailed:
		s.Account = p.account
		p.upstream()
		s.UpstreamTime = 0
		s.Phase, s.Outcome = inventory.PhaseAuthenticate, inventory.OutcomeUpstreamFailed
		s.UpstreamSays = "A1 NO AUTHENTICATE failed."
		s.Reason = "Exchange Online refused the token for this mailbox: grant the application access to it"
		s.EndedBy = inventory.EndedByBridge
	case loginFailed:
		s.Phase, s.Outcome, s.Mailbox = inventory.PhaseLogin, inventory.OutcomeLoginFailed, ""
		s.Reason = "the password is wrong: enter it again in the settings of the device"
	case tlsFailed:
		s.TLS = inventory.TLS{AlertReceived: "unknown_ca", Certificate: s.TLS.Certificate}
		s.Phase, s.Outcome, s.Mailbox, s.ClaimedAccount, s.AuthMechanism = inventory.PhaseHandshake, inventory.OutcomeTLSFailed, "", "", ""
		s.ClientID, s.BytesFromDevice, s.BytesToDevice, s.HandshakeTime = nil, 0, 0, 0
		s.Reason = "the device does not know the authority of our certificate: install it there"
	}
}

func (p *prototype) upstream() {
	s := &p.session
	s.Upstream, s.UpstreamAddress, s.UpstreamAuth = "exchange-online", "52.97.146.162:993", "XOAUTH2"
	s.UpstreamFrontEnd = "FR0P281CA0001.DEUP281.PROD.OUTLOOK.COM"
	s.UpstreamTLS = inventory.TLS{Engine: "standard", Version: hello.TLS13, Cipher: "TLS_AES_256_GCM_SHA384", Completed: true}
	s.TokenLeft, s.UpstreamTime = 3599*time.Second, standInDuration
}

// address is the one of device n: a device in ten has IPv6.
func address(n int) netip.Addr {
	if n%10 == 0 {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
	}
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// hostile lets a device say what should do no harm anywhere.
func hostile(s *inventory.Session) {
	evil := "\x1b]0;owned\x07=cmd|' /C calc'!A0\r\n<script>alert(1)</script>\u202e\u200b\xff\"\\"
	s.ClaimedAccount, s.Source.Name = evil, evil
	s.ClientID = map[string]string{"name": evil, evil: "1"}
}
