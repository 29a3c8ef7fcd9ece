package web

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
)

// plan is the burn-down of the fleet, with those who leave first.
type plan struct {
	*burndown.Burndown
	Overdue int                // with sources that are not served, which a deadline was set for
	Next    []inventory.Device // due first, overdue ones included
}

// planNext is how many of the devices due next the overview names.
const planNext = 6

// planCache keeps a plan for a minute: it reads every device. Whoever asks meanwhile waits for the
// one who computes it.
type planCache struct {
	turn     sync.Mutex
	plan     plan
	measured time.Time
}

const planAge = time.Minute

func (d *dashboard) readPlan(ctx context.Context) (plan, error) {
	d.plan.turn.Lock()
	defer d.plan.turn.Unlock()
	now := d.Now().In(d.Zone)
	if age := now.Sub(d.plan.measured); age >= 0 && age < planAge && d.plan.plan.Today == now.Format(time.DateOnly) {
		return d.plan.plan, nil
	}
	strangers := false
	p := newPlan(now)
	fleet := inventory.Query{Strangers: &strangers, NotServedSince: now.Add(-inventory.NotServedAfter)}
	_, err := d.Reader.EachDevice(ctx, fleet, func(dev *inventory.Device) error {
		p.add(dev)
		return nil
	})
	if err != nil {
		return plan{}, err
	}
	p.End()
	d.plan.plan, d.plan.measured = p, now
	return p, nil
}

// forgetPlan is called when a deadline or stage was changed here, so that the change shows at once.
func (d *dashboard) forgetPlan() {
	d.plan.turn.Lock()
	defer d.plan.turn.Unlock()
	d.plan.measured = time.Time{}
}

// newPlan returns a plan of no device.
func newPlan(now time.Time) plan { return plan{Burndown: burndown.New(now)} }

// add counts a device.
func (p *plan) add(dev *inventory.Device) {
	p.Add(dev)
	leaves := p.Leaves(dev)
	if leaves == "" || dev.StageNow() == inventory.StageBlock {
		return
	}
	if leaves < p.Today {
		p.Overdue++
	}
	p.offer(dev, leaves)
}

// offer keeps a device where it is among those who leave first.
func (p *plan) offer(dev *inventory.Device, leaves string) {
	at, _ := slices.BinarySearchFunc(p.Next, leaves, func(other inventory.Device, date string) int {
		return cmp.Or(cmp.Compare(p.Leaves(&other), date), cmp.Compare(other.ID, dev.ID))
	})
	if at >= planNext {
		return
	}
	p.Next = slices.Insert(p.Next, at, *dev)
	p.Next = p.Next[:min(planNext, len(p.Next))]
}
