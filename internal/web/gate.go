package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/lru"
	"drawbridge/internal/passwordhash"
	"drawbridge/internal/passwordmemory"
	"drawbridge/internal/secret"
	"drawbridge/internal/source"
)

// The bounds of logins: two mistakes are free, then a source waits 2 s, 4, 8 … up to 15 minutes before its password is
// looked at again; what it got wrong is forgotten an hour after its last failure. Meanwhile the password that was right
// before is still taken from it, for maxEarly wrong ones: more would be guessing that costs no check. Beyond maxSources the
// source that failed longest ago is forgotten. One password is checked at a time, and maxWaiting logins wait for their turn, 5 s at most.
const (
	freeFailures = 2
	longestWait  = 15 * time.Minute
	forgetAfter  = time.Hour
	maxSources   = 4096
	maxWaiting   = 8
	longestTurn  = 5 * time.Second
	maxEarly     = 20
)

// verdict is what became of a password.
type verdict int

const (
	accepted verdict = iota
	wrong
	tooMany // not looked at: the source failed too often
	busy    // not looked at: others are waiting
)

// gate checks the dashboard's password: boundedly, since a check is made to be costly. It is safe for concurrent use.
type gate struct {
	verify func(ctx context.Context, password string) bool
	now    func() time.Time
	turn   *fairqueue.Slots[struct{}] // whoever has it may check

	hasher   *passwordmemory.Hasher
	accepted *passwordmemory.Memory[struct{}] // the password that was right, so that polls cost no check

	mu      sync.Mutex
	sources *lru.Table[source.Key, failures] // the latest failure comes last
}

// failures are one source's.
type failures struct {
	count int
	last  time.Time
	early int // wrong passwords since then that came while it had to wait
}

func newGate(verify func(context.Context, string) bool, now func() time.Time) *gate {
	return &gate{
		verify: verify, now: now, turn: fairqueue.NewSlots[struct{}](fairqueue.Bounds{All: 1, MaxWaiting: maxWaiting}),
		hasher: passwordmemory.NewHasher(), accepted: passwordmemory.New[struct{}](1, 0),
		sources: lru.New[source.Key, failures](maxSources, nil),
	}
}

// try checks a password that came from a source, and returns how long the source has to wait where it is tooMany. The
// password that was right before neither waits nor counts, unless the source goes on guessing while it has to wait.
func (g *gate) try(ctx context.Context, from source.Key, password string) (verdict, time.Duration) {
	if len(password) > passwordhash.MaxPassword {
		password = password[:passwordhash.MaxPassword+1] // wrong in any case
	}
	known, wait := g.early(from, g.hasher.Sum(password))
	if known {
		return accepted, 0
	}
	if wait > 0 {
		return tooMany, wait
	}
	if !g.enter(ctx) {
		return busy, 0
	}
	defer g.turn.Release(struct{}{})
	if wait := g.wait(from); wait > 0 { // it failed meanwhile
		return tooMany, wait
	}
	if !g.verify(ctx, password) {
		g.failed(from)
		return wrong, 0
	}
	g.succeeded(from, password)
	return accepted, 0
}

func (g *gate) enter(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, longestTurn)
	defer cancel()
	return g.turn.Acquire(ctx, struct{}{}) == nil
}

// early tells whether a password is the one that was right before, and otherwise how long the source has to wait.
func (g *gate) early(from source.Key, password passwordmemory.Digest) (known bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known = g.accepted.Recall(password, g.now())
	f, wait := g.waits(from)
	if wait == 0 {
		return known, 0
	}
	if known && f.early < maxEarly {
		return true, 0
	}
	f.early = min(f.early+1, maxEarly)
	return false, wait
}

func (g *gate) wait(from source.Key) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, wait := g.waits(from)
	return wait
}

// waits returns how long a source has to wait, and what it got wrong where it does. g.mu is held.
func (g *gate) waits(from source.Key) (*failures, time.Duration) {
	f := g.sources.Get(from)
	if f == nil {
		return nil, 0
	}
	since := g.now().Sub(f.last)
	if since >= forgetAfter {
		g.sources.Remove(from)
		return nil, 0
	}
	return f, max(0, backOff(f.count)-since)
}

// backOff returns how long a source waits after so many failures.
func backOff(count int) time.Duration {
	if count <= freeFailures {
		return 0
	}
	return min(longestWait, time.Second<<min(count-freeFailures, 20))
}

func (g *gate) failed(from source.Key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.sources.Touch(from)
	f.count, f.last, f.early = f.count+1, g.now(), 0
}

func (g *gate) succeeded(from source.Key, password string) {
	g.accepted.Remember(g.hasher.Sum(password), struct{}{}, g.now())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sources.Remove(from)
}

// Argon2id returns what tells whether a password is the one of a PHC string ($argon2id$v=19$m=…,t=…,p=…$salt$hash). It
// takes some 25 ms and 19 MiB with the parameters that `drawbridge account add` writes, and is safe for concurrent use. No
// error quotes the hash.
func Argon2id(hash secret.Secret) (func(ctx context.Context, password string) bool, error) {
	r, key, err := passwordhash.Parse(hash.Reveal())
	if err != nil {
		return nil, fmt.Errorf("admin.password: %w", err)
	}
	return func(ctx context.Context, password string) bool {
		return ctx.Err() == nil && len(password) <= passwordhash.MaxPassword && r.Match(password, key) == 0
	}, nil
}
