package report_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

// berlin is the zone that the plan of ahead is made in.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// ahead are devices that differ in what the rules make of them now and next, each turn at midnight in Berlin.
func ahead(t *testing.T) []inventory.Device {
	at := func(month time.Month, date int) time.Time { return time.Date(2027, month, date, 0, 0, 0, 0, berlin(t)) }
	outlooks := []*inventory.Outlook{
		nil,
		{Stage: inventory.StageWarn, Rule: "rules[1]"},
		{Stage: inventory.StageWarn, Rule: "rules[1]", Next: &inventory.Turn{At: at(3, 1), Stage: inventory.StageBlock, Rule: "rules[2]"}},
		{Stage: inventory.StageBridge, WouldStage: inventory.StageWarn, Rule: "rules[1]", Next: &inventory.Turn{At: at(3, 1),
			Stage: inventory.StageBridge, WouldStage: inventory.StageBlock, Rule: "rules[2]"}},
		{Stage: inventory.StageBridge, Rule: "default", Next: &inventory.Turn{At: at(1, 15), Stage: inventory.StageBridge,
			Upstream: "online", Moves: true, Rule: "rules[0]"}},
		{Stage: inventory.StageBlock, Rule: "device"},
	}
	devices := make([]inventory.Device, len(outlooks))
	for i, o := range outlooks {
		source := fmt.Sprintf("10.0.0.%d", i)
		devices[i] = inventory.Device{ID: source + "/fax", Source: source, Account: "fax", Stage: inventory.StageBrownout, TLSVersion: "1.0",
			Readiness: "legacy", NextStep: inventory.StepReplace, Owner: "Facilities", Deadline: "2027-06-01", LastSeen: day(11, 24), Outlook: o}
	}
	return devices
}

func TestCSV_TellsStageNowAndNext(t *testing.T) {
	rows := readAll(t, ahead(t), report.CSVOptions{})
	first := slices.Index(rows[0], "category_set") + 1
	want := [][]string{
		{"stage_now", "next_stage", "next_stage_at", "next_stage_rule", "next_upstream"},
		{"", "", "", "", ""},
		{"warn", "", "", "", ""},
		{"warn", "block", "2027-02-28T23:00:00Z", "rules[2]", ""},
		{"bridge (dry run of warn)", "bridge (dry run of block)", "2027-02-28T23:00:00Z", "rules[2]", ""},
		{"bridge", "bridge", "2027-01-14T23:00:00Z", "rules[0]", "online"},
		{"block", "", "", "", ""},
	}
	for i, row := range rows {
		if got := row[first : first+len(want[0])]; !slices.Equal(got, want[i]) {
			t.Errorf("line %d: got %q, want %q", i+1, got, want[i])
		}
		if stage := row[slices.Index(rows[0], "stage")]; i > 0 && stage != "brownout" {
			t.Errorf("line %d: the column that can be set says %q", i+1, stage)
		}
	}
}

// TestReadCSV_TakesNothingOfThePlan: whatever stands in its columns sets nothing, and they are no columns of people's own.
func TestReadCSV_TakesNothingOfThePlan(t *testing.T) {
	devices := ahead(t)
	var out bytes.Buffer
	if err := report.CSV(&out, slices.Values(devices), report.CSVOptions{}); err != nil {
		t.Fatal(err)
	}
	edited := strings.ReplaceAll(out.String(), "rules[2]", "rules[7]")
	edited = strings.ReplaceAll(edited, "2027-02-28T23:00:00Z", "01.04.2027")
	sheet, err := report.ReadCSV(strings.NewReader(edited))
	if err != nil || len(sheet.Ignored) > 0 || len(sheet.Rows) != len(devices) {
		t.Fatalf("%d rows, ignored %q: %v", len(sheet.Rows), sheet.Ignored, err)
	}
	if plan := planner(devices, false).Plan(sheet.Rows); len(plan.Changes)+len(plan.Conflicts)+len(plan.Faults)+len(plan.New) > 0 {
		t.Errorf("an import would do %+v", plan)
	}
}

func TestTable_TellsStageNowAndNext(t *testing.T) {
	var out bytes.Buffer
	if err := report.Table(&out, ahead(t), 0); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"STAGE     NEXT                         DEADLINE ",
		"brownout                               2027",
		"warn                                   2027",
		"warn      block 2027-03-01             2027",
		"bridge    dry run of block 2027-03-01  2027",
		"bridge    to online 2027-01-15         2027",
		"block                                  2027",
	}
	for i, line := range slices.Collect(strings.Lines(out.String())) {
		if !strings.Contains(line, "  "+want[i]) {
			t.Errorf("line %q lacks %q", line, want[i])
		}
	}
}

