// Package burndown compares a plan with what was seen: how many devices should have left the bridge day by day, how many had, and
// how many will be left if every date to come is kept. Dashboard, reports and command line tell the same figures by it.
package burndown

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"drawbridge/inventory"
)

// QuietAfter is how long a device stays away until it is no longer counted as seen.
const QuietAfter = 30 * 24 * time.Hour

// PastDays is how many days back a Burndown reaches at most: rows of days are kept as long, unless keep.days says otherwise.
const PastDays = 400

// Burndown is the plan of a fleet and what was seen of it. Devices are those that logged in or that people named; strangers are not
// counted. Dates are as 2027-03-01, in the zone of the time it was made with.
type Burndown struct {
	Today   string
	Open    int // devices on the bridge: those that are not refused for good
	Overdue int // of Open, those that should have left before today
	Undated int // of Open, those without a date
	Quiet   int // of Open, those that were seen, but not for 30 days
	Unmet   int // of Open, those that never came
	Left    int // of Open, when the last date to come has passed: those overdue and undated
	Blocked int // devices that are refused for good, and so are not in Open

	Ahead []Step  // the dates to come, today among them
	Past  []Point // oldest first, the last one today; a day of which nothing is told was as the day before

	now  time.Time
	due  map[string]int
	past map[string]delta
}

// Step is a date on which devices are due. They are gone on the day after.
type Step struct {
	Date string
	Due  int
	Left int // of Open, when they have gone
}

// Point is a day of the past. Only devices that came are counted.
type Point struct {
	Date    string
	Planned int // that should have been on the bridge, as the plan is now
	Seen    int // that had come before or on that day and came again, or were seen in the 30 days before today
}

type delta struct{ planned, seen int }

// New returns an empty Burndown as of now, whose zone is that of all dates.
func New(now time.Time) *Burndown {
	return &Burndown{Today: now.Format(time.DateOnly), now: now, due: make(map[string]int), past: make(map[string]delta)}
}

// Add counts a device.
func (b *Burndown) Add(d *inventory.Device) {
	if d.Account == inventory.Stranger {
		return
	}
	leaves := b.Leaves(d)
	b.addPast(d, leaves)
	if d.StageNow() == inventory.StageBlock {
		b.Blocked++
		return
	}
	b.Open++
	switch {
	case leaves == "":
		b.Undated++
	case leaves < b.Today:
		b.Overdue++
	default:
		b.due[leaves]++
	}
	switch {
	case d.FirstSeen.IsZero():
		b.Unmet++
	case b.quiet(d):
		b.Quiet++
	}
}

// Leaves is the day by which d is planned to have left; empty for none.
func (b *Burndown) Leaves(d *inventory.Device) string { return d.Leaves(b.now.Location()) }

func (b *Burndown) quiet(d *inventory.Device) bool { return d.LastSeen.Before(b.now.Add(-QuietAfter)) }

// addPast counts from when until when a device should have been there, and was. One that is refused without a date has left as
// planned, when it was last served.
func (b *Burndown) addPast(d *inventory.Device, leaves string) {
	if d.FirstSeen.IsZero() {
		return
	}
	gone := ""
	switch refused := d.StageNow() == inventory.StageBlock; {
	case refused && d.LastServed == nil:
		return // it never was on the bridge
	case refused:
		gone = b.date(*d.LastServed)
		leaves = cmp.Or(leaves, gone)
	case b.quiet(d):
		gone = b.date(d.LastSeen)
	}
	first := b.date(d.FirstSeen)
	b.span(first, leaves, delta{planned: 1})
	b.span(first, gone, delta{seen: 1})
}

// span adds from the first day until the last one, empty: for ever.
func (b *Burndown) span(first, last string, one delta) {
	if last != "" && last < first {
		return
	}
	start := b.date(b.now.AddDate(0, 0, -PastDays))
	b.change(max(first, start), one)
	if last == "" {
		return
	}
	if after := dayAfter(last); after <= b.Today {
		b.change(max(after, start), delta{-one.planned, -one.seen})
	}
}

func (b *Burndown) change(day string, by delta) {
	d := b.past[day]
	b.past[day] = delta{d.planned + by.planned, d.seen + by.seen}
}

func (b *Burndown) date(t time.Time) string { return t.In(b.now.Location()).Format(time.DateOnly) }

func dayAfter(date string) string {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return day.AddDate(0, 0, 1).Format(time.DateOnly)
}

// End sums up what was added. Nothing may be added after it.
func (b *Burndown) End() {
	b.Left = b.Open
	for _, date := range slices.Sorted(maps.Keys(b.due)) {
		b.Left -= b.due[date]
		b.Ahead = append(b.Ahead, Step{Date: date, Due: b.due[date], Left: b.Left})
	}
	var at delta
	for _, date := range slices.Sorted(maps.Keys(b.past)) {
		if date > b.Today { // a device whose clock of first sight is ahead
			break
		}
		at = delta{at.planned + b.past[date].planned, at.seen + b.past[date].seen}
		b.Past = append(b.Past, Point{Date: date, Planned: at.planned, Seen: at.seen})
	}
	if n := len(b.Past); n > 0 && b.Past[n-1].Date != b.Today {
		b.Past = append(b.Past, Point{Date: b.Today, Planned: at.planned, Seen: at.seen})
	}
}

// On is what was planned and seen on a day of the past.
func (b *Burndown) On(date string) Point {
	i, found := slices.BinarySearchFunc(b.Past, date, func(p Point, date string) int { return cmp.Compare(p.Date, date) })
	switch {
	case found:
		return b.Past[i]
	case i == 0:
		return Point{Date: date}
	}
	return Point{Date: date, Planned: b.Past[i-1].Planned, Seen: b.Past[i-1].Seen}
}

// Planned is how many devices should be on the bridge today: those that are overdue should not.
func (b *Burndown) Planned() int { return b.Open - b.Overdue }

// Last is the last date to come; empty: there is none.
func (b *Burndown) Last() string {
	if len(b.Ahead) == 0 {
		return ""
	}
	return b.Ahead[len(b.Ahead)-1].Date
}
