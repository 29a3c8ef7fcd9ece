package report_test

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func TestReadCSV(t *testing.T) {
	tests := map[string]string{
		"comma":          "id,owner,note\r\na/b,IT,\"x, \"\"y\"\"\"\r\n",
		"semicolon":      "id;owner;note\na/b;IT;\"x, \"\"y\"\"\"\n",
		"tab":            "id\towner\tnote\na/b\tIT\t\"x, \"\"y\"\"\"",
		"mark":           "\ufeffid,owner,note\r\na/b,IT,\"x, \"\"y\"\"\"\r\n",
		"separator line": "sep=;\r\nid;owner;note\r\na/b;IT;\"x, \"\"y\"\"\"",
		"old Mac":        "id,owner,note\ra/b,IT,\"x, \"\"y\"\"\"\r",
		"moved columns":  "Note , OWNER ,mine,ID\n\"x, \"\"y\"\"\",IT,hello,a/b\n,,,\n",
		"UTF-16":         utf16Text("id\towner\tnote\r\na/b\tIT\t\"x, \"\"y\"\"\"\r\n"),
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			sheet, err := report.ReadCSV(strings.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			if len(sheet.Rows) != 1 {
				t.Fatalf("rows %+v", sheet.Rows)
			}
			row := sheet.Rows[0]
			if row.ID != "a/b" || row.Values["owner"] != "IT" || row.Values["note"] != `x, "y"` || len(row.Values) != 2 {
				t.Errorf("row %+v", row)
			}
		})
	}
}

