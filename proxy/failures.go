package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"drawbridge/internal/secret"
)

// What failed logins cost. Everything here is counted when a check has failed, never when it was refused unchecked.
var (
	pairBound    = bound{most: 10, in: 10 * time.Minute, penalty: 15 * time.Minute}
	sourceBound  = bound{most: 100, in: 30 * time.Minute, penalty: 30 * time.Minute}
	accountBound = bound{most: 30, in: time.Hour} // of sources never verified for it
	backOff      = [...]time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second}
)

const (
	sharedPace   = 15 * time.Second // between a pair's attempts, where its source may not be refused
	refusalDelay = time.Second      // bad credentials are told no sooner after any wait
	maxWaiting   = 8                // sessions of a pair
	heldFor      = 24 * time.Hour   // a verified password
	maxTallies   = 10_000           // of pairs, of sources, of accounts
	maxHeld      = 100_000          // verified passwords
)

// Attempt is what a device presented for one check.
type Attempt struct {
	Source   netip.Addr // with its zone, where it is link-local
	Upstream string
	Account  string // as typed
	Password secret.Secret
	Token    bool // Password is a token: no guess at a password
}

// FailureOptions are what a Failures works with.
type FailureOptions struct {
	// Verified may be nil: then nothing outlives the process.
	Verified *Verified
	// Guesses bound what upstreams are shown, by upstream. One that has none here is not protected: its passwords are
	// checked elsewhere.
	Guesses map[string]*Guesses
	// Gateways are the machine's own default gateways: sources that stand for many devices.
	Gateways []netip.Addr
}

// Failures counts failed checks per pair of source and account, slows and refuses those who fail too often, and keeps
// the upstreams' accounts from being locked. What it remembers is bounded, whatever strangers send. It is safe for
// concurrent use.
type Failures struct {
	verified *Verified
	guesses  map[string]*Guesses
	gateways map[netip.Addr]bool
	digests  *digester

	mu       sync.Mutex
	active   map[pairKey]*pair // those with a session that waits or checks
	pairs    *table[pairKey, tally]
	sources  *table[SourceKey, tally]
	accounts *table[string, tally] // failures from sources never verified for the account
	held     *table[digest, time.Time]
}

// NewFailures returns a Failures that has counted nothing yet.
func NewFailures(o FailureOptions) *Failures {
	f := &Failures{
		verified: o.Verified,
		guesses:  o.Guesses,
		gateways: make(map[netip.Addr]bool),
		digests:  newDigester(),
		active:   make(map[pairKey]*pair),
		pairs:    newTable[pairKey, tally](maxTallies),
		sources:  newTable[SourceKey, tally](maxTallies),
		accounts: newTable[string, tally](maxTallies),
		held:     newTable[digest, time.Time](maxHeld),
	}
	if f.verified == nil {
		f.verified = newVerified("")
	}
	for _, g := range o.Gateways {
		f.gateways[g.Unmap().WithZone("")] = true
	}
	return f
}

// Begin waits until the attempt may be checked, and returns the Check that the caller must end by Done; it is never nil
// without an error. A *Refusal says that it is not checked: BadCredentials, with NotBefore, or TooManyFailures. When ctx
// ends first, the error is ctx's.
func (f *Failures) Begin(ctx context.Context, a Attempt) (*Check, error) {
	c := f.newCheck(a)
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if passed, err := f.passes(c, now); passed || err != nil {
		return c.begun(now, err)
	}
	w, err := f.queueUp(c)
	if err != nil {
		return nil, err
	}
	defer f.stepOut(w)
	for {
		now := time.Now()
		pause, err := f.step(w, now)
		if pause == nil {
			return c.begun(now, err)
		}
		f.mu.Unlock()
		err = pause.wait(ctx)
		f.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
}

// passes reports whether a check needs no turn, since its password is held as verified, or why it is not made at all.
func (f *Failures) passes(c *Check, now time.Time) (bool, error) {
	if err := f.closedTo(c, now); err != nil {
		return false, err
	}
	if until := f.held.get(c.digest); until != nil && now.Before(*until) && f.trusts(c, now) {
		c.held = true
		return true, nil
	}
	if err := f.bannedFor(c, now); err != nil {
		return false, err
	}
	if c.guesses == nil {
		return false, nil
	}
	return false, c.guesses.remembered(c.digest, now)
}

// trusts reports whether what is held as verified counts for a source: not for one that never logged in to the account and has
// failures, or it could guess at the password at no cost while it has to wait.
func (f *Failures) trusts(c *Check, now time.Time) bool {
	if f.verified.has(c.key, now) {
		return true
	}
	pair, source := f.tallyOf(c.key), f.sources.get(c.key.source)
	return (pair == nil || pair.count(pairBound, now) == 0) && (source == nil || !source.penalised(now))
}

// closedTo refuses a source never verified for an account that too many such sources have failed for.
func (f *Failures) closedTo(c *Check, now time.Time) error {
	t := f.accounts.get(c.key.account)
	if t == nil || t.count(accountBound, now) < accountBound.most || f.verified.has(c.key, now) {
		return nil
	}
	return badCredentials(now, "%d logins to this account failed within %s from sources that never logged in to it: "+
		"it serves only those that did in the last 30 days, until there are fewer", accountBound.most, span(accountBound.in))
}

// bannedFor refuses a check whose pair or source failed too often. A shared source is only slowed, but for accounts
// that were never verified from it.
func (f *Failures) bannedFor(c *Check, now time.Time) error {
	if t := f.sources.get(c.key.source); t != nil && t.penalised(now) && !(c.shared && f.verified.has(c.key, now)) {
		return Refuse(TooManyFailures, "%s: the source waits until %s", sourceBound.sentence(), clock(t.until))
	}
	if t := f.tallyOf(c.key); t != nil && t.penalised(now) && !c.shared {
		return Refuse(TooManyFailures, "%s as this account: it waits until %s, correct the device's password",
			pairBound.sentence(), clock(t.until))
	}
	return nil
}

// Banned reports whether source must be refused before a login can begin, until when, and why. A source that stands for
// many devices never is.
func (f *Failures) Banned(source netip.Addr) (until time.Time, why string, banned bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.sources.get(KeyOf(source))
	if t == nil || !t.penalised(time.Now()) || f.IsShared(source) {
		return time.Time{}, "", false
	}
	return t.until, sourceBound.sentence(), true
}

// IsShared reports whether source stands for many devices: a default gateway of this machine, or one that Verified found.
func (f *Failures) IsShared(source netip.Addr) bool {
	return f.gateways[source.Unmap().WithZone("")] || f.verified.IsShared(source)
}

// sentence says that a bound was reached.
func (b bound) sentence() string {
	return fmt.Sprintf("%d logins failed within %s from this source", b.most, span(b.in))
}

// badCredentials is the refusal of what was not checked: it reads like a wrong password, as late as one.
func badCredentials(now time.Time, format string, args ...any) *Refusal {
	r := Refuse(BadCredentials, format, args...)
	r.NotBefore = now.Add(refusalDelay)
	return r
}

// span prints a duration as the configuration has it: 30m, not 30m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
