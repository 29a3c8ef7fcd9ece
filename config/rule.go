package config

import (
	"net/netip"
	"strings"

	"drawbridge/internal/protocol"
)

// Rule is one line of the table that decides about sessions.
type Rule struct {
	// Its place in the file, from 0. Not a key.
	Index int `yaml:"-"`

	// Which sessions it is for; all keys must hold. Without keys: every session.
	Match Match `yaml:"match,omitempty"`

	// The upstream that serves them.
	Upstream string `yaml:"upstream,omitempty" jsonschema:"minLength=1"`

	// What happens to the sessions' devices: bridge, which serves them. Empty without the key.
	Stage string `yaml:"stage,omitempty" jsonschema:"enum=bridge"`
}

// Match says which sessions a rule is for. Each key takes one value or a list, any of which may hold; all keys that
// are set must hold.
type Match struct {
	// Addresses and ranges that the device connects from.
	Source []netip.Prefix `yaml:"source,omitempty" jsonschema:"minItems=1"`

	// Names of listeners.
	Listener []string `yaml:"listener,omitempty" jsonschema:"minItems=1"`

	// Mail protocols: imap or pop3.
	Protocol []string `yaml:"protocol,omitempty" jsonschema:"minItems=1,enum=imap,enum=pop3"`

	// Patterns of account names: * stands for any run of characters, ? for one, all else for itself.
	Account []string `yaml:"account,omitempty" jsonschema:"minItems=1"`

	// What the device could do without the bridge: ready, legacy, obsolete or unknown.
	Readiness []string `yaml:"readiness,omitempty" jsonschema:"minItems=1,enum=ready,enum=legacy,enum=obsolete,enum=unknown"`

	// What keeps the device from going direct, any of the list. [] is a device that nothing keeps and that is ready.
	// In Go: nil without the key, a pointer to an empty list for [].
	Blockers *[]string `yaml:"blockers,omitempty"`

	// Turned round: the rule is for sessions that do not match all of these keys.
	Not *Match `yaml:"not,omitempty"`
}

func (m *Match) read(o *object) {
	oneOrSome(o, "source", &m.Source, prefix)
	oneOrSome(o, "listener", &m.Listener, word)
	oneOrSome(o, "protocol", &m.Protocol, oneOf(protocol.Names()...))
	oneOrSome(o, "account", &m.Account, accountPattern)
	oneOrSome(o, "readiness", &m.Readiness, oneOf("ready", "legacy", "obsolete", "unknown"))
	m.readBlockers(o)
}

// readWithNot reads the keys of a match; inside of not there is no further not.
func (m *Match) readWithNot(o *object) {
	m.read(o)
	o.group("not", func(o *object) {
		m.Not = &Match{}
		m.Not.read(o)
		if len(o.pairs) == 0 {
			o.fault(wrong("write a key such as source, or leave not out", "an empty not matches nothing"))
		}
	})
}

func (m *Match) readBlockers(o *object) {
	o.use("blockers", func(v value) {
		items := []value{v}
		if v.isList() {
			items, _ = v.items()
		}
		all := readAll(items, oneOf("no_tls", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"))
		m.Blockers = &all
	})
}

func (r *Rule) read(o *object) {
	o.group("match", r.Match.readWithNot)
	scalar(o, "upstream", &r.Upstream, word)
	scalar(o, "stage", &r.Stage, oneOf("bridge"))
	if len(o.pairs) == 0 || len(o.pairs) == 1 && o.given("match") {
		o.fault(wrong("write upstream: and the name of an upstream", "the rule sets nothing"))
	}
}

// accountPattern reads a pattern for account names: * stands for any run of characters, ? for one, all else for itself.
func accountPattern(text string) (string, *mistake) {
	switch {
	case text == "":
		return "", wrong(`write a name or a pattern such as "*@contoso.com"`, "an empty pattern matches no account")
	case strings.ContainsAny(text, "[]{}"):
		return "", wrong("write one pattern for each, with * and ? alone", "%s has brackets, which patterns do not know", quoted(text))
	case !isPrintable(text), len(text) > 256:
		return "", wrong("write at most 256 printable characters", "%s is no pattern", quoted(text))
	}
	return text, nil
}
