package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxFaults bounds how many faults of one file are kept.
const maxFaults = 1000

// Fault is one mistake in a configuration file.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`    // from 1; 0 when the fault is that of the file as a whole
	Column  int    `json:"column"`  // from 1, in characters; 0 with Line 0
	Key     string `json:"key"`     // such as listeners[0].min_version; empty when the fault lies outside of any key
	Problem string `json:"problem"` // what is wrong
	Mend    string `json:"mend"`    // what to write instead
}

// String tells the fault as one line: where, which key, what is wrong; what to do.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(position(f.File, f.Line, f.Column))
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	b.WriteString(": " + f.Problem)
	if f.Mend != "" {
		b.WriteString("; " + f.Mend)
	}
	return b.String()
}

// Faults are all mistakes of one file, sorted by position; errors.As finds them. Returned as an error they are never
// empty.
type Faults []Fault

// Error tells one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// mistake is what a pure parser of one value says when the value will not do; the reader adds key and position.
type mistake struct {
	problem, mend string
}

func wrong(mend, format string, args ...any) *mistake {
	return &mistake{problem: fmt.Sprintf(format, args...), mend: mend}
}

func position(file string, line, column int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}
