package burndown_test

import (
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
)

func TestLines_StepAtTheirDays(t *testing.T) {
	b := of(fleet()...)
	axes := burndown.Axes{X: func(date string) float64 { return float64(burndown.Days(b.First(), date)) }, Y: func(n int) float64 { return float64(10 - n) },
		Last: b.Horizon()}
	l := b.Lines(axes)
	if b.First() != "2026-02-03" || b.Horizon() != "2027-07-14" {
		t.Errorf("from %s to %s", b.First(), b.Horizon())
	}
	for name, c := range map[string]struct{ path, begin, end string }{
		"planned":  {l.Planned, "M0 9H301V7", "H383V6H400V6"},
		"seen":     {l.Seen, "M0 9H301V7", "H383V6H400V6"},
		"forecast": {l.Forecast, "M400 4H400V5H410V6", "H512V8H526"},
	} {
		if !strings.HasPrefix(c.path, c.begin) || !strings.HasSuffix(c.path, c.end) {
			t.Errorf("%s: %s, want %s … %s", name, c.path, c.begin, c.end)
		}
	}
}

// TestLines_FarAndYoungFleets: a deadline of 2099 must not squeeze the rest, and a fleet of today has room to the left.
func TestLines_FarAndYoungFleets(t *testing.T) {
	far := of(inventory.Device{Account: "fax1", Stage: inventory.StageBridge, Deadline: "2099-12-31", FirstSeen: now, LastSeen: now})
	if far.First() != "2027-03-03" || far.Horizon() != "2030-03-10" {
		t.Errorf("from %s to %s", far.First(), far.Horizon())
	}
	if empty := of(); empty.First() != "2027-03-03" || empty.Horizon() != "2027-06-08" || empty.Last() != "" {
		t.Errorf("of nothing: from %s to %s", empty.First(), empty.Horizon())
	}
	if burndown.Days("2027-03-01", "soon") != 0 {
		t.Error("soon is a date")
	}
}
