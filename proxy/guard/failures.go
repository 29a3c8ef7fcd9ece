// Package guard decides who may have a password checked, when, so that neither a device nor an account upstream can be locked
// by a stranger. It counts failures by pair of source and account, bounds the guesses that go upstream, remembers on disk who was
// verified.
package guard

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"drawbridge/internal/lru"
	"drawbridge/internal/passwordmemory"
	"drawbridge/internal/secret"
	"drawbridge/internal/source"
	"drawbridge/proxy/login"
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
	maxWaiting   = 8                // different passwords of a pair
	heldFor      = 24 * time.Hour   // a verified password
	maxTallies   = 10_000           // of pairs, of sources, of accounts
	maxHeld      = 100_000          // verified passwords
)

// Attempt is what a device presented for one check.
type Attempt struct {
	Source   netip.Addr // with its zone, where it is link-local
	Upstream string
	Account  string // as typed, or, where it is known, the one whose password is checked: a listed account, a user at Entra ID
	Entry    string // the listed account, or pattern of accounts, that it counts as; empty: Account
	Crowd    string // the same where the accounts of a source are counted: a pattern with a password for each is one; empty: as Entry
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
	digests  *passwordmemory.Hasher

	mu       sync.Mutex
	active   map[pairKey]*pair // those with a session that waits or checks
	pairs    *lru.Table[pairKey, tally]
	sources  *lru.Table[source.Key, tally]
	accounts *lru.Table[string, tally]        // failures from sources never verified for the account
	held     *passwordmemory.Memory[struct{}] // passwords held as verified
}

// NewFailures returns a Failures that has counted nothing yet.
func NewFailures(o FailureOptions) *Failures {
	f := &Failures{
		verified: o.Verified,
		guesses:  o.Guesses,
		gateways: make(map[netip.Addr]bool),
		digests:  passwordmemory.NewHasher(),
		active:   make(map[pairKey]*pair),
		pairs:    lru.New[pairKey, tally](maxTallies, nil),
		sources:  lru.New[source.Key, tally](maxTallies, nil),
		accounts: lru.New[string, tally](maxTallies, nil),
		held:     passwordmemory.New[struct{}](maxHeld, heldFor),
	}
	if f.verified == nil {
		f.verified = newVerified("")
	}
	for _, g := range o.Gateways {
		f.gateways[g.Unmap().WithZone("")] = true
	}
	return f
}

// Protect makes o hold from now on: upstreams that had other bounds get these, and what is counted of them stays; those that
// are not among o are protected no more.
func (f *Failures) Protect(o []GuessOptions) {
	f.mu.Lock()
	defer f.mu.Unlock()
	protected := make(map[string]*Guesses, len(o))
	for _, bounds := range o {
		g := f.guesses[bounds.Upstream]
		if g == nil {
			g = NewGuesses(bounds)
		}
		g.setBounds(bounds)
		protected[bounds.Upstream] = g
	}
	f.guesses = protected
}

// guessesOf are those at the passwords of an upstream, nil where it is not protected.
func (f *Failures) guessesOf(upstream string) *Guesses {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.guesses[upstream]
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
	if _, held := f.held.Recall(c.digest, now); held && f.trusts(c, now) {
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
	if c.known(now) {
		return true
	}
	pair, from := f.tallyOf(c.key), f.sources.Get(c.key.source)
	return (pair == nil || pair.count(pairBound, now) == 0) && (from == nil || !from.penalised(now))
}

// closedTo refuses a source never verified for an account that too many such sources have failed for.
func (f *Failures) closedTo(c *Check, now time.Time) error {
	t := f.accounts.Get(c.key.account)
	if t == nil || t.count(accountBound, now) < accountBound.most || c.known(now) {
		return nil
	}
	return badCredentials(now, "%d logins to this account failed within %s from sources that never logged in to it: "+
		"it serves only those that did in the last 30 days, until there are fewer; find out who tries, and let a new device wait",
		accountBound.most, login.Span(accountBound.in))
}

// bannedFor refuses a check whose pair or source failed too often. A shared source is only slowed, but for accounts
// that were never verified from it.
func (f *Failures) bannedFor(c *Check, now time.Time) error {
	if t := f.sources.Get(c.key.source); t != nil && t.penalised(now) && !(c.shared && c.known(now)) {
		return login.Refuse(login.TooManyFailures, "%s: it waits until %s, find out which devices there have a wrong password",
			sourceBound.sentence(c.key.source), login.Clock(t.until))
	}
	if t := f.tallyOf(c.key); t != nil && t.penalised(now) && !c.shared {
		return login.Refuse(login.TooManyFailures, "%s as this account: it waits until %s, correct the device's password",
			pairBound.sentence(c.key.source), login.Clock(t.until))
	}
	return nil
}

// Banned reports whether source must be refused before a login can begin, until when, and why. A source that stands for
// many devices never is; one that had a verified login is only for what it failed at itself.
func (f *Failures) Banned(from netip.Addr) (until time.Time, why string, banned bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	as := f.Standing(from)
	t := f.sources.Get(as.Key)
	if t == nil || !t.penalised(time.Now()) || as.Shared {
		return time.Time{}, "", false
	}
	return t.until, sourceBound.sentence(as.Key), true
}

// IsShared reports whether source stands for many devices: a default gateway of this machine, or one that Verified found.
func (f *Failures) IsShared(from netip.Addr) bool { return f.Standing(from).Shared }

// Standing is what a source is to the bridge now. An address that never had a verified login counts as its /64, if it is an
// IPv6 one; what stands for many devices counts by itself.
func (f *Failures) Standing(from netip.Addr) source.Standing {
	s := f.verified.standing(source.AddressKey(from), time.Now())
	s.Gateway = f.gateways[from.Unmap().WithZone("")]
	s.Shared = s.Shared || s.Gateway
	if s.Known || s.Shared {
		s.Key = source.AddressKey(from)
	}
	return s
}

// sentence says that a bound was reached by a source, which may have been its neighbours' doing.
func (b bound) sentence(by source.Key) string {
	from := "this source"
	if by.IsNetwork() {
		from = "the IPv6 network (/64) of this source, which had no login yet"
	}
	return fmt.Sprintf("%d logins failed within %s from %s", b.most, login.Span(b.in), from)
}

// badCredentials is the refusal of what was not checked: it reads like a wrong password, as late as one.
func badCredentials(now time.Time, format string, args ...any) *login.Refusal {
	r := login.Refuse(login.BadCredentials, format, args...)
	r.NotBefore = now.Add(refusalDelay)
	return r
}
