package vendors

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The files of Debian's package ieee-data. The last one is no longer kept by the IEEE and may be missing.
var files = [...]struct {
	name     string
	optional bool
}{{"oui.csv", false}, {"mam.csv", false}, {"oui36.csv", false}, {"iab.csv", true}}

const (
	maxFile       = 16 << 20 // bytes of one file; the largest of 2022 has 3 MB
	maxName       = 80       // characters of a vendor's name
	leastPrefixes = 10_000   // a registry with fewer prefixes was cut: that of 2022 has 46,000
)

// Read makes a registry of the files oui.csv, mam.csv, oui36.csv and, where it is there, iab.csv in the folder dir. It
// reads 16 MiB of each at most. Lines that are none of the register's are skipped; files that together hold
// fewer than 10,000 prefixes are an error, for they are not whole.
func Read(dir string) (*Registry, error) {
	date, err := Dated(dir)
	if err != nil {
		return nil, err
	}
	var all []assignment
	for _, f := range files {
		if all, err = readFile(filepath.Join(dir, f.name), all); err != nil && !(f.optional && errors.Is(err, os.ErrNotExist)) {
			return nil, err
		}
	}
	r := compile(date, all)
	if r.Len() < leastPrefixes {
		return nil, fmt.Errorf("%s has %d vendors' prefixes and should have %d at least: install the package ieee-data anew",
			dir, r.Len(), leastPrefixes)
	}
	return r, nil
}

// Dated returns the date of the files in the folder dir: the newest modification time, to the second. It opens none of them.
func Dated(dir string) (time.Time, error) {
	var newest time.Time
	for _, f := range files {
		info, err := os.Stat(filepath.Join(dir, f.name))
		if errors.Is(err, os.ErrNotExist) && f.optional {
			continue
		}
		if err != nil {
			return time.Time{}, err
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest.UTC().Truncate(time.Second), nil
}

func readFile(name string, all []assignment) ([]assignment, error) {
	f, err := os.Open(name)
	if err != nil {
		return all, err
	}
	defer f.Close()
	if all, err = readCSV(f, all); err != nil {
		return all, fmt.Errorf("read %s: %w", name, err)
	}
	return all, nil
}

// readCSV adds the assignments of one register to all. Its lines are "registry,assignment,name,address".
func readCSV(r io.Reader, all []assignment) ([]assignment, error) {
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	lines := csv.NewReader(limited)
	lines.FieldsPerRecord = -1
	lines.LazyQuotes = true
	lines.ReuseRecord = true
	for {
		fields, err := lines.Read()
		if limited.N <= 0 || len(all) > maxPrefixes {
			return all, fmt.Errorf("it is longer than %d MiB", maxFile>>20)
		}
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if a, ok := parse(fields); ok {
			all = append(all, a)
		}
	}
}

// parse reads a line. It drops the ones that name no vendor: holders who pay for being private, and the blocks that
// the IEEE keeps to divide them.
func parse(fields []string) (assignment, bool) {
	if len(fields) < 3 {
		return assignment{}, false
	}
	digits, known := digitsOf[fields[0]]
	if !known || len(fields[1]) != digits {
		return assignment{}, false
	}
	prefix, err := strconv.ParseUint(fields[1], 16, 64)
	if err != nil {
		return assignment{}, false
	}
	name := OneLine(fields[2], maxName)
	if name == "" || name == "Private" || name == "IEEE Registration Authority" {
		return assignment{}, false
	}
	return assignment{bits: 4 * digits, prefix: prefix, name: name}, true
}

// digitsOf is how many hexadecimal digits a register's assignments have.
var digitsOf = map[string]int{"MA-L": 6, "MA-M": 7, "MA-S": 9, "IAB": 9}

// OneLine makes of what a stranger says one line of printable characters, cut at most characters. Control
// characters, escape sequences' starts, direction marks and broken UTF-8 become spaces; runs of spaces become one.
// It reads no more of s than it needs. HTML and formulas stay: those who show the text escape it.
func OneLine(s string, most int) string {
	var b strings.Builder
	gap := false
	for count := 0; s != "" && count < most; {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		if r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			gap = false
			if count++; count == most {
				break
			}
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}
