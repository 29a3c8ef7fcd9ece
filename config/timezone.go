package config

import (
	"time"
	_ "time/tzdata" // zones by name, also where the machine or the container has no list of them

	"drawbridge/internal/schedule"
)

// zone returns the machine's own time zone: the named one where the name is known, else what the C library would take.
func (e Environment) zone() *time.Location {
	if e.Timezone == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(e.Timezone)
	if err != nil {
		return time.Local
	}
	return zone
}

// timezone reads a name of the IANA time zone database; Local is the machine's own zone.
func (d *decoder) timezone(text string) (*time.Location, *mistake) {
	if text == "Local" {
		return d.env.zone(), nil
	}
	zone, err := time.LoadLocation(text)
	if text == "" || err != nil {
		return nil, wrong("write a name such as Europe/Berlin or UTC, or leave it out for the machine's own", "%s is no time zone", quoted(text))
	}
	return zone, nil
}

// moment reads a time: RFC 3339, a local time, or a date, which begins at 00:00. The last two are those of the clock on the wall
// in the configuration's time zone.
func (d *decoder) moment(text string) (time.Time, *mistake) {
	at, ok := ParseMoment(text, d.zone)
	switch {
	case !ok:
		return time.Time{}, wrong("write a date such as 2027-03-01, a local time such as 2027-03-01T08:00, or one with its offset "+
			"such as 2027-03-01T08:00:00+01:00", "%s is neither a date nor a time", quoted(text))
	case at.Year() < 1970: // the zero time means something else
		return time.Time{}, wrong("write a date from 1970 on", "%s is too long ago", quoted(text))
	}
	return at, nil
}

// ParseMoment reads a time as a configuration has it: RFC 3339, a local time such as 2027-01-15T20:00, or a date, which begins at
// 00:00; the last two are those of the clock on the wall in zone. ok is false for any other text.
func ParseMoment(text string, zone *time.Location) (at time.Time, ok bool) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if wall, err := time.Parse(layout, text); err == nil && len(text) == len(layout) { // Parse takes 8:00 for 08:00
			return schedule.OnTheWall(wall, zone), true
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.In(zone), err == nil
}

// passed tells a moment that is over. Without a clock none is; nor is the zero time, which stands for no moment.
func (d *decoder) passed(at time.Time) bool {
	return !d.env.Now.IsZero() && !at.IsZero() && !at.After(d.env.Now)
}

// Reminder says whether something that ends is to be warned of: 60, 30, 7 and 1 days ahead. It returns the step that
// was reached last, in days, or 0 once the end has come; due is false before the first step and without an end.
func Reminder(ends, now time.Time) (days int, due bool) {
	left := ends.Sub(now)
	if ends.IsZero() || left > 60*day {
		return 0, false
	}
	if left <= 0 {
		return 0, true
	}
	days = 60
	for _, step := range []int{30, 7, 1} {
		if left <= time.Duration(step)*day {
			days = step
		}
	}
	return days, true
}

// warnOfEnd warns of what runs out soon, or has run out.
func (d *decoder) warnOfEnd(path, what string, ends time.Time, mend string) {
	now := d.env.Now
	if _, due := Reminder(ends, now); now.IsZero() || !due {
		return
	}
	date := ends.In(d.zone).Format(time.DateOnly)
	switch left := ends.Sub(now); {
	case left <= 0:
		d.warnIn(path, wrong(mend, "%s ended on %s", what, date))
	case left < 2*day:
		d.warnIn(path, wrong(mend, "%s ends on %s, in less than two days", what, date))
	default:
		d.warnIn(path, wrong(mend, "%s ends on %s, in %d days", what, date, left/day))
	}
}
