package inventory_test

import (
	"testing"
	"time"

	"drawbridge/inventory"
)

// TestPlan_BeginsWithItsDay, also where the clock leaves midnight out, or shows it twice.
func TestPlan_BeginsWithItsDay(t *testing.T) {
	for _, c := range []struct{ zone, date, want string }{
		{"Europe/Berlin", "2027-03-01", "2027-03-01T00:00:00+01:00"},
		{"America/Santiago", "2027-09-05", "2027-09-05T01:00:00-03:00"}, // from 00:00 to 01:00
		{"America/Havana", "2027-11-07", "2027-11-07T00:00:00-04:00"},   // from 01:00 back to 00:00
		{"Europe/Berlin", "", "0001-01-01T00:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := (inventory.Plan{Deadline: c.date}).Begins(zone).Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s begins at %s, want %s", c.date, c.zone, got, c.want)
		}
	}
}
