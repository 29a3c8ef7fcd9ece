package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Unbuilt is a key, or some values of a key, that the contract has and this version has not.
type Unbuilt struct {
	Key    string   // its shape: [] stands for every entry of a list, * for every name
	Values []string // only these values of the key; nil: every value
	Taken  []string // values that ask for what the program does anyway, and are taken
	Mend   string   // what to write meanwhile
}

// unbuilt is all that is not built yet. Whoever builds a key deletes its line.
var unbuilt = []Unbuilt{
	{Key: "listeners[].min_version", Values: []string{"ssl3"}, Mend: `write "1.0", 1.1, 1.2 or 1.3`},
	{Key: "listeners[].ciphers[]", Mend: "leave it out", Values: []string{
		"TLS_RSA_WITH_RC4_128_MD5", "TLS_RSA_WITH_AES_256_CBC_SHA256", "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA",
		"TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
		"TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
	}},
	{Key: "certificates[].local_ca.signature", Values: []string{"sha1"}, Mend: "write sha256"},
	{Key: "listeners[].dhe", Taken: []string{"0"}, Mend: "leave it out: DHE suites are not offered"},
	{Key: "upstreams.*.smtp", Mend: "leave it out: mail is read, and not sent"},
	{Key: "upstreams.*.smtp_tls", Mend: "leave it out: mail is read, and not sent"},
	{Key: "accounts[].without_password", Taken: []string{"false"}, Mend: "leave it out: every device logs in with a password"},
	{Key: "admin.users", Mend: "write password, which is that of the user admin"},
}

// NotBuilt returns all keys and values that the contract has and this version has not.
func NotBuilt() []Unbuilt { return slices.Clone(unbuilt) }

// notBuilt judges a key that no reader asked for: true when the contract has it. Its fault stands at the key.
func (o *object) notBuilt(key *yaml.Node, v value) bool {
	for _, u := range unbuilt {
		if u.Values != nil || u.Key != v.shape {
			continue
		}
		if isNull(v.node) || v.node.Kind != yaml.ScalarNode || !slices.Contains(u.Taken, v.node.Value) {
			v.d.faultAt(key, v.path, wrong(u.Mend, "not built yet"))
			v.scan()
		}
		return true
	}
	return false
}

// scan finds what no reader is needed for, equal keys and split hashes, in a value that is not built yet.
func (v value) scan() {
	switch v.node.Kind {
	case yaml.MappingNode:
		o, _ := v.object()
		for _, p := range o.pairs {
			o.child(p).scan()
		}
	case yaml.SequenceNode:
		items, _ := v.items()
		for _, item := range items {
			item.scan()
		}
	}
}

// notBuiltValue tells a value of a built key that the contract has and this version has not.
func (v value) notBuiltValue(text string) bool {
	for _, u := range unbuilt {
		if u.Key == v.shape && slices.Contains(u.Values, text) {
			v.fault(wrong(u.Mend, "%s is not built yet", text))
			return true
		}
	}
	return false
}

// unbuiltBelow returns the next word of every key of the table below a shape, as candidates for a suggestion.
func unbuiltBelow(shape string) []string {
	var words []string
	for _, u := range unbuilt {
		if rest, below := strings.CutPrefix(u.Key, join(shape, "")); below && u.Values == nil {
			word, _, _ := strings.Cut(rest, ".")
			words = append(words, strings.TrimSuffix(word, "[]"))
		}
	}
	return words
}
