package inventory

import (
	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
)

// helloRecord writes a hello. An extension that was sent without a list in it has an empty one; ALPN and what only
// fingerprints need are not part of the record.
type helloRecord hello.Hello

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (h *helloRecord) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r := &record{enc: enc}
	r.text("format", string(h.Format))
	if h.Format == hello.FormatNone {
		return nil
	}
	r.version("record_version", h.RecordVersion)
	r.version("max_version", h.MaxVersion)
	r.name("server_name", h.ServerName)
	for _, list := range []struct {
		key   string
		codes *[]uint16
	}{{"suites", &h.Suites}, {"groups", &h.Groups}, {"signatures", &h.Signatures}} {
		if *list.codes != nil {
			r.array(list.key, (*codes)(list.codes))
		}
	}
	r.flag("tickets", h.Tickets)
	r.text("ja3", h.JA3)
	r.text("ja4", h.JA4)
	r.flag("direct", (*hello.Hello)(h).Direct())
	return r.err
}

// codes writes numbers of the TLS registries as four hex digits each.
type codes []uint16

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (c *codes) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	const digits = "0123456789abcdef"
	text := make([]byte, 4)
	for _, n := range *c {
		text[0], text[1] = digits[n>>12], digits[n>>8&0xf]
		text[2], text[3] = digits[n>>4&0xf], digits[n&0xf]
		enc.AppendByteString(text)
	}
	return nil
}
