package enrich

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gosnmp/gosnmp"

	"drawbridge/internal/enrich/vendors"
	"drawbridge/internal/secret"
)

// SNMP says how and which devices are asked what they are. A v2c community crosses the network readable, so only sources
// inside Prefixes are asked.
type SNMP struct {
	// Version is "v2c" or "v3".
	Version string
	// Community is v2c's word for reading.
	Community secret.Secret
	// User is v3's user.
	User string
	// Auth is how v3 authenticates: "md5", "sha", "sha224", "sha256", "sha384", "sha512", or "" for not at all.
	Auth string
	// AuthPassword belongs to Auth; 8 characters at least.
	AuthPassword secret.Secret
	// Privacy is how v3 encrypts: "des", "aes" (128 bits), "aes192", "aes256", Cisco's "aes192c" and "aes256c", or ""
	// for not at all. It needs Auth.
	Privacy string
	// PrivacyPassword belongs to Privacy; 8 characters at least.
	PrivacyPassword secret.Secret
	// Prefixes are the sources that are asked. One at least.
	Prefixes []netip.Prefix
	// Port is the devices' UDP port. The default is 161.
	Port uint16
}

// The system group's objects that are asked for (RFC 3418, section 2), as gosnmp spells them in answers.
const (
	sysDescr    = ".1.3.6.1.2.1.1.1.0"
	sysObjectID = ".1.3.6.1.2.1.1.2.0"
	sysName     = ".1.3.6.1.2.1.1.5.0"
)

// system is what a device says of itself, cleaned.
type system struct{ description, objectID, name string }

// includes reports whether addr may be asked. A nil SNMP includes nobody.
func (s *SNMP) includes(addr netip.Addr) bool {
	within := func(p netip.Prefix) bool { return p.Contains(addr) }
	return s != nil && addr.Zone() == "" && slices.ContainsFunc(s.Prefixes, within)
}

// ask asks the device at addr once. It returns within snmpTimeout for each of a request's exchanges (v3 has two or three),
// and at once when ctx ends.
//
// The answer is a stranger's: where gosnmp panics in reading it, gosnmp itself makes an error of that.
func (s *SNMP) ask(ctx context.Context, addr netip.Addr) (system, error) {
	x := s.client(ctx, addr)
	if err := x.Connect(); err != nil {
		return system{}, fmt.Errorf("ask %s by SNMP: %w", addr, err)
	}
	defer x.Conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = x.Conn.Close() })
	defer stop()
	answer, err := x.Get([]string{sysDescr, sysObjectID, sysName})
	if err != nil {
		return system{}, fmt.Errorf("ask %s by SNMP: %w", addr, err)
	}
	return readSystem(answer)
}

func (s *SNMP) client(ctx context.Context, addr netip.Addr) *gosnmp.GoSNMP {
	x := &gosnmp.GoSNMP{
		Context: ctx,
		Target:  addr.String(),
		Port:    cmp.Or(s.Port, 161),
		Timeout: snmpTimeout,
		Version: gosnmp.Version2c,
	}
	if s.Version == "v2c" {
		x.Community = s.Community.Reveal()
		return x
	}
	x.Version = gosnmp.Version3
	x.SecurityModel = gosnmp.UserSecurityModel
	x.MsgFlags = s.level()
	x.SecurityParameters = &gosnmp.UsmSecurityParameters{
		UserName:                 s.User,
		AuthenticationProtocol:   authProtocols[s.Auth],
		AuthenticationPassphrase: s.AuthPassword.Reveal(),
		PrivacyProtocol:          privacyProtocols[s.Privacy],
		PrivacyPassphrase:        s.PrivacyPassword.Reveal(),
	}
	return x
}

// level is v3's security level.
func (s *SNMP) level() gosnmp.SnmpV3MsgFlags {
	switch {
	case s.Privacy != "":
		return gosnmp.AuthPriv
	case s.Auth != "":
		return gosnmp.AuthNoPriv
	}
	return gosnmp.NoAuthNoPriv
}

