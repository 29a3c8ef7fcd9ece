package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
	"drawbridge/inventory/words"
)

// The size of a plot, in units of its own that browsers scale, and the room for words at its left and below.
const (
	plotWidth, plotHeight = 720, 220
	plotLeft, plotBottom  = 44, 22
	plotTop               = 8
)

// plot is a picture, with the figures it shows.
type plot struct {
	Width, Height int
	Bars          []bar
	Lines         []curve // in steps
	Today         float64 // where today is; 0: not told
	Rows          []gridLine
	Columns       []mark
	Legend        []legend
	Days          []inventory.Day // the figures
	Empty         bool
}

type bar struct {
	X, Y, Width, Height float64
	Class, Title        string
}

type gridLine struct {
	Y     float64
	Label string
}

// curve is one line of a picture, as a path of SVG.
type curve struct{ Class, Path string }

type mark struct {
	X     float64
	Label string
}

type legend struct{ Class, Label string }

// versions are the TLS versions of Day.TLSVersions as they are stacked: the weakest stands at the bottom, where it shows
// best whether it comes to nothing.
var versions = [...]string{"ssl2", "ssl3", "1.0", "1.1", "1.2", "1.3", "none"}

func versionClass(version string) string { return "v-" + strings.ReplaceAll(version, ".", "-") }

// plotDays shows so many days up to the day of now, with the sessions of each by TLS version.
func plotDays(days []inventory.Day, count int, now time.Time) plot {
	byDate := make(map[string]inventory.Day, len(days))
	for _, d := range days {
		byDate[d.Date] = d
	}
	p := plot{Width: plotWidth, Height: plotHeight, Days: days, Empty: len(days) == 0}
	var top int64
	for _, d := range days {
		top = max(top, stacked(d))
	}
	scale := p.grid(top)
	width := float64(plotWidth-plotLeft) / float64(count)
	first := now.UTC().AddDate(0, 0, 1-count)
	used := make(map[string]bool)
	for i := range count {
		day := first.AddDate(0, 0, i)
		x := plotLeft + float64(i)*width
		p.stack(byDate[day.Format(time.DateOnly)], x, width, scale, used)
		if every := max(1, count/6); i%every == every/2 {
			p.Columns = append(p.Columns, mark{round(x + width/2), day.Format("2 Jan")})
		}
	}
	for _, v := range versions {
		if used[v] {
			p.Legend = append(p.Legend, legend{versionClass(v), label(v)})
		}
	}
	return p
}

func stacked(d inventory.Day) int64 {
	var sum int64
	for _, v := range versions {
		sum += d.TLSVersions[v]
	}
	return sum
}

// stack adds the bars of one day.
func (p *plot) stack(d inventory.Day, x, width, scale float64, used map[string]bool) {
	gap := min(2, width/5)
	y := float64(plotHeight - plotBottom)
	for _, v := range versions {
		n := d.TLSVersions[v]
		if n <= 0 {
			continue
		}
		used[v] = true
		height := float64(n) * scale
		y -= height
		p.Bars = append(p.Bars, bar{round(x + gap/2), round(y), round(width - gap), round(height), versionClass(v),
			fmt.Sprintf("%s: %s sessions with %s", d.Date, number(n), label(v))})
	}
}

// grid draws lines up to a round number at or above top, and returns how high one unit is.
func (p *plot) grid(top int64) float64 {
	step := roundStep(top)
	lines := max(1, (top+step-1)/step)
	height := float64(plotHeight - plotBottom - plotTop)
	scale := height / float64(lines*step)
	for i := range lines + 1 {
		p.Rows = append(p.Rows, gridLine{round(float64(plotHeight-plotBottom) - float64(i*step)*scale), number(i * step)})
	}
	return scale
}

// roundStep returns 1, 2 or 5 times a power of ten such that four steps or fewer reach top.
func roundStep(top int64) int64 {
	for step := int64(1); step < math.MaxInt64/10; step *= 10 {
		for _, f := range [...]int64{1, 2, 5} {
			if 4*f*step >= top {
				return f * step
			}
		}
	}
	return max(1, top)
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

// plotPlan shows how many devices should have been on the bridge and how many were seen, up to today, and from then on how many are
// left as the dates to come pass.
func plotPlan(plan plan) plot {
	p := plot{Width: plotWidth, Height: plotHeight, Empty: plan.Open == 0}
	if p.Empty {
		return p
	}
	most := plan.Open
	for _, point := range plan.Past {
		most = max(most, point.Planned, point.Seen)
	}
	scale := p.grid(int64(most))
	first, last := plan.First(), plan.Horizon()
	span := float64(max(1, burndown.Days(first, last)))
	axes := burndown.Axes{
		X: func(date string) float64 {
			return round(plotLeft + float64(max(0, burndown.Days(first, date)))/span*(plotWidth-plotLeft))
		},
		Y:    func(n int) float64 { return round(float64(plotHeight-plotBottom) - float64(n)*scale) },
		Last: last,
	}
	lines := plan.Lines(axes)
	p.Today = axes.X(plan.Today)
	p.Lines = []curve{{"plan-planned", lines.Planned}, {"plan-seen", lines.Seen}, {"plan-forecast", lines.Forecast}}
	p.Legend = []legend{{"plan-seen", "Seen"}, {"plan-planned", "Planned"}, {"plan-forecast", "If every date to come is kept"}}
	for _, s := range plan.Ahead {
		if s.Date > last {
			break
		}
		p.Bars = append(p.Bars, bar{X: axes.X(s.Date), Y: axes.Y(s.Left), Class: "plan-dot",
			Title: fmt.Sprintf("%s: %s due, %s left", s.Date, words.Count(s.Due, "device", "devices"), words.Number(s.Left))})
	}
	p.dates(axes, first, int(span))
	return p
}

// dates names four days below a picture: more would touch each other on a phone.
func (p *plot) dates(axes burndown.Axes, first string, span int) {
	const dates = 4
	begin, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return
	}
	for i := range dates {
		day := begin.AddDate(0, 0, span*(2*i+1)/(2*dates))
		p.Columns = append(p.Columns, mark{axes.X(day.Format(time.DateOnly)), day.Format("2 Jan 2006")})
	}
}

// share is one row of a list of figures, with its part of the whole and where it leads.
type share struct {
	Label, Class, Link string
	Count              int64
	Percent            float64
}

// shares lists counts in the order of the words, and then what is in none of them. Words that do not occur are left out.
func shares[K ~string](counts map[K]int64, order []K, link func(K) string, class func(K) string) []share {
	var total int64
	keys := slices.Clone(order)
	for k, n := range counts {
		total += n
		if !slices.Contains(order, k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys[len(order):])
	var all []share
	for _, k := range keys {
		if n := counts[k]; n > 0 {
			all = append(all, share{label(k), class(k), link(k), n, round(100 * float64(n) / float64(total))})
		}
	}
	return all
}
