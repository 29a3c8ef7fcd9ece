package records

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/inventory"
)

// values is what differs between the sessions of one device.
type values struct {
	id, port            int
	time, started       time.Time
	duration            int64
	handshake, upstream int64
	from, to            int64
}

// The values that stand in a record before it is a template.
var (
	standInTime    = time.Date(2001, 1, 1, 1, 1, 1, 111e6, time.UTC)
	standInStarted = time.Date(2002, 2, 2, 2, 2, 2, 222e6, time.UTC)
)

const (
	standInPort     = 12321
	standInID       = "@"
	standInNumber   = 987654321
	standInDuration = standInNumber * time.Millisecond
)

// field is something that differs, by its place in a template.
type field struct {
	name   string
	append func(b []byte, v *values) []byte
}

// fields are all that differ, in the order in which a record has them.
func fields() []field {
	number := func(get func(v *values) int64) func([]byte, *values) []byte {
		return func(b []byte, v *values) []byte { return strconv.AppendInt(b, get(v), 10) }
	}
	return []field{
		{"time", func(b []byte, v *values) []byte { return appendTime(b, v.time) }},
		{"session_id", func(b []byte, v *values) []byte {
			b = append(append(append(b, '"'), bridge.Run...), '-')
			return append(strconv.AppendInt(b, int64(v.id), 10), '"')
		}},
		{"source_port", number(func(v *values) int64 { return int64(v.port) })},
		{"started_at", func(b []byte, v *values) []byte { return appendTime(b, v.started) }},
		{"duration_ms", number(func(v *values) int64 { return v.duration })},
		{"handshake_ms", number(func(v *values) int64 { return v.handshake })},
		{"upstream_ms", number(func(v *values) int64 { return v.upstream })},
		{"bytes_from_device", number(func(v *values) int64 { return v.from })},
		{"bytes_to_device", number(func(v *values) int64 { return v.to })},
	}
}

// template is a line without what differs: after each piece comes a field, but after the last.
type template struct {
	pieces []string
	fields []field
}

// newTemplate makes a template of a line that has stand-ins.
func newTemplate(encoded []byte) (*template, error) {
	t, line := &template{}, string(encoded) // the pieces lie one behind the other
	for _, f := range fields() {
		key := `"` + f.name + `":`
		i := strings.Index(line, key)
		if i < 0 {
			continue
		}
		i += len(key)
		length := strings.IndexAny(line[i:], ",}")
		if length < 0 {
			return nil, fmt.Errorf("the record has no end behind %s", f.name)
		}
		t.pieces = append(t.pieces, line[:i])
		t.fields = append(t.fields, f)
		line = line[i+length:]
	}
	t.pieces = append(t.pieces, line)
	return t, nil
}

// append appends the line with v to b.
func (t *template) append(b []byte, v *values) []byte {
	for i, f := range t.fields {
		b = append(b, t.pieces[i]...)
		b = f.append(b, v)
	}
	return append(b, t.pieces[len(t.pieces)-1]...)
}

// appendTime appends RFC 3339 with milliseconds.
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(digits(append(b, '"'), year, 4), '-')
	b = append(digits(b, int(month), 2), '-')
	b = append(digits(b, day, 2), 'T')
	b = append(digits(b, hour, 2), ':')
	b = append(digits(b, minute, 2), ':')
	b = append(digits(b, second, 2), '.')
	return append(digits(b, t.Nanosecond()/1e6, 3), 'Z', '"')
}

func digits(b []byte, n, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; n > 0 && width > 0; i, width = i-1, width-1 {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// encode returns a line as log and journal have it.
func encode(message string, line zapcore.ObjectMarshaler) ([]byte, error) {
	buf, err := zapcore.NewJSONEncoder(inventory.LineEncoding()).
		EncodeEntry(zapcore.Entry{Message: message}, []zapcore.Field{zap.Inline(line)})
	if err != nil {
		return nil, err
	}
	defer buf.Free()
	return bytes.Clone(buf.Bytes()), nil
}
