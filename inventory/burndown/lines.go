package burndown

import (
	"fmt"
	"strings"
	"time"
)

// Axes place a picture's days and devices. X is asked for dates from First to End.
type Axes struct {
	X    func(date string) float64
	Y    func(devices int) float64
	Last string // the last day of the picture
}

// Lines are what a picture shows, as paths of SVG in steps. A line without anything to show is empty.
type Lines struct {
	Planned  string // up to today: what should have been
	Seen     string // up to today: what was
	Forecast string // from today on, if every date to come is kept
}

// First is the first day that is worth a picture: that of the first device, or a week ago where all is younger.
func (b *Burndown) First() string {
	first := b.date(b.now.AddDate(0, 0, -7))
	if len(b.Past) > 0 {
		first = min(first, b.Past[0].Date)
	}
	return first
}

// Horizon is the last day that is worth a picture: some days after the last date to come, three months ahead at least and three
// years at most. A deadline such as 2099 would squeeze the others into one column.
func (b *Burndown) Horizon() string {
	least, most := b.date(b.now.AddDate(0, 0, 90)), b.date(b.now.AddDate(3, 0, 0))
	last, err := time.Parse(time.DateOnly, b.Last())
	if err != nil {
		return least
	}
	return min(max(least, last.AddDate(0, 0, 14).Format(time.DateOnly)), most)
}

// Lines draws.
func (b *Burndown) Lines(a Axes) Lines {
	var l Lines
	if len(b.Past) > 0 {
		planned, seen := newPath(a, b.Past[0].Date, b.Past[0].Planned), newPath(a, b.Past[0].Date, b.Past[0].Seen)
		for _, p := range b.Past[1:] {
			planned.step(p.Date, p.Planned)
			seen.step(p.Date, p.Seen)
		}
		l.Planned, l.Seen = planned.String(), seen.String()
	}
	forecast := newPath(a, b.Today, b.Open)
	for _, s := range b.Ahead {
		if s.Date > a.Last {
			break
		}
		forecast.step(s.Date, s.Left)
	}
	forecast.to(a.Last)
	l.Forecast = forecast.String()
	return l
}

// path is one line in steps.
type path struct {
	strings.Builder
	axes Axes
}

func newPath(a Axes, date string, n int) *path {
	p := &path{axes: a}
	fmt.Fprintf(p, "M%g %g", a.X(date), a.Y(n))
	return p
}

func (p *path) to(date string) { fmt.Fprintf(p, "H%g", p.axes.X(date)) }

func (p *path) step(date string, n int) {
	p.to(date)
	fmt.Fprintf(p, "V%g", p.axes.Y(n))
}

// Days is how many days b is after a; 0 where one is no date.
func Days(a, b string) int {
	from, err := time.Parse(time.DateOnly, a)
	to, wrong := time.Parse(time.DateOnly, b)
	if err != nil || wrong != nil {
		return 0
	}
	return int(to.Sub(from).Hours() / 24)
}
