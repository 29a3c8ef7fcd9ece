package web

import (
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
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
	turn   chan struct{} // holds one token: whoever has it may check
	queue  chan struct{} // whoever waits or checks

	mu       sync.Mutex
	sources  map[netip.Prefix]*list.Element
	recent   *list.List // of *failures, the latest failure first
	key      [32]byte
	accepted [sha256.Size]byte // keyed hash of the password that was right, so that polls cost no check
	known    bool
}

// failures are one source's.
type failures struct {
	source netip.Prefix
	count  int
	last   time.Time
	early  int // wrong passwords since then that came while it had to wait
}

func newGate(verify func(context.Context, string) bool, now func() time.Time) *gate {
	g := &gate{
		verify: verify, now: now, sources: make(map[netip.Prefix]*list.Element), recent: list.New(),
		turn: make(chan struct{}, 1), queue: make(chan struct{}, maxWaiting+1),
	}
	_, _ = rand.Read(g.key[:]) // never fails (crypto/rand, since Go 1.24)
	return g
}

// try checks a password that came from a source, and returns how long the source has to wait where it is tooMany. The
// password that was right before neither waits nor counts, unless the source goes on guessing while it has to wait.
func (g *gate) try(ctx context.Context, source netip.Prefix, password string) (verdict, time.Duration) {
	if len(password) > maxPassword {
		password = password[:maxPassword+1] // wrong in any case
	}
	known, wait := g.early(source, g.hash(password))
	if known {
		return accepted, 0
	}
	if wait > 0 {
		return tooMany, wait
	}
	if !g.enter(ctx) {
		return busy, 0
	}
	defer g.leave()
	if wait := g.wait(source); wait > 0 { // it failed meanwhile
		return tooMany, wait
	}
	if !g.verify(ctx, password) {
		g.failed(source)
		return wrong, 0
	}
	g.succeeded(source, password)
	return accepted, 0
}

func (g *gate) enter(ctx context.Context) bool {
	select {
	case g.queue <- struct{}{}:
	default:
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, longestTurn)
	defer cancel()
	select {
	case g.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		<-g.queue
		return false
	}
}

func (g *gate) leave() { <-g.turn; <-g.queue }

func (g *gate) hash(password string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte(password))
	return [sha256.Size]byte(mac.Sum(nil))
}

// early tells whether a password is the one that was right before, and otherwise how long the source has to wait.
func (g *gate) early(source netip.Prefix, password [sha256.Size]byte) (known bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known = g.known && hmac.Equal(password[:], g.accepted[:])
	f, wait := g.waits(source)
	if wait == 0 {
		return known, 0
	}
	if known && f.early < maxEarly {
		return true, 0
	}
	f.early = min(f.early+1, maxEarly)
	return false, wait
}

func (g *gate) wait(source netip.Prefix) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, wait := g.waits(source)
	return wait
}

// waits returns how long a source has to wait, and what it got wrong where it does. g.mu is held.
func (g *gate) waits(source netip.Prefix) (*failures, time.Duration) {
	e, ok := g.sources[source]
	if !ok {
		return nil, 0
	}
	f := e.Value.(*failures)
	since := g.now().Sub(f.last)
	if since >= forgetAfter {
		g.forget(e)
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

func (g *gate) failed(source netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e, ok := g.sources[source]
	if !ok {
		if g.recent.Len() >= maxSources {
			g.forget(g.recent.Back())
		}
		e = g.recent.PushFront(&failures{source: source})
		g.sources[source] = e
	}
	f := e.Value.(*failures)
	f.count, f.last, f.early = f.count+1, g.now(), 0
	g.recent.MoveToFront(e)
}

func (g *gate) succeeded(source netip.Prefix, password string) {
	sum := g.hash(password)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accepted, g.known = sum, true
	if e, ok := g.sources[source]; ok {
		g.forget(e)
	}
}

func (g *gate) forget(e *list.Element) {
	delete(g.sources, e.Value.(*failures).source)
	g.recent.Remove(e)
}

// sourceOf returns where a request came from; IPv6 by /64, since one host has all of it.
func sourceOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // all that have none share one
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 64
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits)
	return p
}
