package enrich

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gosnmp/gosnmp"
)

// authProtocols are the values of SNMP.Auth (RFC 3414 and RFC 7860).
var authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{
	"":       gosnmp.NoAuth,
	"md5":    gosnmp.MD5,
	"sha":    gosnmp.SHA,
	"sha224": gosnmp.SHA224,
	"sha256": gosnmp.SHA256,
	"sha384": gosnmp.SHA384,
	"sha512": gosnmp.SHA512,
}

// privacyProtocols are the values of SNMP.Privacy (RFC 3414, RFC 3826, and drafts for the longer keys).
var privacyProtocols = map[string]gosnmp.SnmpV3PrivProtocol{
	"":        gosnmp.NoPriv,
	"des":     gosnmp.DES,
	"aes":     gosnmp.AES,
	"aes192":  gosnmp.AES192,
	"aes256":  gosnmp.AES256,
	"aes192c": gosnmp.AES192C,
	"aes256c": gosnmp.AES256C,
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

func (s *SNMP) userMistakes() []error {
	var wrong []error
	if s.User == "" {
		wrong = append(wrong, errors.New("snmp: version v3 needs a user"))
	}
	if _, known := authProtocols[s.Auth]; !known {
		wrong = append(wrong, fmt.Errorf("snmp: auth %q is not known: write %s, or nothing", s.Auth, namesOf(authProtocols)))
	}
	if _, known := privacyProtocols[s.Privacy]; !known {
		wrong = append(wrong, fmt.Errorf("snmp: privacy %q is not known: write %s, or nothing", s.Privacy, namesOf(privacyProtocols)))
	}
	if s.Privacy != "" && s.Auth == "" {
		wrong = append(wrong, errors.New("snmp: privacy needs auth"))
	}
	// RFC 3414, section 11.2.
	const shortest = 8
	if s.Auth != "" && len(s.AuthPassword.Reveal()) < shortest {
		wrong = append(wrong, fmt.Errorf("snmp: the password of auth needs %d characters at least", shortest))
	}
	if s.Privacy != "" && len(s.PrivacyPassword.Reveal()) < shortest {
		wrong = append(wrong, fmt.Errorf("snmp: the password of privacy needs %d characters at least", shortest))
	}
	return wrong
}

func namesOf[V any](known map[string]V) string {
	names := slices.Sorted(maps.Keys(known))
	return strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == "" }), ", ")
}
