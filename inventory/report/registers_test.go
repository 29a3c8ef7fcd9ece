package report_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

// asset is a device of which people set what asset registers know.
func asset() inventory.Device {
	return inventory.Device{ID: "10.20.3.7/scanner1", Source: "10.20.3.7", Account: "scanner1", Description: "RICOH of some kind",
		Readiness: "legacy", Deadline: "2027-03-01", Location: "Ward 3", Model: "MP C3003", AssetTag: "00417", Ticket: "CHG0031337"}
}

// cells are the cells of the one row of a CSV, by column.
func cells(t *testing.T, columns report.Columns, d inventory.Device) map[string]string {
	t.Helper()
	var out bytes.Buffer
	if err := report.CSV(&out, slices.Values([]inventory.Device{d}), report.CSVOptions{Columns: columns}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	found := make(map[string]string)
	for i, name := range rows[0] {
		found[name] = rows[1][i]
	}
	return found
}

func TestRegisters_HaveWhatPeopleSet(t *testing.T) {
	t.Parallel()
	for columns, want := range map[report.Columns]map[string]string{
		report.ServiceNow: {"location": "Ward 3", "model_id": "MP C3003", "asset_tag": "00417"},
		report.Lansweeper: {"Location": "Ward 3", "Model": "MP C3003", "Custom6": "2027-03-01", "Custom8": "00417", "Custom9": "CHG0031337"},
	} {
		got := cells(t, columns, asset())
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: %s is %q, want %q", columns, name, got[name], value)
			}
		}
	}
	if got := cells(t, report.ServiceNow, asset())["short_description"]; !strings.HasSuffix(got, "; ticket CHG0031337") {
		t.Errorf("short_description is %q, without the ticket", got)
	}
	plain := asset()
	plain.Model = ""
	if got := cells(t, report.Lansweeper, plain)["Model"]; got != plain.Description {
		t.Errorf("without a model Model is %q, want what the device says of itself", got)
	}
}

// TestRegisters_AreDocumented: people rename the register's free fields by the page.
func TestRegisters_AreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/registers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, columns := range []report.Columns{report.ServiceNow, report.Lansweeper} {
		for name := range cells(t, columns, asset()) {
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/registers.md does not tell of %s's column %s", columns, name)
			}
		}
	}
}

// TestPlan_ReadsVersionsOfEarlierExports: what the new columns have is a difference, and the rest keeps its conflicts.
func TestPlan_ReadsVersionsOfEarlierExports(t *testing.T) {
	t.Parallel()
	d := inventory.Device{ID: "10.20.3.7/scanner1", Stage: "bridge", Category: "unknown", Owner: "Radiology"}
	const exported = "v1.yi7vc.6vtfo.l34bd.6imuz.zr6fr.dvdpj.xyh4u.wbry3" // when the owner was Radiology
	plan := func(values map[string]string) report.Plan {
		rows := []report.Row{{Line: 2, ID: d.ID, Version: exported, Values: values}}
		return report.Planner{Current: map[string]inventory.Device{d.ID: d}, Parse: inventory.ParseSetting}.Plan(rows)
	}
	if got := plan(map[string]string{"owner": "Radiology", "stage": "bridge", "location": ""}); len(got.Faults)+len(got.Changes) > 0 {
		t.Errorf("an untouched row comes to %+v", got)
	}
	if got := plan(map[string]string{"location": "Ward 3"}); len(got.Changes) != 1 || got.Changes[0].New != "Ward 3" {
		t.Errorf("a location comes to %+v", got)
	}
	d.Owner = "IT"
	if got := plan(map[string]string{"owner": "Facilities"}); len(got.Conflicts) != 1 {
		t.Errorf("an owner that was changed on both sides comes to %+v", got)
	}
}
