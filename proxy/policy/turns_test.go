package policy_test

import (
	"net/netip"
	"testing"
	"time"

	"drawbridge/internal/schedule"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

// TestTurns_TellsThePlanWithoutItsHours: a brownout of every morning is one turn, which a dry run, block_from and another upstream are too.
func TestTurns_TellsThePlanWithoutItsHours(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2027, 1, n, 0, 0, 0, 0, time.UTC) }
	mornings, err := schedule.Parse("Mon-Fri 10:00-10:30")
	if err != nil {
		t.Fatal(err)
	}
	dry, wet := true, false
	table, err := policy.Compile([]policy.Rule{
		{Until: day(8), Settings: policy.Settings{DryRun: &dry}},
		{From: day(4), Settings: policy.Settings{Stage: inventory.StageBrownout, Schedule: []schedule.Window{mornings}, DryRun: &wet}},
		{From: day(12), Settings: policy.Settings{Upstream: "online"}},
		{Settings: policy.Settings{BlockFrom: policy.BlockFrom{At: day(20)}}},
	}, "on-prem", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	got := table.Turns(policy.Facts{Source: netip.MustParseAddr("10.20.3.7"), Account: "fax1"}, day(1), day(31))
	want := []struct {
		day      int
		planned  inventory.Stage
		dry      bool
		upstream string
		rule     string
	}{
		{4, inventory.StageBrownout, true, "on-prem", "rules[1]"},
		{8, inventory.StageBrownout, false, "on-prem", "rules[1]"},
		{12, inventory.StageBrownout, false, "online", "rules[2]"},
		{20, inventory.StageBlock, false, "online", "rules[3]"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d turns, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		c := &got[i]
		if !c.At.Equal(day(w.day)) || c.After.Planned() != w.planned || c.After.DryRun != w.dry || c.After.Upstream != w.upstream || c.Rule() != w.rule {
			t.Errorf("turn %d: %s %s, dry run %t, %s by %s, want %+v", i, c.At, c.After.Planned(), c.After.DryRun, c.After.Upstream, c.Rule(), w)
		}
	}
}
