package inventory

import (
	"slices"
	"time"
)

// Days returns what all devices together did in each day that there is, the oldest first.
func (f *Fold) Days() []Day {
	var sum folded
	if f.together != nil {
		sum.days = slices.Clone(f.together.days)
	}
	for _, d := range f.devices {
		for _, day := range d.days {
			sum.day(day.Day).Add(day)
		}
	}
	for o, n := range f.Opened() {
		if _, over := f.ended[o.Run]; over && n > 0 {
			sum.day(o.Day).AddCut(uint32(n)) //nolint:gosec // sessions of one device and day
		}
	}
	days := make([]Day, len(sum.days))
	for i := range sum.days {
		days[i] = sum.days[i].Shown()
	}
	return days
}

// AddCut adds n sessions that were cut and have no line of their end.
func (d *DayTally) AddCut(n uint32) { d.Outcomes[indexCut] += n }

// Shown returns the day as pages and reports show it.
func (d *DayTally) Shown() Day {
	date := time.Unix(int64(d.Day)*24*60*60, 0).UTC().Format(time.DateOnly)
	day := Day{Date: date, Outcomes: make(Outcomes), Flooded: int64(d.Flooded), TLSVersions: make(map[string]int64),
		Sessions: int64(d.Flooded), BytesFrom: d.BytesFrom, BytesTo: d.BytesTo}
	for i, n := range d.Outcomes {
		if n != 0 {
			day.Outcomes[outcomes[i]] = int64(n)
			day.Sessions += int64(n)
		}
	}
	for i, n := range d.Versions {
		if n != 0 {
			day.TLSVersions[versions[i]] = int64(n)
		}
	}
	return day
}

// Totals returns the figures of the whole, with the devices that Devices returned.
func (f *Fold) Totals(devices []Device) Totals {
	t := Totals{Readiness: map[string]int64{}, Stages: map[Stage]int64{}, Categories: map[Category]int64{},
		Versions: map[string]int64{}, Steps: map[NextStep]int64{}, TurnedAway: f.turnedAway, Sessions: f.elsewhere}
	for i := range devices {
		d := &devices[i]
		t.Sessions += d.Sessions
		if d.Account == Stranger {
			t.Strangers++
			continue
		}
		t.Devices++
		t.Readiness[d.Readiness]++
		t.Stages[d.Stage]++
		t.Categories[d.Category]++
		t.Steps[d.NextStep]++
		if d.TLSVersion != "" {
			t.Versions[d.TLSVersion]++
		}
	}
	return t
}
