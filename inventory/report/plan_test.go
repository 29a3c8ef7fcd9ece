package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

// parseSetting takes what the inventory would.
func parseSetting(key, value string) (string, error) {
	switch key {
	case inventory.KeyDeadline:
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return "", errors.New("deadline: not a date like 2027-03-01")
		}
	case inventory.KeyStage, inventory.KeyCategory, inventory.KeyPriority:
		return strings.ToLower(value), nil
	case inventory.KeyCost:
		if strings.Trim(value, "0123456789.") != "" {
			return "", errors.New("cost: not a number")
		}
	}
	return value, nil
}

func planner(devices []inventory.Device, takeNew bool) report.Planner {
	current := make(map[string]inventory.Device, len(devices))
	for _, device := range devices {
		current[device.ID] = device
	}
	return report.Planner{Current: current, Parse: parseSetting, Import: takeNew}
}

// exportOf exports devices and reads them back.
func exportOf(t *testing.T, devices []inventory.Device) []report.Row {
	t.Helper()
	var out bytes.Buffer
	if err := report.CSV(&out, slices.Values(devices), report.CSVOptions{}); err != nil {
		t.Fatal(err)
	}
	sheet, err := report.ReadCSV(&out)
	if err != nil {
		t.Fatal(err)
	}
	return sheet.Rows
}

// TestPlan edits one cell of one device's row; "now" is what was set here since the export.
func TestPlan(t *testing.T) {
	base := fleet()[0] // deadline 2026-11-01, cost 1200.50, category set, stage warn set
	guessed := fleet()[2]
	tests := []struct {
		name     string
		device   inventory.Device
		key      string
		cell     string
		now      func(*inventory.Device)
		change   string // old>new
		conflict string // theirs|ours
		fault    string
	}{
		{name: "edited", device: base, key: "owner", cell: "IT", change: "Facilities>IT"},
		{name: "emptied", device: base, key: "owner", cell: "", change: "Facilities>"},
		{name: "changed here only", device: base, key: "owner", cell: "Facilities", now: func(d *inventory.Device) { d.Owner = "IT" }},
		{name: "changed on both sides", device: base, key: "owner", cell: "IT", now: func(d *inventory.Device) { d.Owner = "HR" },
			conflict: "IT|HR"},
		{name: "changed to the same", device: base, key: "owner", cell: "HR", now: func(d *inventory.Device) { d.Owner = "HR" }},
		{name: "another key changed here", device: base, key: "owner", cell: "IT", now: func(d *inventory.Device) { d.Note = "x" },
			change: "Facilities>IT"},
		{name: "a date rewritten by Excel", device: base, key: "deadline", cell: "01.11.2026"},
		{name: "a date rewritten by Excel in the USA", device: base, key: "deadline", cell: "11/1/2026"},
		{name: "a date rewritten by Excel in Britain", device: base, key: "deadline", cell: "01/11/2026"},
		{name: "a date with a time", device: base, key: "deadline", cell: "2026-11-01 00:00:00"},
		{name: "another date", device: base, key: "deadline", cell: "1.3.2027", change: "2026-11-01>2027-03-01"},
		{name: "another date of one meaning", device: base, key: "deadline", cell: "3/31/2027", change: "2026-11-01>2027-03-31"},
		{name: "a date of two meanings", device: base, key: "deadline", cell: "3/1/2027", fault: "may mean 2027-01-03 or 2027-03-01"},
		{name: "a date of one meaning for two orders", device: base, key: "deadline", cell: "3/3/2027", change: "2026-11-01>2027-03-03"},
		{name: "no date", device: base, key: "deadline", cell: "46327", fault: "not a date"},
		{name: "a year of two digits", device: base, key: "deadline", cell: "01.03.27", fault: "not a date"},
		{name: "a cost without its zero", device: base, key: "cost", cell: "1200.5"},
		{name: "a cost with a comma", device: base, key: "cost", cell: "1200,5"},
		{name: "a cost with both", device: base, key: "cost", cell: "1.300,00", change: "1200.50>1300.00"},
		{name: "a cost of millions", device: base, key: "cost", cell: "1,300,000", change: "1200.50>1300000"},
		{name: "a cost of two meanings", device: base, key: "cost", cell: "1,300", fault: "may mean 1300 or 1.3000"},
		{name: "no cost", device: base, key: "cost", cell: "a lot", fault: "not a number"},
		{name: "upper case", device: base, key: "stage", cell: "WARN"},
		{name: "a guess that is another now", device: guessed, key: "category", cell: "custom_application",
			now: func(d *inventory.Device) { d.Category = "medical" }},
		{name: "a guess corrected", device: guessed, key: "category", cell: "medical", change: ">medical"},
		{name: "a guess emptied", device: guessed, key: "category", cell: ""},
		{name: "a set category emptied", device: base, key: "category", cell: "", change: "printer_scanner>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := exportOf(t, []inventory.Device{test.device})
			rows[0].Values[test.key] = test.cell
			current := test.device
			if test.now != nil {
				test.now(&current)
			}
			change, conflict, fault := planned(planner([]inventory.Device{current}, false).Plan(rows))
			if change != test.change || conflict != test.conflict || !strings.Contains(fault, test.fault) || (fault == "") != (test.fault == "") {
				t.Errorf("change %q, conflict %q, fault %q", change, conflict, fault)
			}
		})
	}
}

