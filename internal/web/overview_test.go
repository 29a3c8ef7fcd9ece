package web

import (
	"strings"
	"testing"
	"time"

	"drawbridge/internal/watch"
	"drawbridge/inventory"
)

func TestOverview_CountsWhatIsDueSoonWithoutWhatIsOverdue(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	plan := newPlan(now)
	for _, deadline := range []string{"2026-01-01", "2026-11-23", "2026-11-24", "2026-12-24", "2026-12-25", "2099-12-31"} {
		plan.add(&inventory.Device{ID: deadline, Deadline: deadline, Stage: inventory.StageBridge})
	}
	plan.End()
	p := overviewPage{Plan: plan}
	p.fillSoon(startOfDay(now))
	if p.Soon != 2 || p.Plan.Overdue != 2 || p.Today != "2026-11-24" || p.SoonDay != "2026-12-25" {
		t.Errorf("due soon %d, overdue %d, from %s until before %s, want 2, 2, 2026-11-24 and 2026-12-25", p.Soon, p.Plan.Overdue,
			p.Today, p.SoonDay)
	}
	plot := plotPlan(p.Plan)
	for _, b := range plot.Bars {
		if strings.HasPrefix(b.Title, "2099") || b.X > plotWidth {
			t.Errorf("a deadline of 2099 is drawn: %+v", b)
		}
	}
	if len(plot.Bars) != 3 {
		t.Errorf("%d days are drawn, want 3", len(plot.Bars))
	}
}

func TestOverview_TellsOfUpstreamsWhoseLastSessionFailed(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	d := &dashboard{Options: Options{Upstreams: func() []watch.Upstream {
		return []watch.Upstream{{Name: "healed", LastFailure: now.Add(-time.Minute), LastServed: now}, {Name: "never used"},
			{Name: "down", LastFailure: now, LastServed: now.Add(-time.Minute)}, {Name: "never up", LastFailure: now}}
	}}.withDefaults()}
	var p overviewPage
	d.fillLive(&p)
	if len(p.Failing) != 2 || p.Failing[0].Name != "down" || p.Failing[1].Name != "never up" {
		t.Errorf("failing: %+v, want down and never up", p.Failing)
	}
}

func TestShort(t *testing.T) {
	for sent, want := range map[string]string{"scanner": "scanner", "\x1b[31m": `\u001b[31m`, strings.Repeat("é", 65): strings.Repeat("é",
		64) + "…"} {
		if got := short(sent); got != want {
			t.Errorf("%q: got %q, want %q", sent, got, want)
		}
	}
}
