// Package sheet reads tables as people save them from Excel and its kind: CSV with commas, semicolons or tabs, with or without
// a line sep=; in front, in UTF-8, UTF-16 or Windows-1252, with empty columns at the end.
//
// It follows RFC 4180 where programs do.
package sheet

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is what is wrong with one line of a table.
type Fault struct {
	Line int // the first one of the file is 1
	Err  error
}

// Error says what is wrong, after the line.
func (f *Fault) Error() string { return fmt.Sprintf("line %d: %v", f.Line, f.Err) }

// Unwrap returns what is wrong without the line.
func (f *Fault) Unwrap() error { return f.Err }

// Row is one line of a table, which may be several of the file.
type Row struct {
	Line  int      // where it begins in the file
	Cells []string // as they stand there, at least as many as it has; empty ones beyond the header are left out
}

// Reader reads one table from its header on. It is for one goroutine.
type Reader struct {
	in     *csv.Reader
	before int // lines taken off the top
	header []string
}

// NewReader reads the header of a table in text, which Text has read. key is the Name of a column that it should have: the
// separator is the one that makes most columns, that one among them if any separator shows it. An error says that there is no
// first line that can be read.
func NewReader(text, key string) (*Reader, error) {
	r := &Reader{}
	if first, rest, _ := strings.Cut(text, "\n"); isSeparatorLine(first) {
		text, r.before = rest, 1
	}
	r.in = csv.NewReader(strings.NewReader(text))
	r.in.Comma, r.in.FieldsPerRecord = separatorOf(text, key), -1
	row, err := r.read()
	if err != nil {
		return nil, err
	}
	r.header = withoutTail(row.Cells, 0)
	return r, nil
}

// Header is the first line's cells as they stand there, less empty ones at the end.
func (r *Reader) Header() []string { return r.header }

// Name is a column's name, of its cell in the header: blanks and case do not count.
func Name(cell string) string { return strings.ToLower(strings.TrimSpace(cell)) }

// Next returns the next line that has any text. At the end the error is io.EOF; a *Fault is of one line, and the next one can be
// asked for.
func (r *Reader) Next() (Row, error) {
	for {
		row, err := r.read()
		if err != nil {
			return Row{}, err
		}
		if slices.ContainsFunc(row.Cells, hasText) {
			row.Cells = withoutTail(row.Cells, len(r.header))
			return row, nil
		}
	}
}

func (r *Reader) read() (Row, error) {
	cells, err := r.in.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return Row{}, r.fault(bad)
	}
	if err != nil {
		return Row{}, err
	}
	line, _ := r.in.FieldPos(0)
	return Row{Line: line + r.before, Cells: cells}, nil
}

// fault says where a file is no CSV, with the line as an editor counts it.
func (r *Reader) fault(bad *csv.ParseError) *Fault {
	f := &Fault{Line: bad.Line + r.before, Err: bad.Err}
	if errors.Is(bad.Err, csv.ErrQuote) && bad.StartLine != bad.Line {
		f.Err = fmt.Errorf("a quoted cell that begins in line %d does not end well: %w", bad.StartLine+r.before, bad.Err)
	}
	return f
}

// withoutTail cuts cells without text off the end, but for the first few.
func withoutTail(cells []string, keep int) []string {
	for len(cells) > keep && !hasText(cells[len(cells)-1]) {
		cells = cells[:len(cells)-1]
	}
	return cells
}

func hasText(cell string) bool { return strings.TrimSpace(cell) != "" }

// isSeparatorLine reports whether a line is the one by which some programs tell Excel the separator.
func isSeparatorLine(line string) bool {
	return len(line) <= len("sep=;")+2 && strings.HasPrefix(strings.ToLower(strings.Trim(line, `"`)), "sep=")
}

// separatorOf takes the separator that makes the most columns of the first line, one that shows key before any other.
func separatorOf(text, key string) rune {
	const withKey = 1 << 20 // more than any line has columns that people could fill in
	best, most := ',', 0
	for _, separator := range []rune{',', ';', '\t'} {
		in := csv.NewReader(strings.NewReader(text))
		in.Comma, in.FieldsPerRecord = separator, -1
		header, err := in.Read()
		if err != nil {
			continue
		}
		columns := len(header)
		if slices.ContainsFunc(header, func(cell string) bool { return Name(cell) == key }) {
			columns += withKey
		}
		if columns > most {
			best, most = separator, columns
		}
	}
	return best
}
