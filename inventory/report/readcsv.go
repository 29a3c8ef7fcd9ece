package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"drawbridge/internal/sheet"
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

// ReadCSV reads an export of the Default columns after people edited it in a spreadsheet, in any form in which those save it
// (package sheet); columns in any order, and all but "id" may be missing. Of the columns it reads id, version and those of
// [inventory.Settings]; the others cannot be set. Values are as they stand in the cells: Planner.Plan makes dates and numbers of
// them. A file beyond 128 MiB or 500,000 rows is refused. Errors are plain sentences, with the line where there is one.
func ReadCSV(r io.Reader) (Sheet, error) {
	content, _, err := sheet.Text(r, maxFile)
	if err != nil {
		return Sheet{}, err
	}
	table, err := sheet.NewReader(content, "id")
	if errors.Is(err, io.EOF) {
		return Sheet{}, errNoID
	}
	if err != nil {
		return Sheet{}, err
	}
	return readSheet(table)
}

var errNoID = errors.New(`the first line has no column "id": take a CSV that this program exported, with its default columns`)

func readSheet(table *sheet.Reader) (Sheet, error) {
	names, ignored, err := readHeader(table.Header())
	if err != nil {
		return Sheet{}, err
	}
	read := Sheet{Ignored: ignored}
	for {
		record, err := table.Next()
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return Sheet{}, err
		}
		row, err := readRow(names, record)
		if err != nil {
			return Sheet{}, err
		}
		if len(read.Rows) == maxRows {
			return Sheet{}, fmt.Errorf("the file has more than %d rows: split it", maxRows)
		}
		read.Rows = append(read.Rows, row)
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
		name := sheet.Name(cell)
		if seen[name] && known[name] {
			return nil, nil, fmt.Errorf("the first line has two columns %q: remove one", name)
		}
		seen[name] = true
		names = append(names, name)
		if name != "" && !known[name] {
			ignored = append(ignored, inventory.Printable(strings.TrimSpace(cell)))
		}
	}
	if !seen["id"] {
		return nil, nil, errNoID
	}
	return names, ignored, nil
}

func readRow(names []string, record sheet.Row) (Row, error) {
	if len(record.Cells) > len(names) {
		return Row{}, fmt.Errorf("line %d has more cells than the first line: put quotes around a cell with separators", record.Line)
	}
	row := Row{Line: record.Line, Values: make(map[string]string, len(inventory.Settings))}
	for i, cell := range record.Cells {
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
func bare(cell string, k kind) string {
	return strings.Clone(strings.TrimSpace(unguard(strings.TrimSpace(cell), k)))
}

// maxFile is the largest file that ReadCSV takes, in bytes: an export of 50,000 devices has a quarter of it.
const maxFile = 128 << 20
