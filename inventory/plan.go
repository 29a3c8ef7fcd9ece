package inventory

import (
	"time"

	"drawbridge/internal/schedule"
)

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
	return schedule.OnTheWall(day, zone)
}
