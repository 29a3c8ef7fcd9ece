package hello

import (
	"fmt"
	"slices"
	"strings"
)

// Oddity is what is strange in a hello that could be read: the standard library refuses it for that, while others may not.
type Oddity struct {
	Sentence string // what it is and what to do, for an administrator; what the device sent is quoted and escaped
	Alert    uint8  // what the standard library answers (RFC 8446, section 6)
}

// The alerts to oddities.
const (
	alertHandshakeFailure = 40
	alertIllegalParameter = 47
	alertDecodeError      = 50
)

// Oddity returns what crypto/tls will refuse of the hello's form, whatever its own configuration; nil where that is nothing. It is
// the first that was found.
func (h *Hello) Oddity() *Oddity {
	if h == nil || h.Format != FormatTLS {
		return nil
	}
	if h.odd == nil && !slices.Contains(h.Compressions, 0) {
		return &Oddity{Alert: alertIllegalParameter,
			Sentence: "the device insists on compressing what it sends, which nobody takes any more: switch compression off in it"}
	}
	return h.odd
}

// Extensions whose form matters, besides those that are read.
const (
	extStatusRequest        = 5
	extSCT                  = 18
	extExtendedMasterSecret = 23
	extPreSharedKey         = 41
	extEarlyData            = 42
	extCookie               = 44
	extPSKModes             = 45
	extSignaturesCert       = 50
	extKeyShare             = 51
	extECH                  = 0xfe0d
)

// oddForms has what crypto/tls wants of an extension's form, and its name.
var oddForms = map[uint16]struct {
	name string
	good func(cursor) bool
}{
	extStatusRequest:        {"status_request", isStatusRequest},
	extSupportedGroups:      {"supported_groups", isFilled16},
	extECPointFormats:       {"ec_point_formats", isFilled8},
	extSignatures:           {"signature_algorithms", isFilled16},
	extALPN:                 {"application_layer_protocol_negotiation", isProtocolList},
	extSCT:                  {"signed_certificate_timestamp", isEmpty},
	extExtendedMasterSecret: {"extended_master_secret", isEmpty},
	extPreSharedKey:         {"pre_shared_key", isPreSharedKey},
	extEarlyData:            {"early_data", isEmpty},
	extSupportedVersions:    {"supported_versions", isFilled8},
	extCookie:               {"cookie", isFilled16},
	extPSKModes:             {"psk_key_exchange_modes", isVector8},
	extSignaturesCert:       {"signature_algorithms_cert", isNumberList},
	extKeyShare:             {"key_share", isKeyShare},
	extECH:                  {"encrypted_client_hello", isECH},
	extRenegotiationInfo:    {"renegotiation_info", isVector8},
}

// oddity judges one extension, which was read; last tells that no other follows.
func oddity(kind uint16, data cursor, last bool) *Oddity {
	if kind == extServerName {
		return oddServerName(data)
	}
	form, known := oddForms[kind]
	switch {
	case !known:
		return nil
	case !form.good(data) || kind == extPreSharedKey && !last: // RFC 8446, section 4.2.11
		return &Oddity{Alert: alertDecodeError, Sentence: "the device sends the extension " + form.name + " in a form that cannot be served: " +
			"update its firmware, or look for what changes its packets on the way"}
	case kind == extRenegotiationInfo && len(data) > 1: // RFC 5746, section 3.6
		return &Oddity{Alert: alertHandshakeFailure, Sentence: "the device opens as if it renegotiated an earlier session: update its " +
			"firmware, or look for what changes its packets on the way"}
	}
	return nil
}

// oddServerName judges the list of names (RFC 6066, section 3), which was read.
func oddServerName(data cursor) *Oddity {
	const hostName = 0
	odd := func(sentence string) *Oddity { return &Oddity{Alert: alertDecodeError, Sentence: sentence} }
	names, _ := data.only16()
	if len(names) == 0 {
		return odd("the device sends the extension server_name without a name, which cannot be served yet: " + mendServerName)
	}
	for hosts := 0; len(names) > 0; {
		kind, _ := names.take(1)
		name, _ := names.vector16()
		switch {
		case len(name) == 0:
			return odd("the device asks for an empty server name, which cannot be served yet: " + mendServerName)
		case kind[0] != hostName:
			continue
		case hosts > 0:
			return odd("the device asks for more than one server name at a time: update its firmware")
		case name[len(name)-1] == '.':
			return odd(dotSentence(string(name[max(0, len(name)-maxServerName):])))
		}
		hosts++
	}
	return nil
}

func dotSentence(name string) string {
	right := strings.TrimRight(name, ".")
	if right == "" {
		return fmt.Sprintf("the device asks for the server name %q alone, which cannot be served yet: ", name) + mendServerName
	}
	return fmt.Sprintf("the device asks for the server name %q, which cannot be served yet with a dot at its end: in the device's settings "+
		"write %q, without the last dot", name, right)
}

const mendServerName = "write this bridge's name or address into the server field of the device's settings"

func isEmpty(c cursor) bool { return len(c) == 0 }

func isVector8(c cursor) bool {
	_, ok := c.only8()
	return ok
}

func isFilled8(c cursor) bool {
	v, ok := c.only8()
	return ok && len(v) > 0
}

func isFilled16(c cursor) bool {
	v, ok := c.only16()
	return ok && len(v) > 0
}

func isNumberList(c cursor) bool {
	v, ok := c.only16()
	return ok && len(v) > 0 && len(v)%2 == 0
}

// isStatusRequest reads RFC 6066, section 8.
func isStatusRequest(c cursor) bool {
	_, kind := c.take(1)
	_, responders := c.vector16()
	_, extensions := c.vector16()
	return kind && responders && extensions && len(c) == 0
}

// isProtocolList reads RFC 7301, section 3.1.
func isProtocolList(c cursor) bool {
	return isFilled16(c) && each16(c, func(list *cursor) bool {
		name, ok := list.vector8()
		return ok && len(name) > 0
	})
}

// isKeyShare reads RFC 8446, section 4.2.8. The list may be empty.
func isKeyShare(c cursor) bool {
	return each16(c, func(list *cursor) bool {
		_, group := list.uint16()
		key, ok := list.vector16()
		return group && ok && len(key) > 0
	})
}

// isPreSharedKey reads RFC 8446, section 4.2.11: identities, then binders.
func isPreSharedKey(c cursor) bool {
	identities, ok := c.vector16()
	if !ok || len(identities) == 0 || !isFilled16(c) {
		return false
	}
	for len(identities) > 0 {
		label, ok := identities.vector16()
		_, age := identities.take(4)
		if !ok || !age || len(label) == 0 {
			return false
		}
	}
	return each16(c, func(list *cursor) bool {
		binder, ok := list.vector8()
		return ok && len(binder) > 0
	})
}

// isECH reads the encrypted_client_hello of a client (RFC 9849, section 5). crypto/tls takes an empty one for none.
func isECH(c cursor) bool {
	const outer, inner = 0, 1
	if len(c) == 0 {
		return true
	}
	kind, _ := c.take(1)
	if kind[0] == inner {
		return len(c) == 0
	}
	_, fixed := c.take(5) // KDF, AEAD, configuration
	_, encapsulated := c.vector16()
	_, payload := c.vector16()
	return kind[0] == outer && fixed && encapsulated && payload
}

// each16 reports whether c is one vector whose entries all are as good says, which takes one.
func each16(c cursor, good func(*cursor) bool) bool {
	list, ok := c.only16()
	for ok && len(list) > 0 {
		ok = good(&list)
	}
	return ok
}
