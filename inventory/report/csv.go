package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strings"

	"drawbridge/inventory"
)

// byteOrderMark makes Excel read a file as UTF-8.
const byteOrderMark = "\ufeff"

// CSVOptions are the choices of a CSV. The zero value is what Excel opens where the comma separates lists.
type CSVOptions struct {
	Columns   Columns // empty: Default
	Separator rune    // ',', ';' for Excel where decimals have a comma, or '\t'; 0: ','
}

// CSV writes devices to w, in the order given: UTF-8 with a byte order mark, lines ended by CRLF, numbers without
// separators of thousands, dates as 2027-03-01 and times as RFC 3339 in UTC. A cell which a spreadsheet would calculate, or
// take words for a number or a date in, begins with an apostrophe, which ReadCSV takes away again. It streams: memory does
// not grow with the number of devices. Errors are those of w and of options that are none.
func CSV(w io.Writer, devices iter.Seq[inventory.Device], o CSVOptions) error {
	columns := o.Columns.columns()
	if columns == nil {
		return fmt.Errorf("there is no set of columns %q: take %s, %s or %s", string(o.Columns), Default, ServiceNow, Lansweeper)
	}
	out, err := newCSVWriter(w, o.Separator)
	if err != nil {
		return err
	}
	cells := make([]string, len(columns))
	for i := range columns {
		cells[i] = columns[i].name
	}
	out.Write(cells) // errors stay in out and are told at its end
	for d := range devices {
		if !o.Columns.has(&d) {
			continue
		}
		for j := range columns {
			cells[j] = o.cell(&columns[j], &d)
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("write the devices as CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the devices as CSV: %w", err)
	}
	return nil
}

// cell writes one cell. Where semicolons separate cells, decimals have a comma: there Excel takes 12.50 for a month.
func (o CSVOptions) cell(c *column, d *inventory.Device) string {
	value := inventory.Printable(c.value(d))
	if _, number := cents(value); number && o.Separator == ';' && strings.EqualFold(c.name, inventory.KeyCost) {
		value = strings.Replace(value, ".", ",", 1)
	}
	return guard(value, c.kind)
}

func newCSVWriter(w io.Writer, separator rune) (*csv.Writer, error) {
	switch separator {
	case 0:
		separator = ','
	case ',', ';', '\t':
	default:
		return nil, fmt.Errorf("%q does not separate cells: take a comma, a semicolon or a tab", separator)
	}
	buffered := bufio.NewWriter(w)
	buffered.WriteString(byteOrderMark)
	out := csv.NewWriter(buffered) // takes buffered itself for its own buffer, so its Flush reaches w
	out.Comma, out.UseCRLF = separator, true
	return out, nil
}
