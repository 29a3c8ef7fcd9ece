package guard

import (
	"context"
	"slices"
	"time"

	"drawbridge/internal/passwordmemory"
	"drawbridge/proxy/login"
)

// pair is a source and an account with a session that waits or checks. Its checks run one after another.
type pair struct {
	key      pairKey
	tally    tally
	line     []*waiter                     // who waits, in order of arrival
	places   map[passwordmemory.Digest]int // how many of them wait with the same password
	busy     bool                          // a check is under way
	checking passwordmemory.Digest         // its password
	changed  chan struct{}                 // closed at the next change; nil while nobody waits for one
}

// waiter is a session that waits for the turn of its check.
type waiter struct {
	check   *Check
	pair    *pair
	ready   time.Time // the end of its back-off, once it is the first in line
	refused bool      // a check of the same password was
}

// queueUp puts a check into the line of its pair. The same password takes one place, however many sessions wait with it, and
// none while it is being checked: they share its answer.
func (f *Failures) queueUp(c *Check) (*waiter, error) {
	p := f.active[c.key]
	if p == nil {
		p = &pair{key: c.key, places: make(map[passwordmemory.Digest]int)}
		if t := f.pairs.Get(c.key); t != nil {
			p.tally = *t
			f.pairs.Remove(c.key)
		}
		f.active[c.key] = p
	}
	if p.isFullFor(c.digest) {
		return nil, login.Refuse(login.TooManyFailures, "%d different passwords of this source and account wait already to be "+
			"checked: find out what tries them", maxWaiting)
	}
	w := &waiter{check: c, pair: p}
	p.line = append(p.line, w)
	p.places[c.digest]++
	return w, nil
}

// isFullFor reports whether a session with one more password must not wait.
func (p *pair) isFullFor(d passwordmemory.Digest) bool {
	taken := len(p.places)
	if p.busy {
		if d == p.checking {
			return false
		}
		if p.places[p.checking] > 0 {
			taken--
		}
	}
	return taken >= maxWaiting && p.places[d] == 0
}

// stepOut takes w out of the line.
func (f *Failures) stepOut(w *waiter) {
	if i := slices.Index(w.pair.line, w); i >= 0 {
		w.pair.line = slices.Delete(w.pair.line, i, i+1)
		countDown(w.pair.places, w.check.digest)
	}
	f.settle(w.pair)
}

// settle wakes those who wait for a change of p, and puts p away when nobody does.
func (f *Failures) settle(p *pair) {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
	if p.busy || len(p.line) > 0 {
		return
	}
	delete(f.active, p.key)
	if len(p.tally.times) > 0 {
		*f.pairs.Touch(p.key) = p.tally
	}
}

// tallyOf returns the failures of a pair, nil where there are none.
func (f *Failures) tallyOf(k pairKey) *tally {
	if p := f.active[k]; p != nil {
		return &p.tally
	}
	return f.pairs.Get(k)
}

// step decides what w does now. Without a pause its check begins, or the error says why it is not made.
func (f *Failures) step(w *waiter, now time.Time) (*pause, error) {
	c, p := w.check, w.pair
	if w.refused {
		return nil, badCredentials(now, "another session's check of the same name and password has just failed: correct the device's password")
	}
	if passed, err := f.passes(c, now); passed || err != nil {
		return nil, err
	}
	if p.busy || p.line[0] != w {
		return &pause{change: p.change()}, nil
	}
	if w.ready.IsZero() {
		w.ready = now.Add(p.delay(c.shared, now))
	}
	if now.Before(w.ready) {
		return &pause{until: w.ready, change: p.change()}, nil
	}
	if c.guesses != nil {
		flight, err := c.guesses.ask(c, now)
		if err != nil {
			return nil, err
		}
		if flight != nil {
			return &pause{flight: flight, change: p.change()}, nil
		}
	}
	p.busy, p.checking, c.pair = true, c.digest, p
	return nil, nil
}

// delay is how long the next check of p first waits.
func (p *pair) delay(shared bool, now time.Time) time.Duration {
	if shared && p.tally.penalised(now) {
		return sharedPace
	}
	n := p.tally.count(pairBound, now)
	if n == 0 {
		return 0
	}
	return backOff[min(n, len(backOff))-1]
}

func (p *pair) change() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// answer ends the check that p was busy with. Sessions that wait with the same password share its answer: an accepted
// password is held as verified from now on.
func (f *Failures) answer(p *pair, d passwordmemory.Digest, v login.Verdict) {
	p.busy = false
	for _, w := range p.line {
		if w.check.digest == d {
			w.refused = v.Refused()
		}
	}
	f.settle(p)
}

// pause is what a waiter waits for: whichever comes first.
type pause struct {
	until  time.Time       // zero: no time
	change <-chan struct{} // of the pair
	flight <-chan struct{} // another source's check of the same password
}

func (p *pause) wait(ctx context.Context) error {
	var timer <-chan time.Time
	if !p.until.IsZero() {
		t := time.NewTimer(time.Until(p.until))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-p.change:
	case <-p.flight:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
