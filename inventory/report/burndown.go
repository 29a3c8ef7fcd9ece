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

// burn is the deadlines of one month or, where those would be many, of a quarter or a year.
type burn struct {
	Period    string
	Due, Left int
}

// maxSteps is how many rows the table beside the chart has, but for deadlines of more years than that.
const maxSteps = 12

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
	b.tabulate(r, coming)
	return b
}

// Sentence says what the chart shows.
func (b *burndown) Sentence() string {
	if b.Left == 0 {
		return "If every deadline holds, no device is left when the last one has passed."
	}
	return fmt.Sprintf("Of %s today, %s left when the last deadline to come has passed: %s past the deadline already, and %s without one.",
		count(b.Start, "device", "devices"), count(b.Left, "is", "are"), number(int64(b.Overdue)), number(int64(b.NoDate)))
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
		if days := daysTo(today, date); days <= last {
			fmt.Fprintf(&path, "H%vV%v", round(chartWidth*float64(days)/float64(last)), y())
		}
	}
	fmt.Fprintf(&path, "H%d", chartWidth)
	b.Line, b.Floor = path.String(), y()
	b.Area = fmt.Sprintf("%sV%dH0Z", b.Line, chartHeight)
}

// tabulate sums the deadlines up by the shortest period that makes a short table.
func (b *burndown) tabulate(r *Report, coming []int) {
	for _, period := range []func(date string) string{monthOf, quarterOf, yearOf} {
		left := b.Start
		b.Steps = nil
		for _, i := range coming {
			left--
			if name := period(r.Devices[i].Deadline); len(b.Steps) == 0 || b.Steps[len(b.Steps)-1].Period != name {
				b.Steps = append(b.Steps, burn{Period: name})
			}
			step := &b.Steps[len(b.Steps)-1]
			step.Due++
			step.Left = left
		}
		if len(b.Steps) <= maxSteps {
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

func (b *burndown) label(today time.Time, last int) {
	for i := range 5 {
		days := i * last / 4
		b.Dates = append(b.Dates, tick{round(chartWidth * float64(i) / 4), today.AddDate(0, 0, days).Format(dateLayout)})
	}
}
