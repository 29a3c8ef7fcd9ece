package hello

const (
	sslv2TwoByteHeader = 0x80 // the top bit of the length: two bytes of header, no padding
	sslv2RecordHeader  = 2
	sslv2FixedLen      = 9 // type, version and three lengths
	sslv2Header        = sslv2RecordHeader + sslv2FixedLen
	sslv2SpecLen       = 3
	sslv2SpecTLSBelow  = 0x10000 // specs below are the cipher suites of TLS
)

// parseSSLv2 reads a hello in the format of SSL 2.0 (RFC 5246, appendix E.2). The top bit of b's first byte is set.
// The hello must fit into its one record.
func parseSSLv2(b []byte) (*Hello, error) {
	if !looksLikeSSLv2(b) {
		return nil, ErrNotTLS
	}
	if len(b) < sslv2RecordHeader+3 {
		return nil, ErrIncomplete
	}
	h := &Hello{Format: FormatSSLv2, RecordVersion: SSL2, LegacyVersion: Version(b[3])<<8 | Version(b[4])}
	size := int(b[0]&^sslv2TwoByteHeader)<<8 | int(b[1])
	if size < sslv2FixedLen {
		return nil, malformed(h, "the record of the SSLv2-format hello is too short")
	}
	if len(b) < sslv2Header {
		return nil, ErrIncomplete
	}
	specs, reason := sslv2SpecsLen(b[:sslv2Header], size)
	if reason != "" {
		return nil, malformed(h, reason)
	}
	if len(b) < sslv2RecordHeader+size {
		return nil, ErrIncomplete
	}
	h.SessionIDLen = int(b[7])<<8 | int(b[8])
	h.finishSSLv2(b[sslv2Header : sslv2Header+specs])
	return h, nil
}

// looksLikeSSLv2 tells whether b may be the start of an SSLv2-format hello. Text of eight bits fails at the third
// byte, which is a control character here, and garbage at the version.
func looksLikeSSLv2(b []byte) bool {
	switch {
	case len(b) >= 3 && b[2] != messageTypeClientHello:
		return false
	case len(b) >= 4 && b[3] != recordMajorVersion && b[3] != 0:
		return false
	case len(b) >= 5 && b[3] == 0:
		return b[4] == byte(SSL2)
	}
	return true
}

// sslv2SpecsLen returns the length of the cipher specs, or why the lengths in the header of a hello of size bytes
// can not be.
func sslv2SpecsLen(header []byte, size int) (n int, reason string) {
	specs := int(header[5])<<8 | int(header[6])
	session := int(header[7])<<8 | int(header[8])
	challenge := int(header[9])<<8 | int(header[10])
	switch {
	case specs == 0 || specs%sslv2SpecLen != 0:
		return 0, "the list of cipher specs has no entry, or half of one"
	case specs/sslv2SpecLen > maxListed:
		return 0, "the list of cipher specs has more than 1,024 entries"
	case sslv2FixedLen+specs+session+challenge != size:
		return 0, "the lengths in the SSLv2-format hello do not fit its record"
	}
	return specs, ""
}

// finishSSLv2 sets what follows from the cipher specs.
func (h *Hello) finishSSLv2(list []byte) {
	specs := make([]uint32, 0, len(list)/sslv2SpecLen)
	h.Suites = make([]uint16, 0, len(list)/sslv2SpecLen)
	for ; len(list) > 0; list = list[sslv2SpecLen:] {
		spec := uint32(list[0])<<16 | uint32(list[1])<<8 | uint32(list[2])
		specs = append(specs, spec)
		if spec < sslv2SpecTLSBelow {
			h.Suites = append(h.Suites, uint16(spec))
		} else {
			h.V2Kinds = append(h.V2Kinds, spec)
		}
	}
	h.noteSignals()
	h.MaxVersion = maxVersion(h.LegacyVersion, nil)
	h.JA3, h.JA4 = ja3(h, specs), ja4(h)
}
