package inventory

import (
	"net/netip"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
)

// record writes fields that are left out where there is nothing to tell, and keeps the first error.
type record struct {
	enc zapcore.ObjectEncoder
	err error
}

// text writes words of our own.
func (r *record) text(key, value string) {
	if value != "" {
		r.enc.AddString(key, value)
	}
}

// name writes a name or id that somebody else chose.
func (r *record) name(key, value string) { r.text(key, Printable(cut(value, maxName))) }

// sentence writes what may quote somebody else.
func (r *record) sentence(key, value string) { r.text(key, Printable(cut(value, maxSentence))) }

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
