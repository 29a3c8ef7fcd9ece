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
	if h.Suites, ok = numbers[uint16](list, ok); !ok {
		return errors.New("the list of cipher suites has an odd length, or more than 1,024 entries")
	}
	h.noteSignals()
	return nil
}

func (h *Hello) readExtensions(c cursor) error {
	h.Extensions = make([]uint16, 0, 16)
	for len(c) > 0 {
		kind, _ := c.uint16()
		data, ok := c.vector16() // of one byte too, which uint16 left
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
		if h.odd == nil {
			h.odd = oddity(kind, data, len(c) == 0)
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
		h.Groups, ok = numbers[uint16](data.only16())
	case extECPointFormats:
		if data, ok = data.only8(); ok {
			h.PointFormats = append([]uint8{}, data...)
		}
	case extSignatures:
		h.Signatures, ok = numbers[uint16](data.only16())
	case extALPN:
		ok = h.readALPN(data)
	case extSessionTicket:
		h.Tickets = true
	case extSupportedVersions:
		h.Versions, ok = numbers[Version](data.only8())
	case extRenegotiationInfo:
		h.RenegotiationInfo = true
	}
	if !ok {
		return errors.New("the extension " + extensionNames[kind] + " is broken")
	}
	return nil
}

// extensionNames are those of the extensions that can be broken.
var extensionNames = map[uint16]string{extServerName: "server_name", extSupportedGroups: "supported_groups",
	extECPointFormats: "ec_point_formats", extSignatures: "signature_algorithms", extSupportedVersions: "supported_versions",
	extALPN: "application_layer_protocol_negotiation"}

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
