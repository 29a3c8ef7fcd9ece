package config

import (
	"net/netip"

	"drawbridge/internal/secret"
)

// The values of SNMP.Version.
const (
	SNMPVersion2c = "2c"
	SNMPVersion3  = "3"
)

// SNMP says how devices are asked what they are (sysDescr and its neighbours, RFC 3418). Nothing is ever set.
type SNMP struct {
	// The version that is spoken: 2c (a community in clear) or 3 (a user, whose password
	// does not cross the network). Default: 2c.
	Version string `yaml:"version" jsonschema:"enum=2c,enum=3"`

	// The addresses and ranges of the devices that are asked; no other ever is.
	Sources []netip.Prefix `yaml:"sources" jsonschema:"required,minItems=1"`

	// With version 2c: the community, as a value, {file: PATH} or {env: NAME}. It has no default: whoever listens on
	// the network of a device that is asked sees it.
	Community secret.Secret `yaml:"community,omitempty"`

	// With version 3: the user, 1 to 32 characters.
	User string `yaml:"user,omitempty" jsonschema:"minLength=1,maxLength=32"`

	// With version 3: how the user is proven. Required there.
	Auth *SNMPAuth `yaml:"auth,omitempty"`

	// With version 3: how messages are encrypted. Without it they are authentic and can be read on the way.
	Privacy *SNMPPrivacy `yaml:"privacy,omitempty"`
}

// SNMPAuth proves the user of SNMP version 3 (RFC 3414, RFC 7860).
type SNMPAuth struct {
	// The hash that is used: sha, sha224, sha256, sha384 or sha512.
	Protocol string `yaml:"protocol" jsonschema:"enum=sha,enum=sha224,enum=sha256,enum=sha384,enum=sha512"`

	// The password, 8 characters at least, as a value, {file: PATH} or {env: NAME}.
	Password secret.Secret `yaml:"password" jsonschema:"required"`
}

// SNMPPrivacy encrypts messages of SNMP version 3 (RFC 3826).
type SNMPPrivacy struct {
	// The cipher that is used: aes (of 128 bits), aes192 or aes256; aes192c and aes256c are as Cisco makes the key.
	Protocol string `yaml:"protocol" jsonschema:"enum=aes,enum=aes192,enum=aes256,enum=aes192c,enum=aes256c"`

	// The password, 8 characters at least, as a value, {file: PATH} or {env: NAME}.
	Password secret.Secret `yaml:"password" jsonschema:"required"`
}

// askDevices is what stands where devices are to be asked by SNMP.
const askDevices = "write snmp: {version: 2c, community: {file: PATH}, sources: [10.20.3.0/24]}, or false"

// noSNMP reads the word false.
func noSNMP(text string) (*SNMP, *mistake) {
	on, m := boolean(text)
	switch {
	case m != nil:
		return nil, wrong(askDevices, "this is not a value of this key") // it may be a community
	case on:
		return nil, wrong(askDevices, "devices are asked with a community or a user, which have no default")
	}
	return nil, nil
}

func (s *SNMP) read(o *object) {
	known := scalar(o, "version", &s.Version, oneOf(SNMPVersion2c, SNMPVersion3))
	o.required("sources", "[10.20.3.0/24]")
	some(o, "sources", &s.Sources, prefix)
	o.use("community", func(v value) { v.secret(&s.Community, anySecret) })
	scalar(o, "user", &s.User, snmpUser)
	o.group("auth", func(o *object) {
		s.Auth = &SNMPAuth{Protocol: "sha256"}
		scalar(o, "protocol", &s.Auth.Protocol, oneOf("sha", "sha224", "sha256", "sha384", "sha512"))
		readSNMPPassword(o, &s.Auth.Password)
	})
	o.group("privacy", func(o *object) {
		s.Privacy = &SNMPPrivacy{Protocol: "aes"}
		scalar(o, "protocol", &s.Privacy.Protocol, oneOf("aes", "aes192", "aes256", "aes192c", "aes256c"))
		readSNMPPassword(o, &s.Privacy.Password)
	})
	if known {
		s.checkVersion(o)
	}
	told := "community"
	if s.Version == SNMPVersion3 {
		told = "user"
	}
	o.d.warnOfStrangers(o.path+".sources", s.Sources, isLocal, "write the ranges of your devices",
		"%s reaches beyond private networks: strangers would be asked, and told the "+told)
}

// checkVersion asks for the keys of the version and refuses those of the other.
func (s *SNMP) checkVersion(o *object) {
	if s.Version == SNMPVersion2c {
		o.required("community", "{file: PATH}, or version: 3")
		s.refuse(o, "write version: 3, or delete it", "user", "auth", "privacy")
		return
	}
	o.required("user", "the name that devices know")
	o.required("auth", "{protocol: sha256, password: {file: PATH}}")
	s.refuse(o, "write version: 2c, or delete it", "community")
}

func (s *SNMP) refuse(o *object, mend string, keys ...string) {
	for _, key := range keys {
		if o.given(key) {
			o.faultIn(key, wrong(mend, "version %s does not use it", s.Version))
		}
	}
}

// snmpUser reads a user's name (RFC 3414, section 2.1).
var snmpUser = textThat(func(text string) bool { return isName(text) && len(text) <= 32 },
	"write 1 to 32 printable ASCII characters", "%s is no user of SNMP")

// minSNMPPassword is how long a password of SNMP version 3 must be, in bytes (RFC 3414, section 11.2).
const minSNMPPassword = 8

func readSNMPPassword(o *object, into *secret.Secret) {
	o.required("password", "{file: PATH}")
	o.use("password", func(v value) {
		v.secret(into, func(text string) *mistake {
			if len(text) < minSNMPPassword {
				return wrong("give the device and this key a longer one", "the password is shorter than %d characters", minSNMPPassword)
			}
			return nil
		})
	})
}
