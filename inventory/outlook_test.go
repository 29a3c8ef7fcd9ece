package inventory_test

import (
	"testing"
	"time"

	"drawbridge/inventory"
)

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
