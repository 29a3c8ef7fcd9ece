package notices

import (
	"context"
	"errors"
	"time"

	"drawbridge/config"
	"drawbridge/inventory"
)

// How long what is so is news.
const (
	newFor    = 7 * 24 * time.Hour // that a device is new, quiet or failing
	behindFor = 5 * time.Minute    // until a store that is behind is told of
)

// maxLook is how many devices of one kind a look finds at most.
const maxLook = maxTold

// Inventory is what is read of the inventory: an inventory.Reader of what is so now, or it says why it cannot be told.
type Inventory interface {
	EachDevice(ctx context.Context, q inventory.Query, do func(*inventory.Device) error) (total int, err error)
	Device(ctx context.Context, id string) (inventory.Device, error) // inventory.ErrNoDevice
}

// Sources are what a Notifier looks at. Functions that are nil are not asked. All are safe for concurrent use and none waits long.
type Sources struct {
	Inventory    Inventory
	Certificates func() []Certificate
	Secrets      func() []Secret
	Down         func(now time.Time) []Down
	Behind       func() error

	// Ahead returns the changes of stages and upstreams from one time, which is not in it, up to another.
	Ahead func(ctx context.Context, from, to time.Time) ([]StageChange, error)
}

// look is what one look has found.
type look struct {
	writer
	since   time.Time // what was so before is no news
	looked  []string  // the events that were looked for; of the others nothing is known
	holding []Notice  // what is so now
	err     error     // why the others were not looked for
	claims  *claims
}

// found adds what is so of one kind of event.
func (l *look) found(event string, holding []Notice, err error) {
	if err != nil {
		l.err = errors.Join(l.err, err)
		return
	}
	l.looked = append(l.looked, event)
	l.holding = append(l.holding, holding...)
}

// often looks for what is told soon.
func (l *look) often(ctx context.Context, s *Sources, behind time.Time) {
	l.looked = append(l.looked, config.NoticeConfigRefused) // told when it happens; it is over at once
	if s.Down != nil {
		var holding []Notice
		for _, d := range s.Down(l.now) {
			holding = append(holding, l.upstreamDown(d))
		}
		l.found(config.NoticeUpstreamDown, holding, nil)
	}
	var holding []Notice
	if !behind.IsZero() && l.now.Sub(behind) >= behindFor {
		holding = append(holding, l.storeBehind(behind))
	}
	l.found(config.NoticeStoreBehind, holding, nil)
	if s.Inventory != nil {
		l.failing(ctx, s.Inventory)
		l.fresh(ctx, s.Inventory)
	}
}

// seldom looks for what is told ahead, or long after.
func (l *look) seldom(ctx context.Context, s *Sources, quietAfter, ahead time.Duration) {
	if s.Inventory != nil {
		l.quiet(ctx, s.Inventory, quietAfter)
	}
	if s.Ahead != nil {
		changes, err := s.Ahead(ctx, l.now, l.now.Add(ahead))
		var holding []Notice
		for _, c := range changes[:min(len(changes), maxLook)] {
			holding = append(holding, l.stageAhead(c))
		}
		l.found(config.NoticeStageAhead, holding, err)
	}
	if s.Certificates != nil {
		var holding []Notice
		for _, c := range s.Certificates() {
			if l.ends(c.Ends, ahead) {
				holding = append(holding, l.certificateAhead(c))
			}
		}
		l.found(config.NoticeCertificateAhead, holding, nil)
	}
	if s.Secrets != nil {
		var holding []Notice
		for _, c := range s.Secrets() {
			if l.ends(c.Ends, ahead) {
				holding = append(holding, l.secretAhead(c))
			}
		}
		l.found(config.NoticeSecretAhead, holding, nil)
	}
}

// ends reports whether an end is near. One that has passed is told too: the bridge may not have run before it.
func (l *look) ends(end time.Time, ahead time.Duration) bool {
	return !end.IsZero() && !end.After(l.now.Add(ahead))
}

// errEnough ends a list.
var errEnough = errors.New("enough")

// each asks for devices with an account until do finds them too old, or there are too many.
func (l *look) each(ctx context.Context, in Inventory, event string, q inventory.Query,
	do func(d *inventory.Device) (n Notice, holds bool, err error)) {
	holding, err := l.list(ctx, in, q, do)
	l.found(event, holding, err)
}

// list is each, for those who find more.
func (l *look) list(ctx context.Context, in Inventory, q inventory.Query,
	do func(d *inventory.Device) (n Notice, holds bool, err error)) (holding []Notice, err error) {
	_, err = in.EachDevice(ctx, q, func(d *inventory.Device) error {
		if d.Account == inventory.Stranger {
			return nil
		}
		n, so, err := do(d)
		if so {
			holding = append(holding, n)
		}
		if len(holding) == maxLook {
			return errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return holding, err
}

// fresh finds the devices whose first session began in the last days, and since there are notices.
func (l *look) fresh(ctx context.Context, in Inventory) {
	noStrangers, from := false, later(l.since, l.now.Add(-newFor))
	l.each(ctx, in, config.NoticeDeviceNew, inventory.Query{Strangers: &noStrangers, Sort: "first_seen", Descending: true},
		func(d *inventory.Device) (Notice, bool, error) {
			if !d.FirstSeen.After(from) { // also of those that people named before they came, which have none
				return Notice{}, false, errEnough
			}
			return l.deviceNew(d), true, nil
		})
}

// failing finds the devices that were served once, and whose latest session did not get through. That nothing of a source was served
// for days makes no difference here, so the time from which on that counts is one before all others.
func (l *look) failing(ctx context.Context, in Inventory) {
	from := later(l.since, l.now.Add(-newFor))
	q := inventory.Query{Failing: true, NotServedSince: time.UnixMilli(1), Sort: "last_seen", Descending: true}
	holding, err := l.list(ctx, in, q, func(d *inventory.Device) (Notice, bool, error) {
		switch {
		case d.LastSeen.Before(from):
			return Notice{}, false, errEnough
		case d.LastServed == nil || !d.Failing(from) || planned(d):
			return Notice{}, false, nil
		}
		return l.deviceFailing(d), true, nil
	})
	claimed, failed := l.claims.devices(ctx, in)
	for i := range claimed {
		holding = append(holding, l.deviceFailing(&claimed[i]))
	}
	l.found(config.NoticeDeviceFailing, holding, errors.Join(err, failed))
}

// planned reports whether a device was refused because a brownout is meant to do that.
func planned(d *inventory.Device) bool {
	return d.Stage == inventory.StageBrownout && d.LastOutcome == inventory.OutcomeRefused
}

// quiet finds the devices that were seen last so long ago, and not much longer.
func (l *look) quiet(ctx context.Context, in Inventory, after time.Duration) {
	noStrangers, from := false, later(l.since, l.now.Add(-newFor))
	q := inventory.Query{Strangers: &noStrangers, QuietSince: l.now.Add(-after), Sort: "last_seen", Descending: true}
	l.each(ctx, in, config.NoticeDeviceQuiet, q, func(d *inventory.Device) (Notice, bool, error) {
		switch {
		case d.LastSeen.IsZero() || d.Stage == inventory.StageBlock:
			return Notice{}, false, nil
		case !d.LastSeen.Add(after).After(from):
			return Notice{}, false, errEnough
		}
		return l.deviceQuiet(d), true, nil
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
