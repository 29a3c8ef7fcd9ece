package web

import (
	"math"
	"slices"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
)

func TestPlotDays_StaysInsideAndSumsUp(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	days := []inventory.Day{
		{Date: "2026-11-20", TLSVersions: map[string]int64{"1.0": 700, "1.2": 300, "none": 5}},
		{Date: "2026-11-24", TLSVersions: map[string]int64{"1.3": 1}},
		{Date: "2020-01-01", TLSVersions: map[string]int64{"1.0": 9}}, // too old to be seen
		{Date: "2026-11-23", TLSVersions: map[string]int64{"1.0": -5}},
	}
	p := plotDays(days, 30, now)
	if len(p.Bars) != 4 || len(p.Legend) != 4 {
		t.Fatalf("%d bars and %d words, want 4 and 4: %+v", len(p.Bars), len(p.Legend), p.Bars)
	}
	for _, b := range p.Bars {
		if b.X < plotLeft || b.X+b.Width > plotWidth+0.1 || b.Y < plotTop-0.1 || b.Y+b.Height > plotHeight-plotBottom+0.2 {
			t.Errorf("a bar leaves the picture: %+v", b)
		}
	}
	if ratio := p.Bars[0].Height / p.Bars[1].Height; math.Abs(ratio-7.0/3) > 0.05 {
		t.Errorf("700 sessions are drawn %.2f times as high as 300", ratio)
	}
	if p.Bars[0].Title != "2026-11-20: 700 sessions with TLS 1.0" || p.Bars[0].Class != "v-1-0" {
		t.Errorf("the first bar is %+v", p.Bars[0])
	}
	if p := plotDays(nil, 400, now); !p.Empty || len(p.Bars) != 0 {
		t.Error("no days make a plot")
	}
}

func TestRoundStep(t *testing.T) {
	for top, want := range map[int64]int64{0: 1, 1: 1, 4: 1, 5: 2, 9: 5, 20: 5, 21: 10, 1000: 500, 39_999: 10_000,
		math.MaxInt64: math.MaxInt64} {
		if got := roundStep(top); got != want {
			t.Errorf("%d: got %d, want %d", top, got, want)
		}
	}
}

func TestMakePlan_CountsDown(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	device := func(deadline string, stage inventory.Stage) inventory.Device {
		return inventory.Device{ID: deadline, Deadline: deadline, Stage: stage}
	}
	p := planOf([]inventory.Device{
		device("2026-01-01", "bridge"), device("2026-11-01", "warn"), device("2026-11-24", "bridge"), device("2026-12-01", "block"),
		device("2026-12-24", "bridge"), device("2026-12-24", "bridge"), device("some day", "bridge"),
	}, now)
	if p.Open != 6 || p.Overdue != 2 || p.Undated != 1 || len(p.Next) != 5 || p.Next[0].ID != "2026-01-01" {
		t.Errorf("open %d, overdue %d, undated %d, next %+v", p.Open, p.Overdue, p.Undated, p.Next)
	}
	want := []burndown.Step{{Date: "2026-11-24", Due: 1, Left: 5}, {Date: "2026-12-24", Due: 2, Left: 3}} // overdue ones stay
	if !slices.Equal(p.Ahead, want) {
		t.Fatalf("ahead: %+v, want %+v", p.Ahead, want)
	}
	pic := plotPlan(p)
	if pic.Empty || len(pic.Bars) != 2 || pic.Bars[0].X != pic.Today || pic.Bars[1].X <= pic.Bars[0].X || pic.Bars[1].X > plotWidth {
		t.Errorf("the plan is drawn as %+v", pic.Bars)
	}
	if !plotPlan(planOf(nil, now)).Empty {
		t.Error("no device makes a plot")
	}
}

func planOf(devices []inventory.Device, now time.Time) plan {
	p := newPlan(now)
	for i := range devices {
		p.add(&devices[i])
	}
	p.End()
	return p
}
