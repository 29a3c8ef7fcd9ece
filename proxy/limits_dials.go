package proxy

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// dials paces the connections to one upstream: so many a second, with a burst of one second, and a quarter of them for
// pairs without a verified login. It is safe for concurrent use; it runs no goroutine.
type dials struct {
	mu             sync.Mutex
	all, strangers *rate.Limiter
	waiting        waiting
	timer          *time.Timer // runs tick when the next one may go; nil: nobody waits
}

func newDials(perSecond int) *dials {
	q := quarter(perSecond)
	return &dials{
		all:       rate.NewLimiter(rate.Limit(perSecond), perSecond),
		strangers: rate.NewLimiter(rate.Limit(q), q),
	}
}

// wait returns nil when the turn has come, errQueued at until where that is not zero, or ctx's error.
func (d *dials) wait(ctx context.Context, k queueKey, known bool, until time.Time) error {
	d.mu.Lock()
	line := d.waiting.of(known)
	w := line.push(k)
	d.settle(time.Now())
	d.mu.Unlock()
	err := w.wait(ctx, until)
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.isGranted() {
		return nil
	}
	line.remove(w)
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
		d.all.AllowN(now, 1)
		if line == &d.waiting.strangers {
			d.strangers.AllowN(now, 1)
		}
		line.grant(nil)
	}
}

func (d *dials) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(time.Now())
}

// next returns the line whose turn is next, and in what time; nil: nobody waits.
func (d *dials) next(now time.Time) (*queue, time.Duration) {
	switch {
	case !d.waiting.known.empty():
		return &d.waiting.known, untilToken(d.all, now)
	case !d.waiting.strangers.empty():
		return &d.waiting.strangers, max(untilToken(d.all, now), untilToken(d.strangers, now))
	}
	return nil, 0
}

// untilToken is the time after which l has a token, 0 when it has one.
func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing/float64(l.Limit())*float64(time.Second)), time.Microsecond)
}
