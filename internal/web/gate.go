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

// How fast passwords are looked at: once a wrong one came from a source, one a second from there, in the order in which they come.
// None waits longer than longestWait for that and none is refused unseen: what waits is bounded by the connections that a source
// may have. Beyond maxSources the one that was slowed longest ago is forgotten. One password is checked at a time, and
// sources take turns.
const (
	checkEvery  = time.Second
	longestWait = 10 * time.Second
	maxSources  = 4096
)

// line is who waits together: a browser that was logged in before, by the number in its cookie, or a source. So whoever guesses
// from the same address keeps no such browser out.
type line struct {
	from    source.Key
	browser string
}

// gate checks the dashboard's password: boundedly, since a check is made to be costly. It is safe for concurrent use.
type gate struct {
	verify func(ctx context.Context, password string) bool
	now    func() time.Time
	turn   *fairqueue.Slots[line] // whoever has it may check

	hasher   *passwordmemory.Hasher
	accepted *passwordmemory.Memory[struct{}] // the password that was right, so that polls cost no check

	mu   sync.Mutex
	next *lru.Table[line, time.Time] // when the next password is looked at, of lines that sent a wrong one
}

func newGate(verify func(context.Context, string) bool, now func() time.Time) *gate {
	return &gate{
		verify: verify, now: now, turn: fairqueue.NewSlots[line](fairqueue.Bounds{All: 1}),
		hasher: passwordmemory.NewHasher(), accepted: passwordmemory.New[struct{}](1, 0),
		next: lru.New[line, time.Time](maxSources, nil),
	}
}

// try tells whether a password is right. It returns after longestWait and the turns of other lines at the latest, or when ctx
// ends: then it is not.
func (g *gate) try(ctx context.Context, in line, password string) bool {
	if len(password) > passwordhash.MaxPassword {
		password = password[:passwordhash.MaxPassword+1] // wrong in any case
	}
	digest := g.hasher.Sum(password)
	known, wait := g.look(in, digest)
	if !pause(ctx, wait) {
		return false
	}
	if known {
		return true
	}
	if g.turn.Acquire(ctx, in) != nil {
		return false
	}
	defer g.turn.Release(in)
	if !g.verify(ctx, password) {
		return false
	}
	g.succeeded(in, digest)
	return true
}

func (g *gate) succeeded(in line, password passwordmemory.Digest) {
	g.accepted.Remember(password, struct{}{}, g.now())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next.Remove(in)
}

// look tells whether a password is the one that was right before, and how long its line has to wait before it may know. One that
// is not slows the line before it is checked: of many that come at once only the first may be so fast. The right one
// waits in a slowed line too, or looking would be the fastest way to guess.
func (g *gate) look(in line, password passwordmemory.Digest) (known bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	_, known = g.accepted.Recall(password, now)
	at := now
	if next := g.next.Get(in); next != nil && next.After(now) {
		at = *next
	}
	if known && at.Equal(now) {
		g.next.Remove(in) // it was slow for long enough
		return true, 0
	}
	if last := now.Add(longestWait); at.After(last) {
		at = last
	}
	*g.next.Touch(in) = at.Add(checkEvery)
	return known, at.Sub(now)
}

// pause waits, and tells whether ctx let it.
func pause(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
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
