package report

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"drawbridge/inventory"
)

// maxRows is how many rows a file may have.
const maxRows = 500_000

// Row is one row of an export that was read back.
type Row struct {
	Line   int // in the file, the first line being 1
	ID     string
	Values map[string]string // by [inventory.Settings], for the columns that the file has; an empty cell is ""
	// Version is what Version told at the export; empty where the file has no such column or cell.
	Version string
}

// Sheet is a file that was read back.
type Sheet struct {
	Rows    []Row
	Ignored []string // headers of columns that the export does not have: people's own, or misspelled
}

// ReadCSV reads an export of the Default columns after people edited it in a spreadsheet: cells separated by commas,
// semicolons or tabs, whichever the header shows; UTF-8, UTF-16 or Windows-1252; columns in any order, and all but "id"
// may be missing. Of the columns it reads id, version and those of [inventory.Settings]; the others cannot be set.
// Rows without any text are skipped. Values are as they stand in the cells: Planner.Plan makes dates and numbers of
// them. A file beyond 128 MiB or 500,000 rows is refused. Errors are plain sentences, with the line where there is one.
func ReadCSV(r io.Reader) (Sheet, error) {
	content, err := readText(r, maxFile)
	if err != nil {
		return Sheet{}, err
	}
	before := 0 // lines taken off the top
	if first, rest, _ := strings.Cut(content, "\n"); isSeparatorLine(first) {
		content, before = rest, 1
	}
	separator, err := findSeparator(content)
	if err != nil {
		return Sheet{}, err
	}
	in := csv.NewReader(strings.NewReader(content))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = separator, -1, true
	return readSheet(in, before)
}

// isSeparatorLine reports whether a line is the one by which some programs tell Excel the separator.
func isSeparatorLine(line string) bool {
	return len(line) <= len("sep=;")+2 && strings.HasPrefix(strings.ToLower(strings.Trim(line, `"`)), "sep=")
}

// findSeparator takes the separator which makes the most columns of the first line, one of them being "id".
func findSeparator(content string) (rune, error) {
	best, most := rune(0), 0
	for _, separator := range []rune{',', ';', '\t'} {
		in := csv.NewReader(strings.NewReader(content))
		in.Comma, in.FieldsPerRecord = separator, -1
		header, err := in.Read()
		if err != nil {
			continue
		}
		if slices.ContainsFunc(header, func(cell string) bool { return columnName(cell) == "id" }) && len(header) > most {
			best, most = separator, len(header)
		}
	}
	if best == 0 {
		return 0, errors.New(`the first line has no column "id": take a CSV that this program exported, with its default columns`)
	}
	return best, nil
}

func columnName(cell string) string { return strings.ToLower(strings.TrimSpace(cell)) }

func readSheet(in *csv.Reader, before int) (Sheet, error) {
	header, err := in.Read()
	if err != nil {
		return Sheet{}, parseError(err, before)
	}
	names, ignored, err := readHeader(header)
	if err != nil {
		return Sheet{}, err
	}
	sheet := Sheet{Ignored: ignored}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return sheet, nil
		}
		if err != nil {
			return Sheet{}, parseError(err, before)
		}
		if !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue
		}
		line, _ := in.FieldPos(0)
		row, err := readRow(names, cells, line+before)
		if err != nil {
			return Sheet{}, err
		}
		if len(sheet.Rows) == maxRows {
			return Sheet{}, fmt.Errorf("the file has more than %d rows: split it", maxRows)
		}
		sheet.Rows = append(sheet.Rows, row)
	}
}

// readHeader returns the columns' names, and which of them an export does not have.
func readHeader(header []string) (names, ignored []string, err error) {
	known := make(map[string]bool)
	for _, c := range Default.columns() {
		known[c.name] = true
	}
	seen := make(map[string]bool, len(header))
	for _, cell := range header {
		name := columnName(cell)
		if seen[name] && known[name] {
			return nil, nil, fmt.Errorf("the first line has two columns %q: remove one", name)
		}
		seen[name] = true
		names = append(names, name)
		if name != "" && !known[name] {
			ignored = append(ignored, inventory.Printable(strings.TrimSpace(cell)))
		}
	}
	return names, ignored, nil
}

func readRow(names, cells []string, line int) (Row, error) {
	row := Row{Line: line, Values: make(map[string]string, len(inventory.Settings))}
	for i, cell := range cells {
		cell = strings.TrimSpace(cell)
		if i >= len(names) {
			if cell == "" {
				continue
			}
			return Row{}, fmt.Errorf("line %d has more cells than the first line: put quotes around a cell with separators", line)
		}
		switch name := names[i]; {
		case name == "id":
			row.ID = bare(cell, plain)
		case name == "version":
			row.Version = bare(cell, text)
		case slices.Contains(inventory.Settings[:], name):
			row.Values[name] = bare(cell, settingKind(name))
		}
	}
	return row, nil
}

// bare is the text of a cell. It is copied: cells of a row are pieces of one string, most of which nobody needs.
func bare(cell string, k kind) string { return strings.Clone(strings.TrimSpace(unguard(cell, k))) }

// parseError says where a file is not a CSV, with the line as an editor counts it.
func parseError(err error, before int) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return fmt.Errorf("read the CSV: %w", err)
	}
	if errors.Is(err, csv.ErrQuote) && parse.StartLine != parse.Line {
		return fmt.Errorf("line %d: a quoted cell that begins in line %d does not end well: %w",
			parse.Line+before, parse.StartLine+before, parse.Err)
	}
	return fmt.Errorf("line %d: %w", parse.Line+before, parse.Err)
}

// maxFile is the largest file that ReadCSV takes: an export of 50,000 devices has a quarter of it.
const maxFile = 128 << 20

// readText reads r to its end as what spreadsheets write: UTF-8, UTF-16 with a byte order mark ("Unicode text"), or, if
// it is not valid UTF-8, Windows-1252. Line ends become LF.
func readText(r io.Reader, limit int64) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	if int64(len(raw)) > limit {
		return "", fmt.Errorf("the file has more than %d MiB: split it", limit>>20)
	}
	text := decode(raw)
	if strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("this is not a text file: save the sheet as CSV (UTF-8)")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.ReplaceAll(text, "\r", "\n"), nil
}

func decode(raw []byte) string {
	switch {
	case bytes.HasPrefix(raw, []byte(byteOrderMark)):
		raw = raw[len(byteOrderMark):]
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
		return decodeUTF16(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return decodeUTF16(raw[2:], binary.BigEndian)
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	return decode1252(raw)
}

func decodeUTF16(raw []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

// decode1252 reads Windows-1252, which is Latin-1 but for 0x80 to 0x9f (the WHATWG's table: the five bytes that are
// none stand for themselves).
func decode1252(raw []byte) string {
	const high = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	table := []rune(high)
	var b strings.Builder
	b.Grow(len(raw) + len(raw)/16)
	for _, c := range raw {
		if c >= 0x80 && c <= 0x9f {
			b.WriteRune(table[c-0x80])
			continue
		}
		b.WriteRune(rune(c))
	}
	return b.String()
}
