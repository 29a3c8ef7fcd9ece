package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/passwordmemory"
	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// How long a verified password is remembered, and how many are.
const (
	rememberFor   = 24 * time.Hour
	maxRemembered = 100_000
)

// CheckerOptions are the limits of password checks.
type CheckerOptions struct {
	// Parallel is how many checks run at once; 0: one a CPU.
	Parallel int
	// Standing tells what a source counts as; nil: nothing is known of any. Where it stands for many devices the names take
	// turns, not the source.
	Standing func(netip.Addr) source.Standing
}

// Checker is what outlives a Book: the turns of password checks, and which passwords were right. It is safe for concurrent
// use, by several Books at once.
type Checker struct {
	turns    *fairqueue.Slots[turnKey]
	hasher   *passwordmemory.Hasher
	memory   *passwordmemory.Memory[string] // the keys that passwords opened
	standing func(netip.Addr) source.Standing
	opened   atomic.Int64 // checks that were computed; nothing but tests looks at it
}

// NewChecker returns a Checker that remembers nothing yet.
func NewChecker(o CheckerOptions) *Checker {
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Standing == nil {
		o.Standing = source.Unknown
	}
	return &Checker{turns: newTurns(o.Parallel), hasher: passwordmemory.NewHasher(),
		memory: passwordmemory.New[string](maxRemembered, rememberFor), standing: o.Standing}
}

// How many checks may wait for their turn, and how many of them of one source.
const (
	maxWaiting     = 10_000
	maxWaitingEach = 1_000
)

// turnKey is who takes turns: a source, or one login of a source that stands for many devices. Each has one check at a time,
// and its own are served in order of arrival: a storm from one delays another by one check only.
type turnKey struct {
	source source.Key
	login  string
}

func newTurns(parallel int) *fairqueue.Slots[turnKey] {
	return fairqueue.NewSlots[turnKey](fairqueue.Bounds{All: parallel, Each: 1, MaxWaiting: maxWaiting, MaxWaitEach: maxWaitingEach})
}

// enter waits for the turn of a check, which the caller ends by leave, once. The error is a *login.Refusal, Unavailable, where
// too many wait, else ctx's.
func (c *Checker) enter(ctx context.Context, from netip.Addr, name string) (leave func(), err error) {
	as := c.standing(from)
	k := turnKey{source: as.Key}
	if as.Shared {
		// The name as typed, known or not: else waiting would tell which names there are.
		k.login = fold(name[:min(len(name), MaxLogin)])
	}
	err = c.turns.Acquire(ctx, k)
	if errors.Is(err, fairqueue.ErrFull) {
		_, _, waiting := c.turns.Count()
		return nil, login.Refuse(login.Unavailable, "%d logins wait for their passwords to be checked (at most %d, %d of one source): "+
			"find out who logs in so often", waiting, maxWaiting, maxWaitingEach)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the turn of a password check: %w", err)
	}
	return func() { c.turns.Release(k) }, nil
}
