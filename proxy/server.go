package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
	"go.uber.org/zap"

	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

// Socket is an address that devices connect to. It lives as long as the process.
type Socket struct {
	Name string // of its Listener
	Net  net.Listener
}

// Generation is what one configuration makes of a Server. It is not changed any more: a session keeps the one it began with.
type Generation struct {
	Listeners []*Listener // one for each Socket
	Decider   Decider
}

func (g *Generation) listener(name string) *Listener {
	i := slices.IndexFunc(g.Listeners, func(l *Listener) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return g.Listeners[i]
}

// Listener is how devices are served that connect to one Socket.
type Listener struct {
	Name     string
	Protocol string // "imap" or "pop3"
	StartTLS bool   // STARTTLS or STLS instead of implicit TLS

	Allow     []netip.Prefix // sources that may connect
	Balancers []netip.Prefix // from them a PROXY header is required
	Terminate devicetls.Terminator
	Dialect   login.Dialect
	Greeting  login.Greeting
	// NoDeviceTokens refuses logins by a token of the program's own, and does not announce them.
	NoDeviceTokens bool
	// RecordSize is the largest record of application data that a device is sent, in bytes; 0: TLS's own 16 KiB.
	RecordSize int
	Sessions   *limits.Sessions // may be nil: no limits
	Slots      *limits.Slots    // may be nil: no limits

	// 0 switches a limit off.
	HandshakeTimeout, LoginTimeout, IdleTimeout time.Duration
	BadCommands                                 int
}

// Server accepts devices on its sockets and serves each until its end, as the Generation says that holds when it comes. Its
// fields are set, and Swap is called, before Serve.
type Server struct {
	Name     string // of this instance, in every record
	Run      string // of this start, in every record
	Sockets  []Socket
	Recorder inventory.Recorder
	// Banned tells whether a source has to wait because of its failures; nil: never.
	Banned func(netip.Addr) (until time.Time, why string, banned bool)
	// Shared tells which sources stand for many devices; nil: none.
	Shared func(netip.Addr) bool
	// Identify tells a session what is known of its source, when it begins and once more when it has ended; nil: nothing.
	// It must not wait for anything.
	Identify func(*inventory.Session)
	Hellos   *inventory.Hellos // lets sessions share equal hellos
	Logger   *zap.Logger

	generation  atomic.Pointer[Generation]
	draining    chan struct{}
	sessions    sync.WaitGroup
	running     running
	turningAway atomic.Int32
}

// Swap makes g hold for the sessions that begin from now on, and returns the one that held before, nil at first. Any
// goroutine may call it.
func (s *Server) Swap(g *Generation) *Generation { return s.generation.Swap(g) }

// Generation is the one that holds now.
func (s *Server) Generation() *Generation { return s.generation.Load() }

// keepAlive is for both legs: a device that was switched off is noticed in minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: time.Minute, Count: 3}

// NewRun returns a new random identity for a start of the bridge.
func NewRun() string { return randomID(8) }

func randomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, since Go 1.24)
	return hex.EncodeToString(b)
}

// Serve accepts on all listeners until accept ends, then closes them and returns when the last session has ended. When
// cut ends, the sessions still running are cut; those that have not logged in are told so as soon as accept ends.
func (s *Server) Serve(accept, cut context.Context) error {
	s.draining = make(chan struct{})
	stop := context.AfterFunc(accept, s.drain)
	defer stop()
	var loops sync.WaitGroup
	for _, socket := range s.Sockets {
		loops.Go(func() { s.acceptLoop(accept, cut, socket) })
	}
	reviewed, end := context.WithCancel(context.WithoutCancel(cut))
	var reviewing sync.WaitGroup
	reviewing.Go(func() { s.review(reviewed) })
	loops.Wait()
	s.sessions.Wait()
	end()
	reviewing.Wait()
	return nil
}

