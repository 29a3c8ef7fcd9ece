package guard

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"drawbridge/internal/lru"
	"drawbridge/internal/passwordmemory"
	"drawbridge/proxy/login"
)

// How long a refused password is not asked again.
const (
	firstForgetting  = 15 * time.Minute // one never accepted; then twice as long each time
	firstAskAgain    = 5 * time.Minute  // one accepted before
	secondAskAgain   = 30 * time.Minute // then twice as long each time
	longestMemory    = 6 * time.Hour
	forgetAccepted   = verifiedFor
	maxAcceptedKnown = 100_000 // passwords of an upstream
	maxRefusedKnown  = 100_000 // passwords of an upstream
	maxUsers         = 100_000 // of an upstream, with a guess
	maxDoubts        = 2       // refusals without a code that an accepted password may have before they are believed
)

// GuessOptions say which upstream is protected, and how.
type GuessOptions struct {
	Upstream string
	Count    int           // passwords not accepted before that may go up per user; at least 1
	Per      time.Duration // in what time
	Verified *Verified     // may be nil: then nothing is kept for sources with a verified login
}

// Guesses protect the accounts of one upstream from being locked by wrong passwords that go through the bridge. It
// remembers passwords as keyed hashes, in memory, and is safe for concurrent use. Failures asks it.
type Guesses struct {
	o GuessOptions

	mu       sync.Mutex
	flights  map[passwordmemory.Digest]chan struct{}   // checks under way whose answer is shared; closed at their end
	accepted *lru.Table[passwordmemory.Digest, memory] // once accepted
	refused  *lru.Table[passwordmemory.Digest, memory] // never accepted
	users    *lru.Table[string, guessed]               // never full: see reserve
}

// memory is what is known of one password.
type memory struct {
	users    []string
	refusals int       // since it was last accepted
	doubts   int       // likewise, that were not believed
	askAt    time.Time // before, it is refused unasked
	last     time.Time // accepted
}

// guessed are the guesses at one user's password.
type guessed struct {
	sent             []sentGuess // in o.Per, at most o.Count
	flying           int
	flyingOfStranger int
}

type sentGuess struct {
	at       time.Time // of the answer, since the guess went up no later
	stranger bool
}

// NewGuesses returns a Guesses that remembers nothing yet.
func NewGuesses(o GuessOptions) *Guesses {
	if o.Verified == nil {
		o.Verified = newVerified("")
	}
	o.Count = max(o.Count, 1)
	return &Guesses{
		o:        o,
		flights:  make(map[passwordmemory.Digest]chan struct{}),
		accepted: lru.New[passwordmemory.Digest, memory](maxAcceptedKnown, nil),
		refused:  lru.New[passwordmemory.Digest, memory](maxRefusedKnown, nil),
		users:    lru.New[string, guessed](math.MaxInt, nil),
	}
}

// setBounds changes how many guesses may go up in what time. What went up is still counted.
func (g *Guesses) setBounds(o GuessOptions) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.o.Count, g.o.Per = max(o.Count, 1), o.Per
}

// Lift forgets the guesses at an account's password, whatever the domain, and that passwords of it were refused.
func (g *Guesses) Lift(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	user := login.UserOf(account)
	if u := g.users.Get(user); u != nil {
		u.sent = nil
	}
	for _, t := range [...]*lru.Table[passwordmemory.Digest, memory]{g.accepted, g.refused} {
		for _, m := range t.All {
			if slices.Contains(m.users, user) {
				m.refusals, m.doubts, m.askAt = 0, 0, time.Time{}
			}
		}
	}
}

// remembered refuses a password that was refused not long ago.
func (g *Guesses) remembered(d passwordmemory.Digest, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.accepted.Get(d)
	if m == nil {
		m = g.refused.Get(d)
	}
	if m == nil || !now.Before(m.askAt) {
		return nil
	}
	return badCredentials(now, "the upstream %s refused this password before and is not asked again until %s: correct the device's password",
		g.o.Upstream, login.Clock(m.askAt))
}

// ask reports whether c may go up. Where a check of the same password is under way the caller asks again when flight is
// closed. Otherwise c goes up, unless the error says that there were too many guesses.
func (g *Guesses) ask(c *Check, now time.Time) (flight <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.flights[c.digest]; f != nil {
		return f, nil
	}
	m := g.accepted.Get(c.digest)
	if m != nil && m.refusals == 0 {
		return nil, nil
	}
	if m == nil {
		if err := g.reserve(c, now); err != nil {
			return nil, err
		}
	}
	g.flights[c.digest] = make(chan struct{})
	c.flying = true
	return nil, nil
}

// reserve takes one of the guesses that the user has left. Where so many users have guesses that no more can be counted,
// strangers get none: an attack must not make the bridge forget.
func (g *Guesses) reserve(c *Check, now time.Time) error {
	g.users.DropOldest(func(u *guessed) bool { return u.flying == 0 && !u.recent(g.o.Per, now) })
	c.stranger = slices.ContainsFunc(c.users, func(user string) bool { return !g.o.Verified.hasUser(pairKey{c.own.source, user}, now) })
	for _, user := range c.users {
		if err := g.room(user, c.stranger, now); err != nil {
			return err
		}
	}
	c.guess = true
	for _, user := range c.users {
		u := g.users.Touch(user)
		u.flying++
		if c.stranger {
			u.flyingOfStranger++
		}
	}
	return nil
}

// room refuses a guess that is one too many for a user.
func (g *Guesses) room(user string, stranger bool, now time.Time) error {
	u := g.users.Get(user)
	if u == nil && stranger && g.users.Len() >= maxUsers {
		return g.exhausted("%d accounts have guesses", maxUsers)
	}
	if u == nil {
		u = new(guessed)
	}
	all, ofStrangers := u.count(g.o.Per, now)
	if all >= g.o.Count {
		return g.exhausted("%d passwords not accepted before went up for this account", all)
	}
	if limit := g.forStrangers(user, now); stranger && ofStrangers >= limit {
		return g.exhausted("%d passwords not accepted before went up for this account from sources that never logged in to it, "+
			"and the other %d are kept for those that did", ofStrangers, g.o.Count-limit)
	}
	return nil
}

// forStrangers is how many guesses sources never verified for user may have: while others are, half, rounded up, is kept
// for those.
func (g *Guesses) forStrangers(user string, now time.Time) int {
	if g.o.Verified.sourcesOf(user, now) == 0 {
		return g.o.Count
	}
	return g.o.Count / 2
}

func (g *Guesses) exhausted(format string, args ...any) error {
	return login.Refuse(login.TooManyFailures, "%s (upstreams.%s.guesses: %d in %s), so that it cannot be locked: wait, even the "+
		"right one does",
		fmt.Sprintf(format, args...), g.o.Upstream, g.o.Count, login.Span(g.o.Per))
}
