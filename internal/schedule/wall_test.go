package schedule_test

import (
	"testing"
	"time"

	"drawbridge/internal/schedule"
)

// TestOnTheWall_IsTheFirstMomentOfAll compares with what a clock shows that is looked at every five minutes.
func TestOnTheWall_IsTheFirstMomentOfAll(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "America/New_York", "Africa/Casablanca", "UTC"} {
		zone := zone(t, name)
		for _, start := range []time.Time{time.Date(2027, 1, 30, 0, 0, 0, 0, time.UTC), time.Date(2027, 3, 10, 0, 0, 0, 0, time.UTC),
			time.Date(2027, 8, 25, 0, 0, 0, 0, time.UTC), time.Date(2027, 10, 20, 0, 0, 0, 0, time.UTC)} {
			first := map[time.Time]time.Time{} // the moments at which the clock shows a time
			for at := start; at.Before(start.AddDate(0, 0, 28)); at = at.Add(5 * time.Minute) {
				if shows := shown(at.In(zone)); first[shows].IsZero() {
					first[shows] = at
				}
			}
			for wall := start.AddDate(0, 0, 1); wall.Before(start.AddDate(0, 0, 27)); wall = wall.Add(5 * time.Minute) {
				want, later := first[wall], wall
				for want.IsZero() { // left out: what comes next
					later = later.Add(5 * time.Minute)
					want = first[later]
				}
				if got := schedule.OnTheWall(wall, zone); !got.Equal(want) {
					t.Fatalf("%s %s: %s, want %s", name, wall, got, want)
				}
			}
		}
	}
}

// shown is what a clock shows, as if it were UTC.
func shown(at time.Time) time.Time {
	_, offset := at.Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}