func planned(plan report.Plan) (change, conflict, fault string) {
	for _, c := range plan.Changes {
		change += c.Old + ">" + c.New
	}
	for _, c := range plan.Conflicts {
		conflict += c.Theirs + "|" + c.Ours
	}
	for _, f := range plan.Faults {
		fault += f.Problem
	}
	return change, conflict, fault
}

func TestPlanOfRows(t *testing.T) {
	devices := fleet()[:3]
	devices[2].MergedIDs = []string{"10.9.9.9/old"}
	exported := exportOf(t, devices)
	withVersion := func(id, version string) report.Row {
		return report.Row{Line: 9, ID: id, Version: version, Values: map[string]string{"owner": "X"}}
	}
	tests := []struct {
		name string
		rows []report.Row
		want string
	}{
		{"no id", []report.Row{withVersion("", "")}, "The id is missing."},
		{"unknown", []report.Row{withVersion("10.0.0.99/x", "")}, "The inventory has no such device."},
		{"merged", []report.Row{withVersion("10.9.9.9/old", "")}, "merged into 10.20.9.4/tickets"},
		{"twice", []report.Row{exported[0], exported[0]}, "Line 2 has the same id"},
		{"sorted in part", []report.Row{withVersion(devices[0].ID, exported[1].Version)}, "only a part of the columns sorted?"},
		{"new, but no device", []report.Row{{Line: 9, ID: "scanner1"}}, "The id is not an address or MAC"},
		{"version edited", []report.Row{withVersion(devices[0].ID, "v1.0")}, "not what was exported"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan := planner(devices, test.name == "new, but no device").Plan(test.rows)
			if _, _, fault := planned(plan); !strings.Contains(fault, test.want) || len(plan.Faults) != 1 || len(plan.Changes) != 0 {
				t.Errorf("%+v", plan)
			}
		})
	}
}

func TestPlanTakesNewDevices(t *testing.T) {
	rows := []report.Row{{Line: 2, ID: "10.0.0.99/x", Values: map[string]string{"owner": "IT", "note": ""}}}
	plan := planner(nil, true).Plan(rows)
	want := report.Plan{New: []string{"10.0.0.99/x"}, Changes: []report.Change{{Line: 2, ID: "10.0.0.99/x", Key: "owner", New: "IT"}}}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("%+v", plan)
	}
	ids, values := plan.Values()
	if fmt.Sprint(ids, values) != "[10.0.0.99/x] map[10.0.0.99/x:map[owner:IT]]" {
		t.Errorf("%v %v", ids, values)
	}
}

func TestPlanWithoutVersionTakesEveryDifference(t *testing.T) {
	devices := fleet()[:1]
	rows := []report.Row{{Line: 2, ID: devices[0].ID, Values: map[string]string{"owner": "IT", "note": devices[0].Note}}}
	change, conflict, fault := planned(planner(devices, false).Plan(rows))
	if change != "Facilities>IT" || conflict != "" || fault != "" {
		t.Errorf("change %q, conflict %q, fault %q", change, conflict, fault)
	}
}

// TestPlanReadsDatesAsTheSheetWritesThem holds that dates which nobody edited tell the order of those which somebody did.
func TestPlanReadsDatesAsTheSheetWritesThem(t *testing.T) {
	tests := []struct {
		name, untouched string // 2027-03-01 as the sheet wrote it
		order           report.DateOrder
		change, fault   string
	}{
		{name: "USA", untouched: "3/1/2027", change: "2026-11-01>2027-05-04"},
		{name: "Britain", untouched: "01/03/2027", change: "2026-11-01>2027-04-05"},
		{name: "as told", untouched: "2027-03-01", order: report.DayFirst, change: "2026-11-01>2027-04-05"},
		{name: "told nowhere", untouched: "2027-03-01", fault: "write which"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			devices := fleet()[:2]
			rows := exportOf(t, devices)
			rows[0].Values["deadline"], rows[1].Values["deadline"] = "5/4/2027", test.untouched
			p := planner(devices, false)
			p.Dates = test.order
			change, conflict, fault := planned(p.Plan(rows))
			if change != test.change || conflict != "" || !strings.Contains(fault, test.fault) || (fault == "") != (test.fault == "") {
				t.Errorf("change %q, conflict %q, fault %q", change, conflict, fault)
			}
		})
	}
}

func TestPlanOfAnUntouchedExportIsEmpty(t *testing.T) {
	for _, separator := range []rune{',', ';', '\t'} {
		var out bytes.Buffer
		if err := report.CSV(&out, slices.Values(fleet()), report.CSVOptions{Separator: separator}); err != nil {
			t.Fatal(err)
		}
		sheet, err := report.ReadCSV(&out)
		if err != nil {
			t.Fatal(err)
		}
		if plan := planner(fleet(), false).Plan(sheet.Rows); !reflect.DeepEqual(plan, report.Plan{}) {
			t.Errorf("%q: %+v", separator, plan)
		}
	}
}

func BenchmarkReadAndPlan(b *testing.B) {
	devices := many(50_000)
	var out bytes.Buffer
	if err := report.CSV(&out, slices.Values(devices), report.CSVOptions{}); err != nil {
		b.Fatal(err)
	}
	p := planner(devices, false)
	b.ReportAllocs()
	b.SetBytes(int64(out.Len()))
	for b.Loop() {
		sheet, err := report.ReadCSV(bytes.NewReader(out.Bytes()))
		if err != nil || len(p.Plan(sheet.Rows).Faults) > 0 {
			b.Fatal(err)
		}
	}
}
