package main

import (
	"testing"
	"time"
)

// TestParseAt_IsTheMomentThatARuleMeans where spring leaves the hour out: the first one after the gap.
func TestParseAt_IsTheMomentThatARuleMeans(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	for text, want := range map[string]string{"2027-03-28T02:30": "2027-03-28T03:00:00+02:00", "2027-10-31T02:30": "2027-10-31T02:30:00+02:00",
		"2027-03-01": "2027-03-01T00:00:00+01:00", "2027-03-01T08:00:00Z": "2027-03-01T09:00:00+01:00"} {
		got, err := parseAt(text, zone)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("--at %s is %s, %v; want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	if _, err := parseAt("tomorrow", zone); err == nil {
		t.Error("tomorrow is a time")
	}
}
