package web

import (
	"context"
	"sync"
	"time"

	"drawbridge/inventory"
)

// plan is how many devices leave the bridge when, if every deadline is kept.
type plan struct {
	Open     int64 // devices that are not blocked yet
	Overdue  int64 // of them, whose deadline has passed
	Undated  int64 // of them, without one
	Later    int64 // of them, due after what the plot shows
	Steps    []planStep
	Next     []inventory.Device // due first, overdue ones included
	measured time.Time
}

// planStep is a day on which devices are due. Overdue ones are due today.
type planStep struct {
	Date      string
	Due, Left int64
	day       time.Time
}

// planDays is how far the plot looks ahead: a deadline such as 2099 would squeeze the others into its first column.
const planDays = 3 * 365

// planNext is how many of the devices due next the overview names.
const planNext = 6

// planCache keeps a plan for a minute: it reads every device that has a deadline. Whoever asks meanwhile waits for the
// one who computes it.
type planCache struct {
	turn sync.Mutex
	plan plan
}

const planAge = time.Minute

func (d *dashboard) readPlan(ctx context.Context, totals inventory.Totals) (plan, error) {
	d.plan.turn.Lock()
	defer d.plan.turn.Unlock()
	now := d.Now().In(d.Zone)
	if age := now.Sub(d.plan.plan.measured); age >= 0 && age < planAge {
		return d.plan.plan, nil
	}
	strangers := false
	devices, _, err := d.Reader.Devices(ctx, inventory.Query{DueBefore: "9999-12-31", Strangers: &strangers, Sort: "deadline"})
	if err != nil {
		return plan{}, err
	}
	d.plan.plan = makePlan(devices, totals.Devices-totals.Stages[inventory.StageBlock], now)
	return d.plan.plan, nil
}

// forgetPlan is called when a deadline or stage was changed here, so that the change shows at once.
func (d *dashboard) forgetPlan() {
	d.plan.turn.Lock()
	defer d.plan.turn.Unlock()
	d.plan.plan = plan{}
}

// makePlan takes devices sorted by deadline, all of which have one.
func makePlan(devices []inventory.Device, open int64, now time.Time) plan {
	p := plan{Open: open, Undated: open, measured: now}
	today, left := startOfDay(now), open
	for _, dev := range devices {
		day, err := time.ParseInLocation(time.DateOnly, dev.Deadline, now.Location())
		if err != nil || dev.Stage == inventory.StageBlock {
			continue
		}
		p.Undated--
		left--
		if day.Before(today) {
			p.Overdue++
			day = today
		}
		if day.After(today.AddDate(0, 0, planDays)) {
			p.Later++
		}
		if len(p.Next) < planNext {
			p.Next = append(p.Next, dev)
		}
		if n := len(p.Steps); n == 0 || !p.Steps[n-1].day.Equal(day) {
			p.Steps = append(p.Steps, planStep{Date: day.Format(time.DateOnly), day: day})
		}
		s := &p.Steps[len(p.Steps)-1]
		s.Due, s.Left = s.Due+1, left
	}
	p.Undated = max(0, p.Undated) // totals and devices are read one after the other
	return p
}
