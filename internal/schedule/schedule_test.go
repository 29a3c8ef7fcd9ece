package schedule_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"drawbridge/internal/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func window(t testing.TB, text string) schedule.Window {
	t.Helper()
	w, err := schedule.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestHolds(t *testing.T) {
	for _, tt := range []struct {
		window, at string // at: UTC
		want       bool
	}{
		{"Mon-Fri 10:00-10:30", "2027-01-11T08:59:59Z", false},
		{"Mon-Fri 10:00-10:30", "2027-01-11T09:00:00Z", true}, // Monday, 10:00 in Berlin
		{"Mon-Fri 10:00-10:30", "2027-01-11T09:29:59Z", true},
		{"Mon-Fri 10:00-10:30", "2027-01-11T09:30:00Z", false},
		{"Mon-Fri 10:00-10:30", "2027-07-12T08:00:00Z", true}, // summer time
		{"Mon-Fri 10:00-10:30", "2027-07-12T09:00:00Z", false},
		{"Mon-Fri 10:00-10:30", "2027-01-10T09:00:00Z", false}, // Sunday
		{"10:00-10:30", "2027-01-10T09:00:00Z", true},
		{"sat-MONDAY 10:00-10:30", "2027-01-11T09:00:00Z", true},
		{"Sat-Mon 10:00-10:30", "2027-01-12T09:00:00Z", false},
		{"Tue,Sun 10:00-10:30", "2027-01-10T09:00:00Z", true},
		{"Fri 22:00-02:00", "2027-01-09T00:59:00Z", true}, // Saturday, 01:59
		{"Fri 22:00-02:00", "2027-01-09T01:00:00Z", false},
		{"Fri 22:00-02:00", "2027-01-09T21:30:00Z", false}, // Saturday evening
		{"Sat 22:00-02:00", "2027-01-10T00:30:00Z", true},  // into Sunday, and across the week's end
		{"Mon 0:00-24:00", "2027-01-11T22:59:00Z", true},
		{"Mon 0:00-24:00", "2027-01-11T23:00:00Z", false},
		// Spring: at 02:00 the clock goes to 03:00. The hour that is left out does not happen.
		{"Sun 02:15-02:45", "2027-03-28T00:59:59Z", false},
		{"Sun 02:15-02:45", "2027-03-28T01:00:00Z", false},
		{"Sun 01:30-03:30", "2027-03-28T00:30:00Z", true},
		{"Sun 01:30-03:30", "2027-03-28T01:29:00Z", true}, // 03:29
		{"Sun 01:30-03:30", "2027-03-28T01:30:00Z", false},
		// Autumn: at 03:00 the clock goes to 02:00. The hour that is repeated happens twice.
		{"Sun 02:15-02:45", "2027-10-31T00:15:00Z", true},
		{"Sun 02:15-02:45", "2027-10-31T00:45:00Z", false},
		{"Sun 02:15-02:45", "2027-10-31T01:15:00Z", true},
		{"Sun 02:15-02:45", "2027-10-31T01:45:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := window(t, tt.window).Holds(at.In(zone(t, "Europe/Berlin"))); got != tt.want {
			t.Errorf("%q at %s: got %v", tt.window, tt.at, got)
		}
	}
}

func TestParse_Faults(t *testing.T) {
	for _, text := range []string{"", "Mon", "Mon 10:00", "Mon 10:00-", "Mo 10:00-11:00", "Mon-Fry 10:00-11:00", "Mon- 10:00-11:00",
		"10:00-10:00", "24:00-01:00", "10:60-11:00", "10:0-11:00", "24:01-25:00", "-1:00-2:00", "Mon 10:00-11:00 CET", "Mon,, 1:00-2:00",
		"10:00-0:00-1:00"} {
		if w, err := schedule.Parse(text); err == nil {
			t.Errorf("%q was read as %q", text, w)
		}
	}
}

// TestEdges_MissesNone looks at every minute of the weeks with both nights in which the clock is changed, in zones that change it
// by an hour, by half an hour, and at midnight.
func TestEdges_MissesNone(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "America/New_York", "UTC"} {
		for _, text := range []string{"Mon-Fri 10:00-10:30", "Sat-Sun 23:30-02:15", "02:15-02:45", "Sun 0:00-24:00", "1:45-2:00", "22:00-21:59"} {
			w := window(t, text)
			for _, start := range []time.Time{time.Date(2027, 3, 10, 7, 11, 0, 0, zone(t, name)), time.Date(2027, 8, 30, 7, 11, 0, 0, zone(t, name)),
				time.Date(2027, 10, 20, 7, 11, 0, 0, zone(t, name))} {
				until := start.AddDate(0, 0, 20)
				edges := w.Edges(start, until)
				if !slices.IsSortedFunc(edges, time.Time.Compare) {
					t.Fatalf("%s %s: not in order", name, text)
				}
				for at := start.Add(time.Minute); at.Before(until); at = at.Add(time.Minute) {
					if w.Holds(at) != w.Holds(at.Add(-time.Minute)) && !slices.ContainsFunc(edges, at.Equal) {
						t.Fatalf("%s %s: no edge at %s", name, text, at)
					}
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Mon-Fri 10:00-10:30")
	f.Add("Sat,Sun 22:00-02:00")
	f.Add("0:00-24:00")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := schedule.Parse(text)
		if err != nil {
			return
		}
		again, err := schedule.Parse(w.String())
		if err != nil {
			t.Fatalf("%q reads %q, which does not read: %v", text, w, err)
		}
		at := time.Date(2027, 1, 1, 0, rand.IntN(7*24*60), 0, 0, time.UTC)
		if w.Holds(at) != again.Holds(at) {
			t.Fatalf("%q and %q differ at %s", text, w, at)
		}
	})
}
