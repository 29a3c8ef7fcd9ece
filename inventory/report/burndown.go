package report

import (
	"fmt"
	"strings"
	"time"
)

// horizon is how far ahead the burn-down is drawn.
const horizon = 3 * 365

// burndown is how many devices are left if every deadline to come holds.
type burndown struct {
	Line          string // of the chart, as an SVG path
	Area          string
	Floor         float64 // where the devices are that no deadline to come takes away
	Ticks, Dates  []tick
	Steps         []burn
	Start, Left   int // today, and at the end
	Overdue       int
	NoDate        int
	Width, Height int
}

// burn is the deadlines of one month.
type burn struct {
	Month     string
	Due, Left int
}

// newBurndown returns nil if there is nothing to burn.
func newBurndown(r *Report, f *figures) *burndown {
	if f.all.Devices == 0 {
		return nil
	}
	b := &burndown{Start: f.all.Devices, Left: f.all.Devices, Overdue: f.all.Overdue, NoDate: f.all.NoDate,
		Width: chartWidth, Height: chartHeight}
	today, _ := time.Parse(dateLayout, r.today()) // of our own making
	last := 90
	coming := f.dated[f.all.Overdue:] // sorted by deadline
	if n := len(coming); n > 0 {
		last = min(max(last, daysTo(today, r.Devices[coming[n-1]].Deadline)+14), horizon)
	}
	b.draw(r, coming, today, last)
	b.label(today, last)
	return b
}

func daysTo(today time.Time, date string) int {
	day, err := time.Parse(dateLayout, date)
	if err != nil {
		return 0
	}
	return int(day.Sub(today).Hours() / 24)
}

// draw steps down at each deadline. A device is due on its deadline and gone on the day after.
func (b *burndown) draw(r *Report, coming []int, today time.Time, last int) {
	var top int64
	top, b.Ticks = scale(int64(b.Start))
	y := func() float64 { return round(chartHeight - chartHeight*float64(b.Left)/float64(top)) }
	var path strings.Builder
	fmt.Fprintf(&path, "M0 %v", y())
	for i := 0; i < len(coming); {
		date, due := r.Devices[coming[i]].Deadline, 0
		for ; i < len(coming) && r.Devices[coming[i]].Deadline == date; i++ {
			due++
		}
		b.Left -= due
		b.step(date[:len("2006-01")], due)
		if days := daysTo(today, date); days <= last {
			fmt.Fprintf(&path, "H%vV%v", round(chartWidth*float64(days)/float64(last)), y())
		}
	}
	fmt.Fprintf(&path, "H%d", chartWidth)
	b.Line, b.Floor = path.String(), y()
	b.Area = fmt.Sprintf("%sV%dH0Z", b.Line, chartHeight)
}

func (b *burndown) step(month string, due int) {
	if n := len(b.Steps); n > 0 && b.Steps[n-1].Month == month {
		b.Steps[n-1].Due += due
		b.Steps[n-1].Left = b.Left
		return
	}
	b.Steps = append(b.Steps, burn{month, due, b.Left})
}

func (b *burndown) label(today time.Time, last int) {
	for i := range 5 {
		days := i * last / 4
		b.Dates = append(b.Dates, tick{round(chartWidth * float64(i) / 4), today.AddDate(0, 0, days).Format(dateLayout)})
	}
}
