package guard

import (
	"cmp"
	"time"

	"drawbridge/internal/passwordmemory"
	"drawbridge/proxy/login"
)

// Check is one check of a password or token that may be made now. It is for one goroutine.
type Check struct {
	failures *Failures
	guesses  *Guesses // nil: the password is no guess at an upstream's
	own      pairKey  // of the address by itself, which alone is ever verified
	key      pairKey  // what failures count for: of the /64, where the address was never verified
	name     string   // one spelling of the account
	crowd    string   // what it counts as where the accounts of a source are counted
	users    []string // whose password it may be a guess at, the one that is checked first
	digest   passwordmemory.Digest
	shared   bool // the source stands for many devices
	held     bool // as verified: neither counts nor waits
	token    bool // no password was verified

	pair      *pair // where the check has its turn
	flying    bool  // sessions with the same password wait for its answer
	guess     bool  // counts as a guess at the user's password
	stranger  bool  // a guess from a source never verified for the user
	doubts    int   // how many the password had when the check began
	notBefore time.Time
	over      bool
}

func (f *Failures) newCheck(a Attempt) *Check {
	from := f.Standing(a.Source)
	c := &Check{failures: f, own: a.own(), name: login.AccountKey(a.Account), shared: from.Shared, token: a.Token}
	c.key, c.crowd = pairKey{from.Key, c.own.account}, cmp.Or(entryKey(a.Crowd), c.own.account)
	c.digest = f.digests.Sum(kindOf(a), a.Upstream, c.name, a.Password.Reveal())
	if g := f.guessesOf(a.Upstream); g != nil && !a.Token {
		c.guesses, c.users = g, login.UsersOf(a.Account)
		c.doubts = g.doubtsOf(c.digest)
	}
	return c
}

// kindOf keeps a token from ever having a password's digest.
func kindOf(a Attempt) string {
	if a.Token {
		return "token"
	}
	return "password"
}

// known reports whether the source had a verified login as the account in the last 30 days.
func (c *Check) known(now time.Time) bool { return c.failures.verified.has(c.own, c.name, now) }

// begun ends Begin.
func (c *Check) begun(now time.Time, err error) (*Check, error) {
	if err != nil {
		return nil, err
	}
	c.notBefore = now.Add(refusalDelay)
	return c, nil
}

// NotBefore is the earliest time at which the device may be told that its credentials are bad: a second after any wait.
func (c *Check) NotBefore() time.Time { return c.notBefore }

// Done ends the check. It must be called once, with NoAnswer where the session has died; more calls change nothing.
func (c *Check) Done(v login.Verdict) {
	f := c.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	now := time.Now()
	believed := true
	if c.guesses != nil {
		believed = c.guesses.answered(c, v, now)
	}
	switch {
	case v == login.Accepted:
		f.accepted(c, now)
	case v.Refused() && believed:
		f.refused(c, now)
	}
	if c.pair != nil {
		f.answer(c.pair, c.digest, v)
	}
}

// accepted remembers the password and forgives the pair its failures.
func (f *Failures) accepted(c *Check, now time.Time) {
	f.held.Remember(c.digest, struct{}{}, now)
	if c.token {
		f.verified.recordToken(c.own.source, c.name, now)
	} else {
		f.verified.record(c.own, c.crowd, now)
	}
	if p := f.active[c.key]; p != nil {
		p.tally.forgive(c.name)
	}
	if t := f.pairs.Get(c.key); t != nil && t.forgive(c.name) {
		f.pairs.Remove(c.key)
	}
}

// refused counts a failed check, but for one of a password that was held as verified: that is held no longer.
func (f *Failures) refused(c *Check, now time.Time) {
	f.held.Forget(c.digest)
	if c.held {
		return
	}
	c.pair.tally.addAs(c.name, now)
	stranger := !c.known(now)
	if stranger {
		f.accounts.Touch(c.key.account).add(accountBound, now)
	}
	if stranger || !c.shared {
		f.sources.Touch(c.key.source).add(sourceBound, now)
	}
}