// drain ends accepting: first nobody can connect any more, then logins are refused.
func (s *Server) drain() {
	for _, socket := range s.Sockets {
		_ = socket.Net.Close()
	}
	close(s.draining)
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// acceptLoop accepts until the socket is closed. When the machine has no more file descriptors it waits for some.
func (s *Server) acceptLoop(accept, cut context.Context, socket Socket) {
	const longest = time.Second
	delay := 5 * time.Millisecond
	for {
		c, err := socket.Net.Accept()
		switch {
		case err == nil:
			delay = 5 * time.Millisecond
			s.sessions.Go(func() { s.serve(accept, cut, socket.Name, c) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.Logger.Warn("accepting a connection failed: it is tried again", zap.String("listener", socket.Name), zap.Error(err))
			select {
			case <-time.After(delay):
				delay = min(2*delay, longest)
			case <-s.draining:
			}
		}
	}
}

// recovered makes a panic in f an error that a device can be told: a fault of ours ends one session, never the bridge.
func (s *Server) recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Logger.Error("a session ended by a fault in Drawbridge", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			err = login.Refuse(login.Internal, "a fault in Drawbridge ended the session: please report the log's stack trace")
		}
	}()
	return f()
}

// contain is recovered for what has no error.
func (s *Server) contain(f func()) {
	_ = s.recovered(func() error { f(); return nil })
}

// serve is the life of one connection: it becomes a session, or is turned away.
func (s *Server) serve(accept, cut context.Context, listener string, c net.Conn) {
	started := time.Now()
	g := s.Generation()
	l := g.listener(listener)
	if l == nil { // its socket is about to be closed
		_ = c.Close()
		return
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetKeepAliveConfig(keepAlive)
	}
	entry := &entrance{conn: c}
	if fault := s.recovered(func() error { s.admit(cut, l, entry, started); return nil }); fault != nil {
		entry.reason = fault.Error()
	}
	if entry.nobody {
		_ = entry.conn.Close()
		return
	}
	if entry.reason != "" {
		s.contain(func() { s.turnAway(l, entry) })
		_ = entry.conn.Close()
		return
	}
	// A session idles for an hour on a shallow stack: the one that admission has deepened ends here.
	s.sessions.Go(func() {
		defer entry.place.Leave()
		session := newSession(s, g, l, entry.conn, entry.source, started)
		session.place, session.probe = entry.place, entry.probe
		session.run(accept, cut)
	})
}

// entrance is what is decided of a connection before a session begins.
type entrance struct {
	conn   net.Conn       // as accepted, or behind its PROXY header
	source netip.AddrPort // set once it may come in
	place  *limits.Place  // nil: nobody counts it
	reason string         // why it is turned away; empty: it is not
	polite bool           // it is told so
	probe  bool           // a load balancer's own: it takes no place, and is no device
	nobody bool           // a load balancer that closed or fell silent without a byte
}

// admit decides whether a connection may become a session.
func (s *Server) admit(ctx context.Context, l *Listener, e *entrance, started time.Time) {
	from, err := l.readProxyHeader(ctx, e.conn, started)
	switch {
	case errors.Is(err, errNothingSaid):
		e.nobody = true
		return
	case err != nil:
		e.reason = err.Error()
		return
	}
	e.conn, e.probe = from.Conn, from.local
	e.source = addrPort(e.conn.RemoteAddr())
	if e.probe {
		return
	}
	if !contains(l.Allow, e.source.Addr()) {
		e.reason = "the source is not in listeners[].allow: add it there if it is one of yours"
		return
	}
	e.place, e.reason = s.admission(l, e.source.Addr())
	e.polite = e.reason != ""
}

// admission decides whether a connection may become a session now.
func (s *Server) admission(l *Listener, source netip.Addr) (place *limits.Place, reason string) {
	if s.isDraining() {
		return nil, errStopping.Error()
	}
	if s.Banned != nil {
		if until, why, banned := s.Banned(source); banned {
			return nil, "the source waits until " + login.Clock(until) + ": " + why + ", find out which devices there have a wrong password"
		}
	}
	if l.Sessions == nil {
		return nil, ""
	}
	place, reason, _ = l.Sessions.Enter(source)
	return place, reason
}

// turnAway notes a connection that becomes no session, and tells the device where that is due.
func (s *Server) turnAway(l *Listener, e *entrance) {
	s.contain(func() {
		s.Recorder.TurnedAway(inventory.TurnedAway{
			Time: time.Now(), Source: addrPort(e.conn.RemoteAddr()).Addr(), Listener: l.Name, Reason: e.reason,
		})
	})
	if e.polite {
		l.sayBusy(e.conn)
		s.closeTurnedAway(e.conn)
	}
}

// closeTurnedAway lets the device read why, unless so many are being turned away that this itself would be a burden.
func (s *Server) closeTurnedAway(c net.Conn) {
	defer s.turningAway.Add(-1)
	if s.turningAway.Add(1) > limits.MaxTurnedAway {
		_ = c.Close()
		return
	}
	devicetls.CloseGently(c)
}

// sayBusy tells a device that no login can begin now: by an alert where TLS would come first, else in its protocol.
func (l *Listener) sayBusy(c net.Conn) {
	if !l.StartTLS {
		devicetls.NewWire(c, netip.Addr{}, nil).SendAlert(devicetls.RecordVersion(nil), devicetls.AlertInternalError)
		return
	}
	lastWord(c)
	notes := &login.Notes{}
	_ = l.Dialect.NewLogin(login.NewConn(c, login.ConnOptions{Notes: notes}), l.Greeting, notes).Refuse(&login.Refusal{Reason: login.Busy})
}

// What is wrong with what a load balancer says first; but for the first one it is the reason why it is turned away.
var (
	errNothingSaid = errors.New("a load balancer connected and said nothing")
	errNoHeader    = errors.New("a load balancer of listeners[].proxy_protocol sent no valid PROXY header: switch the PROXY protocol on " +
		"in it, or take its address out of the list")
	errOtherAddress = errors.New("a load balancer of listeners[].proxy_protocol sent a PROXY header with unix or UDP addresses: let it " +
		"send TCP addresses")
)

// comer is a connection behind what a load balancer said of it.
type comer struct {
	net.Conn
	local bool // the load balancer speaks for itself: v2 LOCAL, v1 UNKNOWN
}

// readProxyHeader reads the PROXY header that a load balancer must send; other peers' connections stay as they are.
func (l *Listener) readProxyHeader(ctx context.Context, c net.Conn, started time.Time) (comer, error) {
	if !contains(l.Balancers, addrPort(c.RemoteAddr()).Addr()) {
		return comer{Conn: c}, nil
	}
	_ = c.SetReadDeadline(l.handshakeEnd(started))
	stop := context.AfterFunc(ctx, func() { expire(c) })
	defer stop()
	early := bufio.NewReaderSize(c, proxyHeader)
	if _, err := early.Peek(1); err != nil {
		return comer{}, errNothingSaid
	}
	header, err := proxyproto.Read(early)
	switch {
	case err != nil:
		return comer{}, errNoHeader
	case header.Command.IsLocal():
		return comer{&balanced{c, early, c.RemoteAddr()}, true}, nil
	}
	if _, isTCP := header.SourceAddr.(*net.TCPAddr); !isTCP {
		return comer{}, errOtherAddress
	}
	return comer{&balanced{c, early, header.SourceAddr}, false}, nil
}

// proxyHeader is how much is read at once while a PROXY header is under way, in bytes: a line of version 1 comes in one piece.
const proxyHeader = 256

// balanced is a connection that came through a load balancer: the device's address is the header's.
type balanced struct {
	net.Conn
	early  *bufio.Reader // what came together with the header; nil once it is read
	source net.Addr
}

// Read returns what came together with the header, then what comes.
func (b *balanced) Read(p []byte) (int, error) {
	if b.early != nil && b.early.Buffered() > 0 {
		return b.early.Read(p)
	}
	b.early = nil
	return b.Conn.Read(p)
}

// RemoteAddr is the address of the device.
func (b *balanced) RemoteAddr() net.Addr { return b.source }

// CloseWrite half-closes the connection to the load balancer.
func (b *balanced) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// contains reports whether a is in one of prefixes, whatever its zone.
func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.WithZone("")
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// addrPort is the address of a TCP peer, unmapped. The zone of a link-local address is kept: it tells neighbours on two
// interfaces apart; records leave it out.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
