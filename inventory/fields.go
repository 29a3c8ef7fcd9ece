package inventory

import (
	"net/netip"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
)

// record writes fields that are left out where there is nothing to tell, and keeps the first error.
type record struct {
	enc    zapcore.ObjectEncoder
	bounds bounds
	err    error
}

// text writes words of our own.
func (r *record) text(key, value string) {
	if value != "" {
		r.enc.AddString(key, value)
	}
}

// name writes a name or id that somebody else chose.
func (r *record) name(key, value string) { r.text(key, r.bounds.name(value)) }

// sentence writes what may quote somebody else.
func (r *record) sentence(key, value string) { r.text(key, r.bounds.sentence(value)) }

func (r *record) flag(key string, value bool) { r.enc.AddBool(key, value) }

func (r *record) count(key string, value int64) {
	if value != 0 {
		r.enc.AddInt64(key, value)
	}
}

func (r *record) millis(key string, d time.Duration) {
	if d != 0 {
		r.enc.AddInt64(key, d.Milliseconds())
	}
}

// timeLayout is RFC 3339 with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

func (r *record) time(key string, t time.Time) {
	if !t.IsZero() {
		r.enc.AddString(key, t.UTC().Format(timeLayout))
	}
}

func (r *record) address(key string, ip netip.Addr) {
	if ip.IsValid() {
		r.enc.AddString(key, PlainAddress(ip).String())
	}
}

func (r *record) version(key string, v hello.Version) {
	if v != 0 {
		r.enc.AddString(key, v.String())
	}
}

func (r *record) object(key string, value zapcore.ObjectMarshaler) {
	if err := r.enc.AddObject(key, value); r.err == nil {
		r.err = err
	}
}

func (r *record) array(key string, value zapcore.ArrayMarshaler) {
	if err := r.enc.AddArray(key, value); r.err == nil {
		r.err = err
	}
}

// words writes words of our own.
type words[T ~string] []T

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (w *words[T]) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, word := range *w {
		enc.AppendString(string(word))
	}
	return nil
}

// helloRecord writes a hello. An extension that was sent without a list in it has an empty one, a list that is cut how many there
// were beside it; ALPN and what only fingerprints need are not part of the record.
type helloRecord struct {
	*hello.Hello
	bounds bounds
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (h *helloRecord) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r := &record{enc: enc, bounds: h.bounds}
	r.text("format", string(h.Format))
	if h.Format == hello.FormatNone {
		return nil
	}
	r.version("record_version", h.RecordVersion)
	r.version("max_version", h.MaxVersion)
	r.name("server_name", h.ServerName)
	for _, list := range []struct {
		key   string
		codes codes
	}{{"suites", h.Suites}, {"groups", h.Groups}, {"signatures", h.Signatures}} {
		if list.codes == nil {
			continue
		}
		n := min(len(list.codes), h.bounds.list())
		r.array(list.key, list.codes[:n])
		if n < len(list.codes) {
			r.count(list.key+"_count", int64(len(list.codes)))
		}
	}
	r.flag("tickets", h.Tickets)
	r.text("ja3", h.JA3)
	r.text("ja4", h.JA4)
	r.flag("direct", h.Direct())
	return r.err
}

// codes writes numbers of the TLS registries as four hex digits each.
type codes []uint16

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (c codes) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	const digits = "0123456789abcdef"
	text := make([]byte, 4)
	for _, n := range c {
		text[0], text[1] = digits[n>>12], digits[n>>8&0xf]
		text[2], text[3] = digits[n>>4&0xf], digits[n&0xf]
		enc.AppendByteString(text)
	}
	return nil
}
