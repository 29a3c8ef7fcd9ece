package report

import (
	"fmt"
	"strings"
	"time"

	"drawbridge/inventory/burndown"
)

// progress is the burn-down of the plan as the page shows it.
type progress struct {
	*burndown.Burndown
	Paths         burndown.Lines
	Now           float64 // where today is
	Floor         float64 // where the devices are that no date to come takes away
	Ticks, Dates  []tick
	Months        []monthSeen
	Steps         []burn
	Width, Height int
}

// monthSeen is the end of a month of the past, or today.
type monthSeen struct {
	Month string
	burndown.Point
}

// burn is the dates of one month or, where those would be many, of a quarter or a year.
type burn struct {
	Period    string
	Due, Left int
}

// The table beside the chart has so many months of the past, and so many rows of what is to come, but for dates of more years
// than that.
const (
	maxMonths = 6
	maxSteps  = 12
)

// newProgress returns nil if there is nothing to burn.
func newProgress(r *Report) *progress {
	b := burndown.New(r.Now)
	for i := range r.Devices {
		b.Add(&r.Devices[i])
	}
	b.End()
	if b.Open == 0 {
		return nil
	}
	p := &progress{Burndown: b, Width: chartWidth, Height: chartHeight}
	p.draw()
	p.tabulatePast(r.Now)
	p.tabulate()
	return p
}

// Sentence says what the chart shows.
func (p *progress) Sentence() string { return strings.Join(p.Sentences(), " ") }

func (p *progress) draw() {
	first, last := p.First(), p.Horizon()
	most := p.Open
	for _, point := range p.Past {
		most = max(most, point.Planned, point.Seen)
	}
	var top int64
	top, p.Ticks = scale(int64(most))
	span := float64(max(1, burndown.Days(first, last)))
	axes := burndown.Axes{
		X: func(date string) float64 {
			return round(chartWidth * float64(max(0, burndown.Days(first, date))) / span)
		},
		Y:    func(n int) float64 { return round(chartHeight - chartHeight*float64(n)/float64(top)) },
		Last: last,
	}
	p.Paths, p.Now, p.Floor = p.Lines(axes), axes.X(p.Today), axes.Y(p.Left)
	begin, _ := time.Parse(dateLayout, first) // of our own making
	for i := range 5 {
		p.Dates = append(p.Dates, tick{round(chartWidth * float64(i) / 4), begin.AddDate(0, 0, i*int(span)/4).Format(dateLayout)})
	}
}

// tabulatePast tells of the ends of the last months, as far as there is something to tell, and of today.
func (p *progress) tabulatePast(now time.Time) {
	if len(p.Past) == 0 {
		return
	}
	for i := maxMonths; i > 0; i-- {
		end := time.Date(now.Year(), now.Month()-time.Month(i)+1, 0, 12, 0, 0, 0, now.Location())
		if date := end.Format(dateLayout); date >= p.Past[0].Date {
			p.Months = append(p.Months, monthSeen{end.Format("2006-01"), p.On(date)})
		}
	}
	p.Months = append(p.Months, monthSeen{"Today", p.On(p.Today)})
}

// tabulate sums the dates to come up by the shortest period that makes a short table.
func (p *progress) tabulate() {
	for _, period := range []func(date string) string{monthOf, quarterOf, yearOf} {
		p.Steps = nil
		for _, s := range p.Ahead {
			if name := period(s.Date); len(p.Steps) == 0 || p.Steps[len(p.Steps)-1].Period != name {
				p.Steps = append(p.Steps, burn{Period: name})
			}
			step := &p.Steps[len(p.Steps)-1]
			step.Due += s.Due
			step.Left = s.Left
		}
		if len(p.Steps) <= maxSteps {
			return
		}
	}
}

func monthOf(date string) string { return date[:len("2006-01")] }
func yearOf(date string) string  { return date[:len("2006")] }

func quarterOf(date string) string {
	month := 10*int(date[5]-'0') + int(date[6]-'0')
	return fmt.Sprintf("%s, quarter %d", yearOf(date), (month+2)/3)
}
