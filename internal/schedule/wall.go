package schedule

import "time"

// OnTheWall returns the first moment at which the clock on the wall shows what wall shows in UTC, or, where the clock is put forward
// over it, the first moment after the gap.
func OnTheWall(wall time.Time, zone *time.Location) time.Time {
	at := wall.Add(-dayMinutes * time.Minute).In(zone) // before all that can be meant: no offset is as large
	for {
		begin, end := at.ZoneBounds()
		_, offset := at.Zone()
		meant := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case !end.IsZero() && !meant.Before(end):
			at = end
		case meant.Before(begin):
			return begin
		default:
			return meant.In(zone)
		}
	}
}
