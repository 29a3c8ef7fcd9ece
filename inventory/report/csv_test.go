package report_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func TestCSV(t *testing.T) {
	tests := map[string]report.CSVOptions{
		"fleet.csv":            {},
		"fleet-semicolon.csv":  {Separator: ';'},
		"fleet-servicenow.csv": {Columns: report.ServiceNow},
		"fleet-lansweeper.csv": {Columns: report.Lansweeper},
	}
	for name, options := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.CSV(&out, slices.Values(fleet()), options); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
			if !strings.HasPrefix(out.String(), "\ufeff") {
				t.Error("no byte order mark")
			}
			if strings.Count(out.String(), "\n") != strings.Count(out.String(), "\r\n") {
				t.Error("lines do not end in CRLF")
			}
		})
	}
}

func TestCSVRefusesOptions(t *testing.T) {
	for _, options := range []report.CSVOptions{{Columns: "excel"}, {Separator: '"'}, {Separator: 'x'}} {
		if err := report.CSV(&bytes.Buffer{}, slices.Values([]inventory.Device(nil)), options); err == nil {
			t.Errorf("%+v is taken", options)
		}
	}
}

// TestNoFormulas looks at each cell as a spreadsheet does: what begins a formula, also behind spaces and quotes that
// some imports strip, and in the parts that one makes of it which expects another separator.
func TestNoFormulas(t *testing.T) {
	for _, columns := range []report.Columns{report.Default, report.ServiceNow, report.Lansweeper} {
		for _, row := range readAll(t, fleet(), report.CSVOptions{Columns: columns}) {
			for _, cell := range row {
				for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(",;\t", r) }) {
					bare := strings.TrimLeft(part, " \"\u00a0")
					if bare != "" && strings.ContainsAny(bare[:1], "=+-@\t\r") || strings.HasPrefix(bare, "＝") {
						t.Errorf("%s: cell %q is a formula", columns, cell)
					}
				}
			}
		}
	}
}

func readAll(t testing.TB, devices []inventory.Device, options report.CSVOptions) [][]string {
	t.Helper()
	var out bytes.Buffer
	if err := report.CSV(&out, slices.Values(devices), options); err != nil {
		t.Fatal(err)
	}
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff")))
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestWordsStayWords holds that spreadsheets do not read words as numbers or dates, and numbers stay numbers.
func TestWordsStayWords(t *testing.T) {
	device := inventory.Device{ID: "10.0.0.1/007", Source: "10.0.0.1", Account: "007", Owner: "1-2", Note: "1e5",
		Cost: "12.50", Deadline: "2027-03-01", TLSVersion: "1.2", Sessions: 7}
	rows := readAll(t, []inventory.Device{device}, report.CSVOptions{})
	want := map[string]string{"id": "10.0.0.1/007", "source": "10.0.0.1", "account": "'007", "owner": "'1-2", "note": "'1e5",
		"cost": "12.50", "deadline": "2027-03-01", "tls_version": "TLS 1.2", "sessions": "7", "bridged": "0"}
	for name, cell := range want {
		if i := slices.Index(rows[0], name); rows[1][i] != cell {
			t.Errorf("%s is %q, want %q", name, rows[1][i], cell)
		}
	}
}

// TestRegistersLeaveStrangersOut, and not what is not served.
func TestRegistersLeaveStrangersOut(t *testing.T) {
	for columns, want := range map[report.Columns]int{report.Default: 8, report.ServiceNow: 7, report.Lansweeper: 7} {
		if rows := readAll(t, fleet(), report.CSVOptions{Columns: columns}); len(rows) != want {
			t.Errorf("%s has %d lines, want %d", columns, len(rows), want)
		}
	}
}
