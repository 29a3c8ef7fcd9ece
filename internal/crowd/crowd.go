// Package crowd keeps whoever opens many connections to a socket from taking the files of the whole program, and from keeping
// others out.
package crowd

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"drawbridge/internal/source"
)

// Bounds are how many connections a socket has open at once. 0 stands for no bound.
type Bounds struct {
	All  int
	Each int // of one address, or of the /64 of an IPv6 address; a Unix socket knows none
}

// crowd is a listener of which a bounded number of connections is open at once. One that comes beyond the bounds takes the place
// of one that waits: for a request, for its peer to send the rest or to read, or for a password's turn. It is that which has waited
// longest, of its own address where that has its number, else of the address that has most. Where none waits it is closed itself.
// netutil.LimitListener would have it wait instead, behind those that do nothing.
type crowd struct {
	net.Listener
	bounds Bounds

	mu     sync.Mutex
	guests map[*guest]struct{}
	each   map[source.Key]int
}

// guest is one connection of a crowd. Its fields are under the crowd's mutex.
type guest struct {
	net.Conn
	crowd *crowd
	from  source.Key
	busy  bool // a request is being answered, and nothing is waited for
	since time.Time
}

// New returns a listener that takes connections of l within the bounds. A http.Server of it has WithGuest as its ConnContext and its
// handler Attended. It is safe for concurrent use.
func New(l net.Listener, b Bounds) net.Listener {
	return &crowd{Listener: l, bounds: b, guests: make(map[*guest]struct{}), each: make(map[source.Key]int)}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g := &guest{Conn: conn, crowd: c, from: KeyOf(conn.RemoteAddr().String()), since: time.Now()}
		out, in := c.admit(g)
		if out != nil {
			_ = out.Conn.Close() // not under the lock: a TLS connection may take its time
		}
		if in {
			return g, nil
		}
		_ = conn.Close()
	}
}

// admit takes g in, if need be in place of out.
func (c *crowd) admit(g *guest) (out *guest, in bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.bounds.Each > 0 && g.from != source.Key{} && c.each[g.from] >= c.bounds.Each:
		out = c.idlest(func(other *guest) bool { return other.from == g.from })
	case c.bounds.All > 0 && len(c.guests) >= c.bounds.All:
		out = c.idlest(func(*guest) bool { return true })
	default:
		c.enter(g)
		return nil, true
	}
	if out == nil {
		return nil, false
	}
	c.leave(out)
	c.enter(g)
	return out, true
}

// idlest is who waits of those that may go: of the fullest address, the one that has waited longest.
func (c *crowd) idlest(may func(*guest) bool) (out *guest) {
	for g := range c.guests {
		if g.busy || !may(g) {
			continue
		}
		if out == nil || c.each[g.from] > c.each[out.from] || c.each[g.from] == c.each[out.from] && g.since.Before(out.since) {
			out = g
		}
	}
	return out
}

func (c *crowd) enter(g *guest) {
	c.guests[g] = struct{}{}
	c.each[g.from]++
}

func (c *crowd) leave(g *guest) {
	if _, ok := c.guests[g]; !ok {
		return
	}
	delete(c.guests, g)
	if c.each[g.from]--; c.each[g.from] == 0 {
		delete(c.each, g.from)
	}
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	g.crowd.leave(g)
	g.crowd.mu.Unlock()
	return g.Conn.Close()
}

// Write implements net.Conn. While the peer takes nothing of an answer, the connection waits.
func (g *guest) Write(b []byte) (int, error) {
	defer g.answering(g.answering(false))
	return g.Conn.Write(b)
}

// answering notes whether the connection is busy, and returns whether it was.
func (g *guest) answering(busy bool) (before bool) {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	before, g.busy, g.since = g.busy, busy, time.Now()
	return before
}

// guestKey is the guest of a request's context.
type guestKey struct{}

// WithGuest is a http.Server's ConnContext. c may be TLS over the guest.
func WithGuest(ctx context.Context, c net.Conn) context.Context {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	return context.WithValue(ctx, guestKey{}, c)
}

// Attended keeps connections whose request next answers.
func Attended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
			g.answering(true)
			defer g.answering(false)
		}
		next.ServeHTTP(w, r)
	})
}

// Waiting has the connection of r count as one that waits until done is called. Requests that wait for long and cost nothing could
// hold all places otherwise.
func Waiting(r *http.Request) (done func()) {
	g, ok := r.Context().Value(guestKey{}).(*guest)
	if !ok {
		return func() {}
	}
	before := g.answering(false)
	return func() { g.answering(before) }
}

// KeyOf returns what an address with a port counts as; all that have none share the zero Key.
func KeyOf(address string) source.Key {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return source.Key{}
	}
	ip, _ := netip.ParseAddr(host) // the zero one where it is none
	return source.KeyOf(ip.WithZone(""))
}
