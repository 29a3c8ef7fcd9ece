package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

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
