package hello

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// greaseStandIn is what a key has in place of any GREASE value.
const greaseStandIn = 0x0a0a

// Key returns 32 hex digits that are equal for hellos that tell the same, and only for them: a key for caches and
// for counting. The session id, its length included, tells nothing, nor does it which GREASE values were drawn,
// since both change from one connection of a device to its next. The key of a nil hello is empty.
//
// It is computed at each call.
func (h *Hello) Key() string {
	if h == nil {
		return ""
	}
	text := make([]byte, 0, 512)
	text = appendText(text, string(h.Format))
	text = append(text, h.flags())
	text = binary.BigEndian.AppendUint16(text, uint16(h.RecordVersion))
	text = binary.BigEndian.AppendUint16(text, uint16(h.LegacyVersion))
	text = appendNumbers(text, h.Versions)
	text = appendNumbers(text, h.Suites)
	text = appendNumbers(text, h.V2Kinds)
	text = appendNumbers(text, h.Groups)
	text = appendNumbers(text, h.Signatures)
	text = appendNumbers(text, h.PointFormats)
	text = appendNumbers(text, h.Extensions)
	text = appendNumbers(text, h.Compressions)
	text = appendText(text, h.ServerName)
	text = binary.BigEndian.AppendUint32(text, uint32(len(h.ALPN)))
	for _, name := range h.ALPN {
		text = appendText(text, name)
	}
	// JA3 alone keeps the order between suites and kinds of an SSLv2-format hello, and its lack marks a broken one.
	text = appendText(text, h.JA3)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// flags packs what a hello says by yes or no.
func (h *Hello) flags() (b byte) {
	for i, set := range []bool{h.Tickets, h.FallbackSCSV, h.RenegotiationInfo,
		h.Groups == nil, h.Signatures == nil, h.Versions == nil, h.Extensions == nil} {
		if set {
			b |= 1 << i
		}
	}
	return b
}

func appendText(text []byte, s string) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(s)))
	return append(text, s...)
}

func appendNumbers[T ~uint8 | ~uint16 | ~uint32](text []byte, list []T) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(list)))
	for _, n := range list {
		if n := uint32(n); n <= 0xffff && IsGREASE(uint16(n)) {
			text = binary.BigEndian.AppendUint32(text, greaseStandIn)
			continue
		}
		text = binary.BigEndian.AppendUint32(text, uint32(n))
	}
	return text
}
