package config

import (
	"fmt"
	"net/netip"

	"go.yaml.in/yaml/v3"

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

// readSNMP reads the word false, or the group of keys.
func (e *Enrich) readSNMP(d *decoder, o *object) {
	v, ok := o.take("snmp")
	if !ok {
		return
	}
	if v.node.Kind != yaml.MappingNode {
		var off bool
		read(v, &off, noSNMP)
		return
	}
	v.read(func(o *object) {
		e.SNMP = &SNMP{Version: SNMPVersion2c}
		e.SNMP.read(d, o)
	})
}

func noSNMP(text string) (bool, *mistake) {
	on, m := boolean(text)
	switch {
	case m != nil:
		return false, wrong(askDevices, "this is not a value of this key") // it may be a community
	case on:
		return false, wrong(askDevices, "devices are asked with a community or a user, which have no default")
	}
	return false, nil
}

func (s *SNMP) read(d *decoder, o *object) {
	before := len(d.faults)
	scalar(o, "version", &s.Version, oneOf(SNMPVersion2c, SNMPVersion3))
	known := len(d.faults) == before
	o.required("sources", "[10.20.3.0/24]")
	some(o, "sources", &s.Sources, prefix)
	d.secretOf(o, "community", &s.Community, anySecret)
	scalar(o, "user", &s.User, snmpUser)
	o.group("auth", func(o *object) {
		s.Auth = &SNMPAuth{Protocol: "sha256"}
		scalar(o, "protocol", &s.Auth.Protocol, oneOf("sha", "sha224", "sha256", "sha384", "sha512"))
		s.Auth.Password = d.snmpPassword(o)
	})
	o.group("privacy", func(o *object) {
		s.Privacy = &SNMPPrivacy{Protocol: "aes"}
		scalar(o, "protocol", &s.Privacy.Protocol, oneOf("aes", "aes192", "aes256", "aes192c", "aes256c"))
		s.Privacy.Password = d.snmpPassword(o)
	})
	if known {
		s.checkVersion(o)
	}
	s.warnOfSources(d, o)
}

// checkVersion asks for the keys of the version and refuses those of the other.
func (s *SNMP) checkVersion(o *object) {
	if s.Version == SNMPVersion2c {
		o.required("community", "{file: PATH}, or version: 3")
		for _, key := range []string{"user", "auth", "privacy"} {
			s.refuse(o, key, "write version: 3, or delete it")
		}
		return
	}
	o.required("user", "the name that devices know")
	o.required("auth", "{protocol: sha256, password: {file: PATH}}")
	s.refuse(o, "community", "write version: 2c, or delete it")
}

func (s *SNMP) refuse(o *object, key, mend string) {
	if o.given(key) {
		o.d.faultIn(o.path+"."+key, wrong(mend, "version %s does not use it", s.Version))
	}
}

func (s *SNMP) warnOfSources(d *decoder, o *object) {
	for i, p := range s.Sources {
		if !isLocal(p) {
			d.warnIn(fmt.Sprintf("%s.sources[%d]", o.path, i),
				wrong("write the ranges of your devices", "%s reaches beyond private networks: strangers would be asked, and told the %s", p, s.credential()))
		}
	}
}

// credential names what is shown to who is asked.
func (s *SNMP) credential() string {
	if s.Version == SNMPVersion3 {
		return "user"
	}
	return "community"
}

func snmpUser(text string) (string, *mistake) {
	if !isName(text) || len(text) > 32 { // RFC 3414, section 2.1
		return "", wrong("write 1 to 32 printable ASCII characters", "%s is no user of SNMP", quoted(text))
	}
	return text, nil
}

// minSNMPPassword is how long a password of SNMP version 3 must be, in bytes (RFC 3414, section 11.2).
const minSNMPPassword = 8

func (d *decoder) snmpPassword(o *object) secret.Secret {
	var password secret.Secret
	o.required("password", "{file: PATH}")
	d.secretOf(o, "password", &password, func(text string) *mistake {
		if len(text) < minSNMPPassword {
			return wrong("give the device and this key a longer one", "the password is shorter than %d characters", minSNMPPassword)
		}
		return nil
	})
	return password
}
