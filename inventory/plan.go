package inventory

import "time"

// Plan is what people set for a device that decides how it is served.
type Plan struct {
	Stage    Stage  // empty: as the rules say
	Deadline string // the date by which it should have left; empty: none
}

// Begins returns the first moment of the deadline's day in zone; the zero time where there is none, or none that can be read.
func (p Plan) Begins(zone *time.Location) time.Time {
	day, err := time.Parse(time.DateOnly, p.Deadline)
	if err != nil {
		return time.Time{}
	}
	year, month, date := day.Date()
	begins := time.Date(year, month, date, 0, 0, 0, 0, zone)
	if begins.Day() != date { // midnight is left out, and Go gives a time of the evening before
		_, begins = begins.ZoneBounds()
	}
	return begins
}
