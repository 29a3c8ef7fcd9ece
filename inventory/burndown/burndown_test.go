package burndown_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
)

var now = time.Date(2027, 3, 10, 9, 0, 0, 0, time.UTC)

func day(date string) time.Time {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return t
}

// fleet is one device of each kind.
func fleet() []inventory.Device {
	served, refused := day("2027-02-20"), day("2027-03-20")
	device := func(account, first, last, deadline string) inventory.Device {
		d := inventory.Device{ID: "10.20.3.7/" + account, Account: account, Stage: inventory.StageBridge, Deadline: deadline}
		if first != "" {
			d.FirstSeen, d.LastSeen = day(first), day(last)
		}
		return d
	}
	blocked := device("blocked", "2026-12-01", "2027-03-10", "2027-02-15")
	blocked.Stage, blocked.LastServed = inventory.StageBlock, &served
	never := device("never-served", "2027-03-01", "2027-03-09", "")
	never.Stage = inventory.StageBlock
	byRule := device("by-rule", "2027-01-05", "2027-03-09", "2027-12-31")
	byRule.Outlook = &inventory.Outlook{Stage: inventory.StageWarn, BlockFrom: &refused}
	return []inventory.Device{
		device("undated", "2020-01-01", "2027-03-10", ""), // from before all that is shown
		device("overdue", "2026-12-01", "2027-03-10", "2027-02-01"),
		device("today", "2027-01-01", "2027-03-10", "2027-03-10"),
		device("quiet", "2027-01-01", "2027-02-01", "2027-06-30"),
		device("imported", "", "", "2027-06-30"),
		byRule, blocked, never,
		{ID: "10.20.3.8/-", Account: inventory.Stranger, FirstSeen: day("2027-01-01"), LastSeen: now},
	}
}

func of(devices ...inventory.Device) *burndown.Burndown {
	b := burndown.New(now)
	for i := range devices {
		b.Add(&devices[i])
	}
	b.End()
	return b
}

func TestBurndown_CountsPlanAndWhatWasSeen(t *testing.T) {
	b := of(fleet()...)
	if b.Open != 6 || b.Overdue != 1 || b.Undated != 1 || b.Quiet != 1 || b.Unmet != 1 || b.Blocked != 2 || b.Left != 2 || b.Planned() != 5 {
		t.Errorf("got %+v", b)
	}
	ahead := []burndown.Step{{"2027-03-10", 1, 5}, {"2027-03-20", 1, 4}, {"2027-06-30", 2, 2}}
	if !slices.Equal(b.Ahead, ahead) || b.Last() != "2027-06-30" {
		t.Errorf("ahead: %+v, want %+v", b.Ahead, ahead)
	}
	past := []burndown.Point{
		{"2026-02-03", 1, 1},                       // 400 days back
		{"2026-12-01", 3, 3},                       // overdue, blocked
		{"2027-01-01", 5, 5}, {"2027-01-05", 6, 6}, // today, quiet; by-rule
		{"2027-02-02", 5, 5},                       // overdue should have gone, quiet has
		{"2027-02-16", 4, 5}, {"2027-02-21", 4, 4}, // blocked should have gone, and had
		{"2027-03-10", 4, 4},
	}
	if !slices.Equal(b.Past, past) {
		t.Errorf("past: %+v\nwant  %+v", b.Past, past)
	}
	for date, want := range map[string]burndown.Point{
		"2026-01-01": {"2026-01-01", 0, 0}, "2027-01-01": {"2027-01-01", 5, 5}, "2027-02-18": {"2027-02-18", 4, 5}, "2028-01-01": {"2028-01-01", 4, 4},
	} {
		if got := b.On(date); got != want {
			t.Errorf("on %s: %+v, want %+v", date, got, want)
		}
	}
}

// TestBurndown_DaysAreThoseOfTheZone: just after midnight in Auckland it is still the day before in UTC.
func TestBurndown_DaysAreThoseOfTheZone(t *testing.T) {
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	b := burndown.New(time.Date(2027, 3, 10, 0, 30, 0, 0, auckland))
	b.Add(&inventory.Device{Account: "fax1", Deadline: "2027-03-09", FirstSeen: now, LastSeen: now})
	b.End()
	if b.Today != "2027-03-10" || b.Overdue != 1 {
		t.Errorf("today is %s, %d overdue", b.Today, b.Overdue)
	}
}

func TestSentences_AreEarned(t *testing.T) {
	all := fleet()
	for name, c := range map[string]struct {
		devices []inventory.Device
		want    string
	}{
		"none":     {nil, ""},
		"stranger": {all[8:], ""},
		"blocked":  {all[6:8], ""},
		"undated": {all[:1], "1 device is on the bridge today; none has a date to leave by. " +
			"No date is to come: give devices a deadline, or a rule block_from."},
		"in time": {all[2:3], "1 device is on the bridge today, none past its date. " +
			"When the last date to come, 2027-03-10, has passed and every one was kept, none is left."},
		"all": {all, "6 devices are on the bridge today; by the plan it should be 5, since 1 has not left by its date. " +
			"1 of them was not seen for 30 days and may have left. " +
			"When the last date to come, 2027-06-30, has passed and every one was kept, 2 are left: 1 past the date, 1 without a date."},
	} {
		if got := strings.Join(of(c.devices...).Sentences(), " "); got != c.want {
			t.Errorf("%s: %q\nwant %q", name, got, c.want)
		}
	}
}

// TestBurndown_RefusedWithoutADateHasLeftAsPlanned: nobody wrote down when it should go.
func TestBurndown_RefusedWithoutADateHasLeftAsPlanned(t *testing.T) {
	served := day("2027-02-20")
	b := of(inventory.Device{Account: "fax1", Stage: inventory.StageBlock, FirstSeen: day("2027-02-01"), LastSeen: now, LastServed: &served})
	want := []burndown.Point{{"2027-02-01", 1, 1}, {"2027-02-21", 0, 0}, {"2027-03-10", 0, 0}}
	if !slices.Equal(b.Past, want) {
		t.Errorf("got %+v, want %+v", b.Past, want)
	}
}
