package hello

import (
	"errors"
	"slices"
)

// The extensions that are read. Of the others only the type is kept.
const (
	extServerName        = 0
	extSupportedGroups   = 10
	extECPointFormats    = 11
	extSignatures        = 13
	extALPN              = 16
	extSessionTicket     = 35
	extSupportedVersions = 43
	extRenegotiationInfo = 0xff01
)

const randomLen = 32

// parseTLS reads a hello in TLS records. The first byte of b is known to be that of a handshake record.
func parseTLS(b []byte) (*Hello, error) {
	// RFC 5246, appendix E.1: any {3, x} is a version of the first record. Nothing that people type has these bytes.
	if len(b) >= 2 && b[1] != recordMajorVersion {
		return nil, ErrNotTLS
	}
	body, err := clientHello(b)
	if errors.Is(err, ErrIncomplete) {
		return nil, ErrIncomplete
	}
	h := &Hello{Format: FormatTLS, RecordVersion: Version(b[1])<<8 | Version(b[2])}
	if err != nil {
		if start := joinFragments(b, MaxSize); len(start) > messageHeaderLen && start[0] == messageTypeClientHello {
			_ = h.readBody(start[messageHeaderLen:]) // what can be learned from a part
		}
		return nil, malformed(h, err.Error())
	}
	if err := h.readBody(body); err != nil {
		return nil, malformed(h, err.Error())
	}
	h.MaxVersion = maxVersion(h.LegacyVersion, h.Versions)
	h.JA3, h.JA4 = ja3(h, nil), ja4(h)
	return h, nil
}

// readBody reads a ClientHello without its header (RFC 8446, section 4.1.2). What was read before an error stays
// in h.
func (h *Hello) readBody(c cursor) error {
	version, ok := c.uint16()
	if !ok {
		return errors.New("the version is cut off")
	}
	h.LegacyVersion = Version(version)
	if _, ok := c.take(randomLen); !ok {
		return errors.New("the random is cut off")
	}
	session, ok := c.vector8()
	if !ok {
		return errors.New("the session id is cut off")
	}
	h.SessionIDLen = len(session)
	if err := h.readSuites(&c); err != nil {
		return err
	}
	compressions, ok := c.vector8()
	if !ok {
		return errors.New("the list of compression methods is cut off")
	}
	h.Compressions = append([]uint8{}, compressions...)
	if len(c) == 0 { // hellos before TLS 1.2 may end here
		return nil
	}
	extensions, ok := c.only16()
	if !ok {
		return errors.New("the length of the extensions does not fit")
	}
	return h.readExtensions(extensions)
}

func (h *Hello) readSuites(c *cursor) error {
	list, ok := c.vector16()
	if !ok {
		return errors.New("the list of cipher suites is cut off")
	}
	if h.Suites, ok = numbers[uint16](list); !ok {
		return errors.New("the list of cipher suites has an odd length, or more than 1,024 entries")
	}
	h.noteSignals()
	return nil
}

func (h *Hello) readExtensions(c cursor) error {
	h.Extensions = make([]uint16, 0, 16)
	for len(c) > 0 {
		kind, ok := c.uint16()
		if !ok {
			return errors.New("an extension is cut off")
		}
		data, ok := c.vector16()
		if !ok {
			return errors.New("an extension is cut off")
		}
		// RFC 8446, section 4.2: none may come twice.
		if slices.Contains(h.Extensions, kind) {
			return errors.New("an extension is sent twice")
		}
		if len(h.Extensions) == maxExtensions {
			return errors.New("the hello has more than 256 extensions")
		}
		h.Extensions = append(h.Extensions, kind)
		if err := h.readExtension(kind, data); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hello) readExtension(kind uint16, data cursor) error {
	ok := true
	switch kind {
	case extServerName:
		ok = h.readServerName(data)
	case extSupportedGroups:
		h.Groups, ok = numbers16[uint16](data)
	case extECPointFormats:
		h.PointFormats, ok = bytes8(data)
	case extSignatures:
		h.Signatures, ok = numbers16[uint16](data)
	case extALPN:
		ok = h.readALPN(data)
	case extSessionTicket:
		h.Tickets = true
	case extSupportedVersions:
		h.Versions, ok = numbers8[Version](data)
	case extRenegotiationInfo:
		h.RenegotiationInfo = true
	}
	if !ok {
		return errors.New("the extension " + extensionName(kind) + " is broken")
	}
	return nil
}

func extensionName(kind uint16) string {
	switch kind {
	case extServerName:
		return "server_name"
	case extSupportedGroups:
		return "supported_groups"
	case extECPointFormats:
		return "ec_point_formats"
	case extSignatures:
		return "signature_algorithms"
	case extALPN:
		return "application_layer_protocol_negotiation"
	}
	return "supported_versions"
}

// numbers16 reads an extension that is one list of 16-bit numbers, its length in two bytes.
func numbers16[T ~uint16](data cursor) ([]T, bool) {
	list, ok := data.only16()
	if !ok {
		return nil, false
	}
	return numbers[T](list)
}

// numbers8 reads an extension that is one list of 16-bit numbers, its length in one byte.
func numbers8[T ~uint16](data cursor) ([]T, bool) {
	list, ok := data.only8()
	if !ok {
		return nil, false
	}
	return numbers[T](list)
}

// bytes8 reads an extension that is one list of bytes, its length in one byte.
func bytes8(data cursor) ([]uint8, bool) {
	list, ok := data.only8()
	if !ok {
		return nil, false
	}
	return append([]uint8{}, list...), true
}

// readServerName keeps the first host name (RFC 6066, section 3). Names of other types are passed over.
func (h *Hello) readServerName(data cursor) bool {
	const hostName = 0
	names, ok := data.only16()
	if !ok {
		return false
	}
	for len(names) > 0 {
		kind, _ := names.take(1)
		name, ok := names.vector16()
		if !ok {
			return false
		}
		if kind[0] == hostName && h.ServerName == "" {
			h.ServerName = string(name[:min(len(name), maxServerName)])
		}
	}
	return true
}

// readALPN reads RFC 7301, section 3.1.
func (h *Hello) readALPN(data cursor) bool {
	protocols, ok := data.only16()
	if !ok {
		return false
	}
	h.ALPN = []string{}
	for len(protocols) > 0 {
		name, ok := protocols.vector8()
		if !ok || len(h.ALPN) == maxProtocols {
			return false
		}
		h.ALPN = append(h.ALPN, string(name))
	}
	return true
}
