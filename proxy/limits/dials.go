package limits

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"drawbridge/internal/fairqueue"
)

// dials paces the connections to one upstream: so many a second, with a burst of one second, and a quarter of them for
// pairs without a verified login. It is safe for concurrent use; it runs no goroutine.
type dials struct {
	mu             sync.Mutex
	all, strangers *rate.Limiter // nil: no limit
	waiting        waiting
	timer          *time.Timer // runs tick when the next one may go; nil: nobody waits
}

// setBound changes how many may go a second; 0: as many as want to.
func (d *dials) setBound(perSecond int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if perSecond <= 0 {
		d.all, d.strangers = nil, nil
	} else {
		d.all = rebound(d.all, perSecond, now)
		d.strangers = rebound(d.strangers, quarter(perSecond), now)
	}
	d.settle(now)
}

// rebound gives l, nil where there was none, another rate. What it has already let go is not forgotten.
func rebound(l *rate.Limiter, perSecond int, now time.Time) *rate.Limiter {
	if l == nil {
		return rate.NewLimiter(rate.Limit(perSecond), perSecond)
	}
	l.SetLimitAt(now, rate.Limit(perSecond))
	l.SetBurstAt(now, perSecond)
	return l
}

// wait returns nil when the turn has come, fairqueue.ErrTooLate at until where that is not zero, or ctx's error.
func (d *dials) wait(ctx context.Context, k turnKey, known bool, until time.Time) error {
	d.mu.Lock()
	if d.all == nil && d.waiting.empty() {
		d.mu.Unlock()
		return nil
	}
	line := d.waiting.of(known)
	w := line.Push(k)
	d.settle(time.Now())
	d.mu.Unlock()
	err := w.Wait(ctx, until)
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.Granted() {
		return nil
	}
	line.Remove(w)
	d.settle(time.Now())
	return err
}

// settle lets those go whose turn has come, and sets the timer for the next one.
func (d *dials) settle(now time.Time) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	for {
		line, delay := d.next(now)
		if line == nil {
			return
		}
		if delay > 0 {
			d.timer = time.AfterFunc(delay, d.tick)
			return
		}
		allow(d.all, now)
		if line == &d.waiting.strangers {
			allow(d.strangers, now)
		}
		line.Grant(nil)
	}
}

func (d *dials) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(time.Now())
}

// next returns the line whose turn is next, and in what time; nil: nobody waits.
func (d *dials) next(now time.Time) (*fairqueue.Queue[turnKey], time.Duration) {
	switch {
	case !d.waiting.known.Empty():
		return &d.waiting.known, untilToken(d.all, now)
	case !d.waiting.strangers.Empty():
		return &d.waiting.strangers, max(untilToken(d.all, now), untilToken(d.strangers, now))
	}
	return nil, 0
}

// allow takes a token of l.
func allow(l *rate.Limiter, now time.Time) {
	if l != nil {
		l.AllowN(now, 1)
	}
}

// untilToken is the time after which l has a token, 0 when it has one.
func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing/float64(l.Limit())*float64(time.Second)), time.Microsecond)
}
