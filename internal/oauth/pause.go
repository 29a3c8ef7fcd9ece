package oauth

import "time"

// How long a failed request is not repeated.
const (
	firstPause = 2 * time.Second
	lastPause  = time.Minute
)

// pause is the memory of failed requests: until when none is made, and why. The zero pause lets everything pass.
type pause struct {
	until time.Time
	step  time.Duration
	why   *Error
}

// holds reports whether no request may be made now.
func (p *pause) holds(now time.Time) bool { return now.Before(p.until) }

// failed remembers a request that began then and failed now. Of requests that ran side by side only the first one makes
// the pause longer.
func (p *pause) failed(began, now time.Time, why *Error) {
	if p.why == nil || !began.Before(p.until) {
		p.step = min(max(2*p.step, firstPause), lastPause)
	}
	p.why = why
	wait := p.step
	if why.RetryAfter > 0 {
		wait = why.RetryAfter
	}
	if until := now.Add(wait); until.After(p.until) {
		p.until = until
	}
}

// succeeded forgets.
func (p *pause) succeeded() { *p = pause{} }