// readSystem takes what an answer says, and nothing that was not asked for.
func readSystem(answer *gosnmp.SnmpPacket) (system, error) {
	switch {
	case answer.PDUType != gosnmp.GetResponse:
		return system{}, fmt.Errorf("the SNMP answer is a %s", answer.PDUType)
	case answer.RequestID == 0:
		return system{}, errors.New("the SNMP answer is to no request") // gosnmp takes these
	case answer.Error != gosnmp.NoError:
		return system{}, fmt.Errorf("the SNMP answer is the error %s", answer.Error)
	}
	var said system
	for _, v := range answer.Variables {
		switch v.Name {
		case sysDescr:
			said.description = textOfVariable(v)
		case sysObjectID:
			said.objectID = strings.TrimPrefix(textOfVariable(v), ".")
		case sysName:
			said.name = textOfVariable(v)
		}
	}
	if said == (system{}) {
		return system{}, errors.New("the SNMP answer says nothing of the system")
	}
	return said, nil
}

func textOfVariable(v gosnmp.SnmpPDU) string {
	switch text := v.Value.(type) {
	case []byte:
		return vendors.OneLine(string(text), maxSaid)
	case string:
		return vendors.OneLine(text, maxSaid)
	}
	return ""
}

// authProtocols are the values of SNMP.Auth (RFC 3414 and RFC 7860).
var authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{
	"": gosnmp.NoAuth, "md5": gosnmp.MD5, "sha": gosnmp.SHA, "sha224": gosnmp.SHA224, "sha256": gosnmp.SHA256, "sha384": gosnmp.SHA384,
	"sha512": gosnmp.SHA512,
}

// privacyProtocols are the values of SNMP.Privacy (RFC 3414, RFC 3826, and drafts for the longer keys).
var privacyProtocols = map[string]gosnmp.SnmpV3PrivProtocol{
	"": gosnmp.NoPriv, "des": gosnmp.DES, "aes": gosnmp.AES, "aes192": gosnmp.AES192, "aes256": gosnmp.AES256,
	"aes192c": gosnmp.AES192C, "aes256c": gosnmp.AES256C,
}

// mistakes returns what is wrong with the options, a sentence each.
func (s *SNMP) mistakes() []error {
	var wrong []error
	if len(s.Prefixes) == 0 {
		wrong = append(wrong, errors.New("snmp: no device may be asked: name the prefixes whose devices may"))
	}
	for _, p := range s.Prefixes {
		if !p.IsValid() {
			wrong = append(wrong, errors.New("snmp: a prefix is not valid: write it like 192.0.2.0/24"))
		} else if p.Bits() == 0 && s.Version != "v3" {
			wrong = append(wrong, fmt.Errorf("snmp: the prefix %s would show the community to everybody: name your own networks", p))
		}
	}
	switch s.Version {
	case "v2c":
		if s.Community.Reveal() == "" {
			wrong = append(wrong, errors.New("snmp: version v2c needs a community"))
		}
	case "v3":
		wrong = append(wrong, s.userMistakes()...)
	default:
		wrong = append(wrong, fmt.Errorf("snmp: version %q is not known: write v2c or v3", s.Version))
	}
	return wrong
}

func (s *SNMP) userMistakes() (wrong []error) {
	add := func(yes bool, format string, args ...any) {
		if yes {
			wrong = append(wrong, fmt.Errorf("snmp: "+format, args...))
		}
	}
	const shortest = 8 // RFC 3414, section 11.2
	_, auth := authProtocols[s.Auth]
	_, privacy := privacyProtocols[s.Privacy]
	add(s.User == "", "version v3 needs a user")
	add(!auth, "auth %q is not known: write %s, or nothing", s.Auth, namesOf(authProtocols))
	add(!privacy, "privacy %q is not known: write %s, or nothing", s.Privacy, namesOf(privacyProtocols))
	add(s.Privacy != "" && s.Auth == "", "privacy needs auth")
	add(s.Auth != "" && len(s.AuthPassword.Reveal()) < shortest, "the password of auth needs %d characters at least", shortest)
	add(s.Privacy != "" && len(s.PrivacyPassword.Reveal()) < shortest, "the password of privacy needs %d characters at least", shortest)
	return wrong
}

func namesOf[V any](known map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(known))[1:], ", ") // but for the empty one
}
