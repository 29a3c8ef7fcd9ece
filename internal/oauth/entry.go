package oauth

import (
	"context"
	"time"
)

// What decides about a renewal.
const (
	renewAhead  = 5 * time.Minute  // of a token's end
	imapLife    = 20 * time.Minute // a session of IMAP ends with its token
	leastLife   = 10 * time.Second // less is none: a session could not even begin
	renewEvery  = time.Minute      // where the tokens that come are no better than what is there
	firstForce  = 15 * time.Second // a refused token is replaced; if its successor is refused too it may not be the token,
	lastForce   = 5 * time.Minute  // and it is replaced no sooner than that, then twice as long each time, up to this
	forgetForce = 10 * time.Minute // after which all that is forgotten
	patience    = 2 * time.Second  // how long a token near its end waits for its successor
	maxEntries  = 4096             // tokens kept, for flows with one a user
	maxRequests = 32               // under way at once
)

// entry is one token and the request that renews it. The Source's mutex guards it.
type entry struct {
	token   Token
	fetched time.Time
	refused bool          // by the upstream: the next caller waits for another one
	forced  time.Time     // when that was last so
	rests   time.Duration // how long from then on it is not so again
	renewed time.Time     // when a renewal last succeeded
	used    time.Time
	flight  *flight // the request under way
	pause   pause
}

// flight is one request, for all who wait for it. It does not end because one of them has left.
type flight struct {
	done   chan struct{}
	cancel context.CancelFunc
	err    *Error // read after done
}

// verdict is what a caller gets: a token, a request to wait for, or neither.
type verdict struct {
	serve bool
	renew bool // a request is to be begun first
	wait  bool // for the request under way
	brief bool // but no longer than patience, since the token still serves
}

// decide is pure: what the state of an entry means for a caller. mayAsk says that no pause holds.
func (e *entry) decide(now time.Time, r Request, mayAsk bool) verdict {
	life := e.token.Expires.Sub(now)
	alive := !e.token.Value.Empty() && life > leastLife
	serves := alive && !e.token.is(r.Instead)
	v := verdict{serve: serves}
	v.renew = e.flight == nil && mayAsk && (!alive || e.refused || e.fading(now, r.minLife()))
	underWay := e.flight != nil || v.renew
	switch {
	case !underWay:
	case !serves || e.refused:
		v.wait = true
	case life < min(renewAhead, e.threshold(renewAhead)):
		v.wait, v.brief = true, true
	}
	return v
}

// fading reports whether a live token is due for renewal, which is not tried again at once where tokens are short.
func (e *entry) fading(now time.Time, minLife time.Duration) bool {
	return e.token.Expires.Sub(now) < e.threshold(minLife) && now.Sub(e.renewed) >= renewEvery
}

// threshold is the life below which a token is renewed: never more than half of what it had, so that short-lived ones
// are not renewed without end.
func (e *entry) threshold(minLife time.Duration) time.Duration {
	return min(max(minLife, renewAhead), e.token.Expires.Sub(e.fetched)/2)
}

// refuse notes that the upstream refused the token, and reports whether another one will come. Where the last one was
// replaced for that reason a moment ago, none does: Entra ID answers loops with AADSTS50196.
func (e *entry) refuse(t Token, now time.Time) bool {
	if !e.token.is(t) || e.refused {
		return true
	}
	since := now.Sub(e.forced)
	switch {
	case e.forced.IsZero() || since >= forgetForce:
		e.rests = firstForce
	case since < e.rests:
		return false
	default:
		e.rests = min(2*e.rests, lastForce)
	}
	e.refused, e.forced = true, now
	return true
}

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
