package enrich

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gosnmp/gosnmp"

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
	if s == nil || addr.Zone() != "" {
		return false
	}
	for _, p := range s.Prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
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
		Port:    s.Port,
		Timeout: snmpTimeout,
		Version: gosnmp.Version2c,
	}
	if x.Port == 0 {
		x.Port = 161
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

var errNoAnswer = errors.New("the SNMP answer says nothing of the system")

// readSystem takes what an answer says, and nothing that was not asked for.
func readSystem(answer *gosnmp.SnmpPacket) (system, error) {
	if answer.PDUType != gosnmp.GetResponse {
		return system{}, fmt.Errorf("the SNMP answer is a %s", answer.PDUType)
	}
	if answer.RequestID == 0 {
		return system{}, errors.New("the SNMP answer is to no request") // gosnmp takes these
	}
	if answer.Error != gosnmp.NoError {
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
		return system{}, errNoAnswer
	}
	return said, nil
}

func textOfVariable(v gosnmp.SnmpPDU) string {
	switch text := v.Value.(type) {
	case []byte:
		return cleanText(string(text), maxSaid)
	case string:
		return cleanText(text, maxSaid)
	}
	return ""
}
