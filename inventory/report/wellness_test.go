package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

// TestHTMLSaysThatAllIsWellOnlyWhereItIs builds the fleets of which something is wrong, and some of which nothing is.
func TestHTMLSaysThatAllIsWellOnlyWhereItIs(t *testing.T) {
	seen, before := day(11, 24), day(11, 1)
	fax := func(change func(*inventory.Device)) inventory.Device {
		d := inventory.Device{ID: "10.0.0.1/fax", Source: "10.0.0.1", Account: "fax", Stage: inventory.StageBridge, Owner: "IT",
			Deadline: "2027-03-01", Readiness: "ready", Blockers: []string{}, TLSVersion: "1.2", LastSeen: seen, LastServed: &seen, Sessions: 1}
		change(&d)
		return d
	}
	stranger := inventory.Device{ID: "10.0.0.2/-", Source: "10.0.0.2", Account: inventory.Stranger, LastSeen: seen,
		Stage: inventory.StageBridge}
	unserved := stranger
	unserved.NotServed = true
	well := fax(func(*inventory.Device) {})
	blocked := fax(func(d *inventory.Device) { d.Stage, d.LastServed = inventory.StageBlock, &before })
	overdue := fax(func(d *inventory.Device) { d.Deadline = "2026-11-23" })
	failing := fax(func(d *inventory.Device) { d.LastServed = &before })
	never := fax(func(d *inventory.Device) { d.LastServed = nil })
	undated := fax(func(d *inventory.Device) { d.Deadline = "" })
	unowned := fax(func(d *inventory.Device) { d.Owner = "" })
	late := unserved
	late.Deadline = "2026-11-23"
	tests := map[string]struct {
		fleet  []inventory.Device
		says   string
		clear  bool
		others int64 // devices of which the report is not
	}{
		"no device":                   {nil, "No device has connected yet.", false, 0},
		"strangers only":              {[]inventory.Device{stranger}, "No device has logged in yet.", false, 0},
		"not served only":             {[]inventory.Device{unserved}, "1 source is not served", false, 0},
		"not served beside":           {[]inventory.Device{well, unserved}, "1 source is not served", false, 0},
		"blocked, and one not served": {[]inventory.Device{blocked, unserved}, "cannot be raised before", false, 0},
		"overdue":                     {[]inventory.Device{overdue}, "1 device is past its deadline", false, 0},
		"a stranger's overdue":        {[]inventory.Device{well, late}, "1 device is past its deadline", false, 0},
		"failing":                     {[]inventory.Device{failing}, "1 device is failing: its latest", false, 0},
		"never served":                {[]inventory.Device{never}, "1 device is failing: its latest", false, 0},
		"without a date":              {[]inventory.Device{undated}, "1 device has no deadline", false, 0},
		"unowned":                     {[]inventory.Device{unowned}, "Nobody owns 1.", false, 0},
		"well":                        {[]inventory.Device{well, stranger}, "1 is free to go", true, 0},
		"a selection of blocked": {[]inventory.Device{blocked},
			"This report is of a selection: 1 of the 3 rows of the inventory.", false, 2},
		"a selection that is well": {[]inventory.Device{well}, "1 is free to go", false, 1},
		"all blocked":              {[]inventory.Device{blocked}, "1 device is blocked by now. It can be raised.", true, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			whole := inventory.Totals{Devices: int64(len(test.fleet)) + test.others}
			page := render(t, report.Report{Now: now(), Devices: test.fleet, Totals: whole})
			if !strings.Contains(page, test.says) {
				t.Errorf("the page does not say %q", test.says)
			}
			clear := strings.Contains(page, "It can be raised.") || strings.Contains(page, "no deadline has passed")
			if clear != test.clear {
				t.Errorf("that all is well is said: %v, want %v", clear, test.clear)
			}
			if wrong := strings.Index(page, "past its deadline"); wrong > 0 && wrong > strings.Index(page, "No device used encryption weaker") {
				t.Error("what is well stands before what is overdue")
			}
		})
	}
}

// TestCSV_OfWhatIsNotServedIsReadBack: the column says it, people set what they will, and the column is none of theirs.
func TestCSV_OfWhatIsNotServedIsReadBack(t *testing.T) {
	rows := readAll(t, fleet(), report.CSVOptions{})
	column := -1
	for i, name := range rows[0] {
		if name == "not_served" {
			column = i
		}
	}
	if last := rows[len(rows)-1]; column < 0 || last[0] != "10.20.8.8/-" || last[column] != "yes" || rows[1][column] != "no" {
		t.Fatalf("column %d of %q", column, rows)
	}
	var out bytes.Buffer
	if err := report.CSV(&out, slices.Values(fleet()), report.CSVOptions{}); err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(out.String(), "Ward 4 <new>", "Ward 5", 1)
	sheet, err := report.ReadCSV(strings.NewReader(edited))
	if err != nil || len(sheet.Ignored) != 0 {
		t.Fatalf("ignored %q, %v", sheet.Ignored, err)
	}
	current := make(map[string]inventory.Device)
	for _, d := range fleet() {
		current[d.ID] = d
	}
	plan := report.Planner{Current: current, Parse: func(_, value string) (string, error) { return value, nil }, Import: true}.Plan(sheet.Rows)
	if len(plan.Faults)+len(plan.New)+len(plan.Conflicts) != 0 || len(plan.Changes) != 1 || plan.Changes[0].New != "Ward 5" {
		t.Errorf("%+v", plan)
	}
}
