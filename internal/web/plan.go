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
	Overdue  int64 // whose deadline has passed, strangers that are not served too
	Undated  int64 // of them, without one
	Later    int64 // of them, due after what the plot shows
	Steps    []planStep
	Next     []inventory.Device // due first, overdue ones included
	measured time.Time
	left     int64 // when all that were added have gone

	overdueOpen int64 // of Open
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
	p := newPlan(totals.Devices-totals.Stages[inventory.StageBlock], now)
	dated := inventory.Query{DueBefore: "9999-12-31", Strangers: &strangers, NotServedSince: now.Add(-inventory.NotServedAfter),
		Sort: "deadline"}
	_, err := d.Reader.EachDevice(ctx, dated, func(dev *inventory.Device) error {
		p.add(dev)
		return nil
	})
	if err != nil {
		return plan{}, err
	}
	d.plan.plan = p
	return p, nil
}

// forgetPlan is called when a deadline or stage was changed here, so that the change shows at once.
func (d *dashboard) forgetPlan() {
	d.plan.turn.Lock()
	defer d.plan.turn.Unlock()
	d.plan.plan = plan{}
}

// newPlan returns a plan without a device that has a deadline.
func newPlan(open int64, now time.Time) plan {
	return plan{Open: open, Undated: open, left: open, measured: now}
}

// add takes devices sorted by deadline.
func (p *plan) add(dev *inventory.Device) {
	today := startOfDay(p.measured)
	day, err := time.ParseInLocation(time.DateOnly, dev.Deadline, today.Location())
	if err != nil || dev.Stage == inventory.StageBlock {
		return
	}
	overdue := day.Before(today)
	if overdue {
		p.Overdue++
		day = today
	}
	if len(p.Next) < planNext {
		p.Next = append(p.Next, *dev)
	}
	if dev.Account == inventory.Stranger {
		return // it depends on nothing yet
	}
	p.Undated = max(0, p.Undated-1) // totals and devices are read one after the other
	p.left--
	if overdue {
		p.overdueOpen++
	}
	if day.After(today.AddDate(0, 0, planDays)) {
		p.Later++
	}
	if n := len(p.Steps); n == 0 || !p.Steps[n-1].day.Equal(day) {
		p.Steps = append(p.Steps, planStep{Date: day.Format(time.DateOnly), day: day})
	}
	s := &p.Steps[len(p.Steps)-1]
	s.Due, s.Left = s.Due+1, p.left
}
