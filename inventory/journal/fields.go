package journal

import (
	"bytes"
	"fmt"
	"time"

	"drawbridge/inventory"
)

// known is a field that a line can have and how it is read; read is nil where nothing is made of it.
type known struct {
	name string
	read reading
}

// reading reads the JSON of a value into the parser's line. Of a field that stands twice the first one counts.
type reading = func(p *Parser, l *inventory.Line, raw []byte) error

// field is one that a line can have, and what it was lately.
type field struct {
	known

	// The string, object or array that stood in a line before, and what was read of it. Most fields of most lines are as
	// in the one before.
	raw   []byte
	value string
	again bool // it stands in this line too
}

// fields are those of one kind of line, in the order in which a bridge writes them, so that the next one is found at once.
type fields struct {
	all  []field
	next int // the field that probably comes next
}

// newFields returns the fields that all lines begin with, and those that follow.
func newFields(others ...known) *fields {
	all := []field{{known: known{"msg", nil}},
		{known: known{"time", momentOf(func(l *inventory.Line) *time.Time { return &l.Time })}},
		{known: known{"bridge", nameOf(func(l *inventory.Line) *string { return &l.Bridge })}},
		{known: known{"run", nameOf(func(l *inventory.Line) *string { return &l.Run })}}}
	for _, k := range others {
		all = append(all, field{known: k})
	}
	return &fields{all: all}
}

// named returns the field of that name, nil for one that is not known. It looks for it from behind the last one on.
func (fs *fields) named(key []byte) *field {
	for range fs.all {
		f := &fs.all[fs.next]
		if fs.next++; fs.next == len(fs.all) {
			fs.next = 0
		}
		if f.name == string(key) {
			return f
		}
	}
	return nil
}

// maxRepeated bounds field.raw, in bytes.
const maxRepeated = 1 << 10

// repeats reports whether b begins with the value of a line before, which then ends where it ended there. It returns
// how long that is.
func (f *field) repeats(b []byte) (length int, ok bool) {
	f.again = len(f.raw) > 0 && bytes.HasPrefix(b, f.raw)
	return len(f.raw), f.again
}

// keep remembers what was read of raw. A number does not tell where it ends and is not kept.
func (f *field) keep(raw []byte, value string) {
	f.raw, f.value = f.raw[:0], ""
	if len(raw) <= maxRepeated && (raw[0] == '"' || raw[0] == '{' || raw[0] == '[') {
		f.raw, f.value = append(f.raw, raw...), value
	}
}

// value takes the value that begins at i, and returns where it ends. f is nil for a field that is not known.
func (p *Parser) value(f *field, line []byte, i int) (end int, err error) {
	if f == nil {
		return endOf(line, i)
	}
	if length, ok := f.repeats(line[i:]); ok {
		end = i + length
	} else if end, err = endOf(line, i); err != nil {
		return end, err
	}
	if f.read == nil {
		if !f.again {
			f.keep(line[i:end], "")
		}
		return end, nil
	}
	p.at = f
	if err := f.read(p, p.line, line[i:end]); err != nil {
		return end, fmt.Errorf("field %s: %w", f.name, err)
	}
	return end, nil
}

func endOf(line []byte, i int) (int, error) {
	end, ok := skipValue(line, i)
	if !ok {
		return end, errNotJSON
	}
	return end, nil
}