func utf16Text(s string) string {
	b := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

func TestReadCSVWindows1252(t *testing.T) {
	sheet, err := report.ReadCSV(strings.NewReader("id;owner\r\na/b;M\xfcller \x80\r\n"))
	if err != nil || sheet.Rows[0].Values["owner"] != "Müller €" {
		t.Errorf("%+v, %v", sheet, err)
	}
}

func TestReadCSVTellsLines(t *testing.T) {
	sheet, err := report.ReadCSV(strings.NewReader("sep=,\nid,note\na/b,\"one\ntwo\"\nc/d,three\n"))
	if err != nil || len(sheet.Rows) != 2 || sheet.Rows[0].Line != 3 || sheet.Rows[1].Line != 5 {
		t.Errorf("%+v, %v", sheet, err)
	}
}

func TestReadCSVTellsColumnsItIgnores(t *testing.T) {
	sheet, err := report.ReadCSV(strings.NewReader("id,deadlin,\x1b[0m,sessions\n"))
	if err != nil || strings.Join(sheet.Ignored, "|") != `deadlin|\u001b[0m` {
		t.Errorf("%q, %v", sheet.Ignored, err)
	}
}

func TestReadCSVRefuses(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"nothing", "", `the first line has no column "id"`},
		{"no id", "name,owner\nx,y\n", `the first line has no column "id"`},
		{"two columns of one name", "id,owner,Owner\n", `two columns "owner"`},
		{"too many cells", "id,note\na/b,x\nc/d,x,y\n", "line 3 has more cells"},
		{"open quote", "id,note\na/b,\"x\nc/d,y\n", "begins in line 2"},
		{"bare quote", "id,note\na/b,x\"y\n", "line 2"},
		{"a workbook", "PK\x03\x04\x00\x00id,owner", "not a text file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := report.ReadCSV(strings.NewReader(test.content))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestRoundTrip exports hostile devices and reads the same settings back, as they were shown.
func TestRoundTrip(t *testing.T) {
	for _, separator := range []rune{',', ';', '\t'} {
		var out bytes.Buffer
		if err := report.CSV(&out, slices.Values(fleet()), report.CSVOptions{Separator: separator}); err != nil {
			t.Fatal(err)
		}
		sheet, err := report.ReadCSV(&out)
		if err != nil {
			t.Fatal(err)
		}
		want := fleet()
		checkVersions(t, sheet, want)
		if separator == ';' { // where decimals have a comma
			want[0].Cost = "1200,50"
		}
		checkRoundTrip(t, sheet, want)
	}
}

func checkRoundTrip(t *testing.T, sheet report.Sheet, devices []inventory.Device) {
	t.Helper()
	if len(sheet.Rows) != len(devices) || len(sheet.Ignored) > 0 {
		t.Fatalf("%d rows for %d devices, ignored %q", len(sheet.Rows), len(devices), sheet.Ignored)
	}
	for i, device := range devices {
		row := sheet.Rows[i]
		if row.ID != shownCell(device.ID) {
			t.Errorf("row %q of device %q", row.ID, device.ID)
		}
		for key, want := range map[string]string{"owner": device.Owner, "note": device.Note, "deadline": device.Deadline,
			"cost": device.Cost, "priority": device.Priority, "category": string(device.Category), "stage": string(device.Stage)} {
			if got := row.Values[key]; got != shownCell(want) {
				t.Errorf("%s: %s is %q, want %q", device.ID, key, got, shownCell(want))
			}
		}
	}
}

func checkVersions(t *testing.T, sheet report.Sheet, devices []inventory.Device) {
	t.Helper()
	for i, device := range devices {
		if got := sheet.Rows[i].Version; got != report.Version(device) {
			t.Errorf("version %q of device %q", got, device.ID)
		}
	}
}

func shownCell(s string) string { return strings.TrimSpace(inventory.Printable(s)) }

func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{"id,owner\na/b,IT\n", "sep=;\nid;cost\nx;1,5", "\xff\xfei\x00d\x00", "id\t\"note\"\r\n\"a\"\t'=1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		sheet, err := report.ReadCSV(bytes.NewReader(content))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error %q", err)
			}
			return
		}
		planner(nil, true).Plan(sheet.Rows)
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("a/b", "IT", "note", "1200.50", "2027-03-01")
	f.Add("=1", "'=1", "''＝1", "'", "\ufeff=1\r\n")
	f.Add(" '-", "\x80 +", "1,5", "007", "3/1/2027")
	f.Add("'007", "''1,5", "x;=1", "'-1,'-2", "a, '+,;'@,")
	f.Fuzz(func(t *testing.T, id, owner, note, cost, deadline string) {
		device := inventory.Device{ID: id, Owner: owner, Note: note, Cost: cost, Deadline: deadline}
		if shownCell(id) == "" {
			return
		}
		var out bytes.Buffer
		if err := report.CSV(&out, slices.Values([]inventory.Device{device}), report.CSVOptions{}); err != nil {
			t.Fatal(err)
		}
		sheet, err := report.ReadCSV(&out)
		if err != nil {
			t.Fatal(err)
		}
		if sheet.Rows[0].ID != shownCell(id) {
			t.Fatalf("id %q came back as %q", id, sheet.Rows[0].ID)
		}
		checkRoundTrip(t, sheet, []inventory.Device{device})
		checkVersions(t, sheet, []inventory.Device{device})
	})
}

// FuzzUntouched holds that whatever devices are set to, importing an export that nobody edited changes nothing.
func FuzzUntouched(f *testing.F) {
	f.Add("IT", "note", "1200.50", "2027-03-01", byte(0))
	f.Add("'=1", "''＝1", "1.300", "3/1/2027", byte(1))
	f.Add("'007", "''1,5;'=2", "x,=1", "-1,'-2", byte(0))
	f.Add("\x80 +", "1,5", "1,300", "01.02.03", byte(2))
	f.Fuzz(func(t *testing.T, owner, note, cost, deadline string, separator byte) {
		devices := []inventory.Device{{ID: "10.0.0.1/x", Owner: owner, Note: note, Cost: cost, Deadline: deadline,
			Stage: inventory.StageWarn, Category: inventory.CategoryMedical}}
		var out bytes.Buffer
		options := report.CSVOptions{Separator: []rune{',', ';', '\t'}[separator%3]}
		if err := report.CSV(&out, slices.Values(devices), options); err != nil {
			t.Fatal(err)
		}
		sheet, err := report.ReadCSV(&out)
		if err != nil {
			t.Fatal(err)
		}
		if plan := planner(devices, false).Plan(sheet.Rows); !reflect.DeepEqual(plan, report.Plan{}) {
			t.Errorf("%+v", plan)
		}
	})
}