// TestTable_NextGoesBeforeStage holds what a narrow terminal is shown of it, down to the least.
func TestTable_NextGoesBeforeStage(t *testing.T) {
	for width, want := range map[int]string{
		0:   "SERVED STAGE NEXT OWNER SESSIONS",
		144: "SERVED STAGE NEXT OWNER SESSIONS",
		122: "SERVED STAGE NEXT",
		113: "SERVED STAGE",
		74:  "",
	} {
		devices := ahead(t)
		devices[0].NotServed = true
		devices[2].Outlook.Next.Upstream = "exchange-online-of-the-other-tenant"
		var out bytes.Buffer
		if err := report.Table(&out, devices, width); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(out.String(), "\n")
		var shown []string
		for _, column := range []string{"SERVED", "STAGE", "NEXT", "OWNER", "SESSIONS"} {
			if slices.Contains(strings.Fields(strings.ReplaceAll(head, "NEXT STEP", "")), column) {
				shown = append(shown, column)
			}
		}
		if got := strings.Join(shown, " "); got != want {
			t.Errorf("at %d cells: %q, want %q: %s", width, got, want, head)
		}
		for i, line := range slices.Collect(strings.Lines(out.String()))[:len(devices)+1] {
			if n := len([]rune(line)) - 1; width > 0 && n > width {
				t.Errorf("at %d cells line %d has %d: %q", width, i+1, n, line)
			}
		}
	}
}

func TestTable_NextIsLeftOutWhereNothingComes(t *testing.T) {
	var out bytes.Buffer
	if err := report.Table(&out, ahead(t)[:2], 0); err != nil {
		t.Fatal(err)
	}
	if head, _, _ := strings.Cut(out.String(), "\n"); strings.Contains(strings.ReplaceAll(head, "NEXT STEP", ""), "NEXT") {
		t.Errorf("nothing comes next, and there is a column for it: %s", head)
	}
}

func TestHTML_TellsStageNowAndNextInTheReportsZone(t *testing.T) {
	r := hospital(ahead(t))
	r.Zone = berlin(t)
	page := render(t, r)
	for cell, times := range map[string]int{ // in the timeline, where what is blocked is not, and in the appendix
		`<td class="w">brownout</td>`:                                    2,
		`<td class="w">warn</td>`:                                        2,
		`<td class="w">warn<small>then block on 2027-03-01</small></td>`: 2,
		`<td class="w">bridge (dry run of warn)<small>then dry run of block on 2027-03-01</small></td>`: 2,
		`<td class="w">bridge<small>then to online on 2027-01-15</small></td>`:                          2,
		`<td class="w">block</td>`: 1,
	} {
		if n := strings.Count(page, cell); n != times {
			t.Errorf("%s stands there %d times, want %d", cell, n, times)
		}
	}
	r.Zone = time.UTC
	if page := render(t, r); !strings.Contains(page, "then block on 2027-02-28") {
		t.Error("in UTC midnight in Berlin is the day before")
	}
}

// TestHTML_CountsByTheStageThatHoldsNow: what the rules block by now depends no more, whatever its latest session was told.
func TestHTML_CountsByTheStageThatHoldsNow(t *testing.T) {
	devices := ahead(t)
	for i := range devices {
		devices[i].TLSVersions = []inventory.VersionUse{{Version: "1.0", Sessions: 1, FirstSeen: day(3, 1), LastSeen: day(11, 24)}}
	}
	devices[1].Stage, devices[2].Stage = inventory.StageBlock, inventory.StageBlock // and warn by now
	page := render(t, hospital(devices))
	for _, sentence := range []string{"5 devices depend on the bridge", "3 devices are failing", "1 device is blocked by now."} {
		if !strings.Contains(page, sentence) {
			t.Errorf("the page does not say %q", sentence)
		}
	}
	if n := strings.Count(page, "ended: blocked"); n != 1 {
		t.Errorf("the weak encryption of %d devices has ended, want that of one", n)
	}
}

func TestLansweeper_HasTheStageThatHoldsNow(t *testing.T) {
	rows := readAll(t, ahead(t), report.CSVOptions{Columns: report.Lansweeper})
	stage := slices.Index(rows[0], "Custom5")
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[stage])
	}
	if want := []string{"brownout", "warn", "warn", "bridge", "bridge", "block"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
