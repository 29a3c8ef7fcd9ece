package inventory_test

import (
	"testing"
	"time"

	"drawbridge/inventory"
)

func TestOutlook_SaysWhatComesNext(t *testing.T) {
	bridge := inventory.Outlook{Stage: inventory.StageBridge}
	dry := inventory.Outlook{Stage: inventory.StageBridge, WouldStage: inventory.StageWarn}
	for _, c := range []struct {
		now        inventory.Outlook
		next       *inventory.Turn
		words      string // now
		stage, say string // next
	}{
		{bridge, nil, "bridge", "", ""},
		{bridge, &inventory.Turn{Stage: "block"}, "bridge", "block", "block"},
		{bridge, &inventory.Turn{Stage: "bridge", WouldStage: "block"}, "bridge", "bridge (dry run of block)", "dry run of block"},
		{dry, &inventory.Turn{Stage: "bridge"}, "bridge (dry run of warn)", "bridge", "bridge"},
		{bridge, &inventory.Turn{Stage: "bridge", Upstream: "online", Moves: true}, "bridge", "bridge", "to online"},
		{dry, &inventory.Turn{Stage: "bridge", WouldStage: "warn", Upstream: "online", Moves: true}, "bridge (dry run of warn)",
			"bridge (dry run of warn)", "to online"},
		{bridge, &inventory.Turn{Stage: "warn", Upstream: "online", Moves: true}, "bridge", "warn", "warn, to online"},
		{bridge, &inventory.Turn{Stage: "bridge", WouldStage: "warn", Moves: true}, "bridge", "bridge (dry run of warn)",
			"dry run of warn, another mailbox"},
		{bridge, &inventory.Turn{Stage: "bridge", Moves: true}, "bridge", "bridge", "another mailbox"},
	} {
		o := c.now
		o.Next = c.next
		if got := o.StageWords(); got != c.words {
			t.Errorf("%+v: now %q, want %q", o, got, c.words)
		}
		if got := o.NextWords(); got != c.say {
			t.Errorf("%+v, next %+v: says %q, want %q", o, o.Next, got, c.say)
		}
		if o.Next != nil && o.Next.StageWords() != c.stage {
			t.Errorf("%+v: next stage %q, want %q", o.Next, o.Next.StageWords(), c.stage)
		}
	}
}

// TestDevice_WhatIsBlockedIsNotFailing: in its latest session, or by the rules since.
func TestDevice_WhatIsBlockedIsNotFailing(t *testing.T) {
	seen := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		stage   inventory.Stage
		outlook *inventory.Outlook
		want    bool
	}{
		{"bridge", nil, true},
		{"block", nil, false},
		{"bridge", &inventory.Outlook{Stage: "warn"}, true},
		{"bridge", &inventory.Outlook{Stage: "block"}, false},
		{"block", &inventory.Outlook{Stage: "bridge"}, false}, // its latest session was refused as it should be
	} {
		d := inventory.Device{ID: "10.0.0.1/fax", Account: "fax", Stage: c.stage, Outlook: c.outlook, LastSeen: seen}
		if got := d.Failing(seen.AddDate(0, 0, -7)); got != c.want {
			t.Errorf("stage %s, outlook %+v: failing %t, want %t", c.stage, c.outlook, got, c.want)
		}
	}
}

func TestDevice_LeavesByDeadlineOrRule(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2027, 2, 28, 23, 0, 0, 0, time.UTC) // 1 March in Berlin
	refused := &inventory.Outlook{Stage: inventory.StageWarn, BlockFrom: &midnight}
	for _, c := range []struct {
		deadline string
		outlook  *inventory.Outlook
		want     string
	}{
		{"", nil, ""},
		{"2027-06-01", nil, "2027-06-01"},
		{"soon", nil, ""},
		{"", refused, "2027-03-01"},
		{"soon", refused, "2027-03-01"},
		{"2027-02-28", refused, "2027-02-28"},
		{"2027-06-01", refused, "2027-03-01"},
		{"2027-06-01", &inventory.Outlook{Stage: inventory.StageBridge}, "2027-06-01"},
	} {
		d := inventory.Device{Stage: inventory.StageBridge, Deadline: c.deadline, Outlook: c.outlook}
		if got := d.Leaves(berlin); got != c.want {
			t.Errorf("deadline %q, %+v: leaves %q, want %q", c.deadline, c.outlook, got, c.want)
		}
		if now := d.StageNow(); c.outlook == nil && now != inventory.StageBridge || c.outlook != nil && now != c.outlook.Stage {
			t.Errorf("%+v: stage now %q", c.outlook, now)
		}
	}
}
