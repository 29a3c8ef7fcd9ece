package journal

import (
	"bytes"
	"encoding/json"
	"errors"

	"drawbridge/inventory"
)

var errNotJSON = errors.New("the line is no JSON, or cut off")

// The beginnings of most lines of a journal and of a log, as a bridge writes them.
var (
	beginsSession  = []byte(`{"msg":"session",`)
	beginsAdmitted = []byte(`{"msg":"admitted",`)
)

// quick reads line if it begins as a bridge writes the lines of sessions: there are so many of them that they are read in
// one pass of our own.
func (p *Parser) quick(line []byte, l *inventory.Line) (done bool, err error) {
	switch {
	case len(line) > maxLine:
		return false, nil
	case bytes.HasPrefix(line, beginsSession):
		*l = inventory.Line{Message: inventory.MessageSession}
	case bytes.HasPrefix(line, beginsAdmitted):
		*l = inventory.Line{Message: inventory.MessageAdmitted}
	default:
		return false, nil
	}
	return true, p.read(line, l, p.session)
}

// read reads the fields of line. It looks at the nesting of values that nothing is made of, and at no more of them.
func (p *Parser) read(line []byte, l *inventory.Line, of *fields) error {
	p.line, of.next = l, 0
	defer func() { p.line, p.at = nil, nil }()
	i := skipSpace(line, 0) + 1 // behind the brace
	for {
		keyAt := skipSpace(line, i)
		keyEnd, ok := skipString(line, keyAt)
		colon := skipSpace(line, keyEnd)
		if !ok || colon >= len(line) || line[colon] != ':' {
			return errNotJSON
		}
		end, err := p.value(of.named(line[keyAt+1:keyEnd-1]), line, skipSpace(line, colon+1))
		if err != nil {
			return err
		}
		i = skipSpace(line, end)
		switch {
		case i < len(line) && line[i] == ',':
			i++
		case i < len(line) && line[i] == '}' && skipSpace(line, i+1) == len(line):
			if l.Time.IsZero() {
				return errNoTime
			}
			return nil
		default:
			return errNotJSON
		}
	}
}

// skipSpace returns where the next token begins.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the offset behind the string that begins at i.
func skipString(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	for from := i + 1; ; {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			return len(b), false
		}
		from += n + 1
		if !escaped(b[i+1 : from-1]) {
			return from, true
		}
	}
}

// escaped reports whether what follows s in a string is escaped: an odd number of backslashes ends s.
func escaped(s []byte) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// skipValue returns the offset behind the value that begins at i.
func skipValue(b []byte, i int) (end int, ok bool) {
	if i >= len(b) {
		return i, false
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ' ' && b[i] != '\t' && b[i] != '\n' && b[i] != '\r' {
		i++
	}
	return i, plainCount(b[start:i]) || json.Valid(b[start:i])
}

// plainCount reports whether b is a number without sign, fraction and exponent, as nearly all numbers of a record are.
func plainCount(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0 && (b[0] != '0' || len(b) == 1)
}

// skipNested returns the offset behind the object or array that begins at i.
func skipNested(b []byte, i int) (end int, ok bool) {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, ok := skipString(b, i)
			if !ok {
				return end, false
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return i, false
}
