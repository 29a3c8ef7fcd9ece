package accounts

import (
	"net/netip"
	"runtime"
	"time"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/passwordmemory"
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
	turns  *fairqueue.Slots[turnKey]
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
