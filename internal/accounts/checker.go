package accounts

import (
	"context"
	"net/netip"
	"runtime"
	"time"

	"drawbridge/internal/passwordmemory"
	"drawbridge/proxy"
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
	// Shared tells which sources stand for many devices: there the names take turns, not the source. It may be nil.
	Shared func(netip.Addr) bool
}

// Checker is what outlives a Book: the turns of password checks, and which passwords were right. It is safe for concurrent
// use, by several Books at once.
type Checker struct {
	turns  *turns
	hasher *passwordmemory.Hasher
	memory *passwordmemory.Memory[string] // the keys that passwords opened
	shared func(netip.Addr) bool
}

// NewChecker returns a Checker that remembers nothing yet.
func NewChecker(o CheckerOptions) *Checker {
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Shared == nil {
		o.Shared = func(netip.Addr) bool { return false }
	}
	return &Checker{turns: newTurns(o.Parallel), hasher: passwordmemory.NewHasher(),
		memory: passwordmemory.New[string](maxRemembered, rememberFor), shared: o.Shared}
}

// enter waits for the turn of a check, which ends with leave.
func (c *Checker) enter(ctx context.Context, source netip.Addr, login string) (leave func(), err error) {
	k := turnKey{source: proxy.KeyOf(source)}
	if c.shared(source) {
		// The name as typed, known or not: else waiting would tell which names there are.
		k.login = fold(login[:min(len(login), MaxLogin)])
	}
	return c.turns.enter(ctx, k)
}
