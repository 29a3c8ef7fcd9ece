package report

import (
	"fmt"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// Charts are drawn in these units; the page scales them.
const (
	chartWidth  = 640
	chartHeight = 200
)

// maxBars is how many bars a chart has at most.
const maxBars = 62

// trend is sessions by TLS version over time.
type trend struct {
	Bars          []bar
	Ticks         []tick // of sessions
	Dates         []tick
	Legend        []series
	Months        []month
	Per           string // what a bar is: "day"
	First, Last   string
	Width, Height int
}

// bar is the sessions of some days, as boxes on each other.
type bar struct {
	Title string
	Boxes []box
}

type box struct {
	Class               string
	X, Y, Width, Height float64
}

// tick is a label at a place of an axis.
type tick struct {
	At    float64
	Label string
}

type series struct{ Class, Name string }

// month is a row of the table beside the chart.
type month struct {
	Name                       string
	Sessions, Weak, Incomplete string
	Share                      int // of weak ones in the completed ones, in percent
}

// seriesOf are the versions from the weakest, at the bottom, up. Class is that of the style sheet.
func seriesOf() []series {
	return []series{{"ssl", "SSL 2 and 3"}, {"v10", "TLS 1.0"}, {"v11", "TLS 1.1"}, {"v12", "TLS 1.2"}, {"v13", "TLS 1.3"},
		{"none", "No TLS completed"}}
}

// seriesIndex are the indexes of the versions' series; versions that are none of these are those of the last one.
var seriesIndex = map[string]int{"ssl2": 0, "ssl3": 0, "1.0": 1, "1.1": 2, "1.2": 3, "1.3": 4}

// sums are sessions by the index of their series.
type sums [6]int64

func (s *sums) add(day *inventory.Day) {
	for version, n := range day.TLSVersions {
		i, known := seriesIndex[version]
		if !known {
			i = len(s) - 1
		}
		s[i] += n
	}
}

func (s *sums) total() (n int64) {
	for _, one := range s {
		n += one
	}
	return n
}

func (s *sums) weak() int64 { return s[0] + s[1] + s[2] }

// datedDay is a day whose date was read.
type datedDay struct {
	*inventory.Day
	date time.Time
}

// newTrend returns nil if no day has a date.
func newTrend(days []inventory.Day) *trend {
	dated := make([]datedDay, 0, len(days))
	for i := range days {
		date, err := time.Parse(dateLayout, days[i].Date)
		if err == nil && (len(dated) == 0 || !date.Before(dated[0].date)) {
			dated = append(dated, datedDay{&days[i], date})
		}
	}
	if len(dated) == 0 {
		return nil
	}
	first, last := dated[0].date, dated[len(dated)-1].date
	t := &trend{First: first.Format(dateLayout), Last: last.Format(dateLayout), Width: chartWidth, Height: chartHeight}
	bins, span := binned(dated)
	t.Per = perWords(span)
	t.draw(bins, last, span)
	t.Months = months(dated)
	return t
}

// binned sums the days up by day, week or more, so that the bars have room. The last bar ends with the last day: if one
// has fewer days than the others it is the first.
func binned(dated []datedDay) (bins []sums, span int) {
	last := dated[len(dated)-1].date
	before := func(d datedDay) int { return int(last.Sub(d.date).Hours() / 24) }
	length := before(dated[0]) + 1
	span = 1
	if length > maxBars {
		span = 7 * ((length + 7*maxBars - 1) / (7 * maxBars))
	}
	bins = make([]sums, (length+span-1)/span)
	for _, d := range dated {
		if i := len(bins) - 1 - before(d)/span; i >= 0 && i < len(bins) {
			bins[i].add(d.Day)
		}
	}
	return bins, span
}

func perWords(span int) string {
	switch span {
	case 1:
		return "day"
	case 7:
		return "week"
	}
	return words.Count(span/7, "week", "weeks")
}

func (t *trend) draw(bins []sums, last time.Time, span int) {
	top := int64(1)
	var all sums
	for i := range bins {
		top = max(top, bins[i].total())
		for j, n := range bins[i] {
			all[j] += n
		}
	}
	top, t.Ticks = scale(top)
	slot := float64(chartWidth) / float64(len(bins))
	for i := range bins {
		date := last.AddDate(0, 0, (i+1-len(bins))*span-span+1).Format(dateLayout)
		t.Bars = append(t.Bars, newBar(date, &bins[i], float64(i)*slot, slot, top))
		if i%max(1, (len(bins)+4)/5) == 0 {
			t.Dates = append(t.Dates, tick{(float64(i) + 0.5) * slot, date})
		}
	}
	for i, s := range seriesOf() {
		if all[i] > 0 {
			t.Legend = append(t.Legend, s)
		}
	}
}

func newBar(date string, s *sums, x, slot float64, top int64) bar {
	b := bar{Title: fmt.Sprintf("%s: %s, %s of them weak", date, words.Count(s.total(), "session", "sessions"), words.Number(s.weak()))}
	y, gap := float64(chartHeight), min(slot/5, 3)
	for i, one := range seriesOf() {
		if s[i] == 0 {
			continue
		}
		height := chartHeight * float64(s[i]) / float64(top)
		y -= height
		b.Boxes = append(b.Boxes, box{one.Class, round(x + gap/2), round(y), round(slot - gap), round(height)})
	}
	return b
}

func round(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }

// scale returns the ticks of an axis to n, at most six of them at a round distance, and what the last one stands for.
func scale(n int64) (top int64, ticks []tick) {
	step := int64(1)
	for i := 0; 5*step < n; i++ {
		if i%3 == 1 { // 1, 2, 5, 10, 20, 50…
			step = step / 2 * 5
		} else {
			step *= 2
		}
	}
	steps := max(1, (n+step-1)/step)
	for i := range steps + 1 {
		ticks = append(ticks, tick{round(chartHeight - chartHeight*float64(i)/float64(steps)), words.Number(i * step)})
	}
	return steps * step, ticks
}

// months sums the days up by month, the last 14 of them.
func months(dated []datedDay) []month {
	var names []string
	byMonth := make(map[string]*sums)
	for _, d := range dated {
		name := d.date.Format("2006-01")
		if byMonth[name] == nil {
			byMonth[name] = &sums{}
			names = append(names, name)
		}
		byMonth[name].add(d.Day)
	}
	names = names[max(0, len(names)-14):]
	rows := make([]month, 0, len(names))
	for _, name := range names {
		s := byMonth[name]
		rows = append(rows, month{Name: name, Sessions: words.Number(s.total()), Weak: words.Number(s.weak()),
			Incomplete: words.Number(s[5]), Share: percent(s.weak(), s.total()-s[5])})
	}
	return rows
}
