package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"drawbridge/internal/chain"
	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

// UpstreamOptions describe a mail service behind the bridge.
type UpstreamOptions struct {
	Name       string
	Addresses  map[string]string // protocol ("imap", "pop3") -> host:port
	StartTLS   bool              // STARTTLS or STLS instead of implicit TLS
	TLS13Only  bool              // 1.3 instead of 1.2 as the oldest version; nothing lower exists
	ServerName string            // the name its certificate must carry; empty: the host of the address
	Family     string            // "any", "ipv4", "ipv6"
	Roots      *x509.CertPool    // nil: the system's
	// DialTimeout lasts up to the greeting, LoginTimeout from then to the answer to the login.
	DialTimeout, LoginTimeout time.Duration
	Turns                     *limits.Turns // may be nil: no limits
	// Resolve looks a host's addresses up; nil: the system's resolver.
	Resolve func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Upstream is a mail service behind the bridge. It dials nothing below TLS 1.2 and nothing unverified: the only function
// that makes its TLS configuration takes no option that could. It is safe for concurrent use.
type Upstream struct {
	o         UpstreamOptions
	sessions  tls.ClientSessionCache // shared by both protocols: they are one service, under one name
	announced map[string]*login.Announced
}

// resumable is for how many names TLS sessions with an upstream are kept.
const resumable = 64

// NewUpstream returns the upstream that o describes.
func NewUpstream(o UpstreamOptions) *Upstream {
	u := &Upstream{o: o, sessions: tls.NewLRUClientSessionCache(resumable), announced: map[string]*login.Announced{}}
	if u.o.Resolve == nil {
		u.o.Resolve = net.DefaultResolver.LookupNetIP
	}
	for protocol := range o.Addresses {
		u.announced[protocol] = &login.Announced{}
	}
	return u
}

// Name is the upstream's name in the configuration.
func (u *Upstream) Name() string { return u.o.Name }

// Turns are the limits of this upstream's sessions and dials, nil where there are none.
func (u *Upstream) Turns() *limits.Turns { return u.o.Turns }

// tlsConfig is the configuration of every TLS session with this upstream: 1.2 or newer, verified for serverName by a
// chain that nobody can forge.
func (u *Upstream) tlsConfig(serverName string) *tls.Config {
	minimum := uint16(tls.VersionTLS12)
	if u.o.TLS13Only {
		minimum = tls.VersionTLS13
	}
	return &tls.Config{
		MinVersion:         minimum,
		ServerName:         serverName,
		RootCAs:            u.o.Roots,
		ClientSessionCache: u.sessions,
		VerifyConnection:   chain.Verify,
	}
}

// Dialled tells where a dial arrived.
type Dialled struct {
	Address netip.AddrPort
	TLS     inventory.TLS
}

// Dial connects to the upstream for protocol and, unless it starts TLS later, completes the verified handshake. The
// addresses of the host are tried side by side (RFC 8305), and the next where one is refused or reset, never where a
// certificate does not verify. The Conn's deadline is that of the dial; from the greeting on it is LoginTimeout away.
// d is filled in as far as the dial came.
func (u *Upstream) Dial(ctx context.Context, protocol string, d *Dialled) (*login.Conn, error) {
	end := u.greetingEnd(time.Now())
	ctx, cancel := until(ctx, end)
	defer cancel()
	host, port, err := u.target(protocol)
	if err != nil {
		return nil, err
	}
	addrs, err := u.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	c, err := u.connect(ctx, host, port, addrs, d)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(end)
	return u.conn(c, host, protocol, d), nil
}

// conn wraps what connect made.
func (u *Upstream) conn(c net.Conn, host, protocol string, d *Dialled) *login.Conn {
	_, secure := c.(*tls.Conn)
	o := login.ConnOptions{Secure: secure, Announced: u.announced[protocol], AfterFirstLine: u.o.LoginTimeout}
	if !secure {
		o.Upgrade = func(ctx context.Context, c net.Conn) (net.Conn, error) { return u.handshake(ctx, c, host, d) }
	}
	return login.NewConn(c, o)
}

func (u *Upstream) target(protocol string) (host, port string, err error) {
	address, ok := u.o.Addresses[protocol]
	if !ok {
		return "", "", fmt.Errorf("the upstream %s has no address for %s (upstreams.%s.%s): name one, or lead these devices to another "+
			"upstream", u.o.Name, protocol, u.o.Name, protocol)
	}
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("the address of upstream %s: %w", u.o.Name, err)
	}
	return host, port, nil
}

// lookup returns the host's addresses of the family wanted, the two families taking turns.
func (u *Upstream) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	network := map[string]string{"ipv4": "ip4", "ipv6": "ip6"}[u.o.Family]
	if network == "" {
		network = "ip"
	}
	found, err := u.o.Resolve(ctx, network, host)
	if err != nil {
		return nil, &DialError{Step: StepDNS, Err: err, Sentence: fmt.Sprintf(
			"the name %s of upstream %s cannot be looked up: check the name and this machine's DNS (%s)", host, u.o.Name,
			login.Plainly(err))}
	}
	if len(found) == 0 {
		return nil, &DialError{Step: StepDNS, Err: errNoAddress, Sentence: fmt.Sprintf(
			"the name %s of upstream %s has no address of the family wanted: look at upstreams.%s.family (%s)", host, u.o.Name, u.o.Name, network)}
	}
	return interleave(found), nil
}

var errNoAddress = errors.New("no address")

// interleave puts the first address first and then one of each family in turn (RFC 8305, section 4).
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() == addrs[0].Unmap().Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	var all []netip.Addr
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			all = append(all, first[i])
		}
		if i < len(second) {
			all = append(all, second[i])
		}
	}
	return all
}

// Lookup returns the addresses that Dial would try for protocol, in its order; an address in place of a name is its own.
// The error is a *DialError of StepDNS.
func (u *Upstream) Lookup(ctx context.Context, protocol string) ([]netip.Addr, error) {
	host, _, err := u.target(protocol)
	if err != nil {
		return nil, err
	}
	ctx, cancel := until(ctx, u.greetingEnd(time.Now()))
	defer cancel()
	return u.lookup(ctx, host)
}

// connect tries addresses until one completes TCP and, with implicit TLS, the handshake.
func (u *Upstream) connect(ctx context.Context, host, port string, addrs []netip.Addr, d *Dialled) (net.Conn, error) {
	for {
		c, addr, err := u.race(ctx, port, addrs)
		if err != nil {
			return nil, u.tcpError(err, host, port)
		}
		d.Address = addr
		if u.o.StartTLS {
			return c, nil
		}
		t, err := u.handshake(ctx, c, host, d)
		if err == nil {
			return t, nil
		}
		_ = c.Close()
		addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return a == addr.Addr() })
		if len(addrs) == 0 || !login.IsClosed(err) {
			return nil, err
		}
	}
}

// dialDelay is how long one address has before the next is tried beside it (RFC 8305, section 5).
const dialDelay = 250 * time.Millisecond

type dialResult struct {
	conn net.Conn
	addr netip.AddrPort
	err  error
}

// race dials the addresses one after another, dialDelay apart or at once when one fails, and returns the first
// connection; the others are closed. All its goroutines end with the dial's context.
func (u *Upstream) race(ctx context.Context, port string, addrs []netip.Addr) (net.Conn, netip.AddrPort, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialResult)
	next := time.NewTimer(0)
	defer next.Stop()
	var firstErr error
	for started, failed := 0, 0; failed < len(addrs); {
		select {
		case <-next.C:
			if started < len(addrs) {
				go dialOne(ctx, addrs[started], port, results)
				started++
				next.Reset(dialDelay)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, r.addr, nil
			}
			failed++
			if firstErr == nil {
				firstErr = r.err
			}
			next.Reset(0)
		case <-ctx.Done():
			return nil, netip.AddrPort{}, ctx.Err()
		}
	}
	return nil, netip.AddrPort{}, firstErr
}

// dialOne dials one address and hands the result over, or closes it when nobody wants it any more.
func dialOne(ctx context.Context, a netip.Addr, port string, results chan<- dialResult) {
	var dialer net.Dialer
	dialer.KeepAliveConfig = keepAlive
	c, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port))
	r := dialResult{conn: c, err: err}
	if err == nil {
		r.addr = addrPort(c.RemoteAddr())
	}
	select {
	case results <- r:
	case <-ctx.Done():
		if c != nil {
			_ = c.Close()
		}
	}
}

// handshake makes c a verified TLS connection.
func (u *Upstream) handshake(ctx context.Context, c net.Conn, host string, d *Dialled) (net.Conn, error) {
	name := u.o.ServerName
	if name == "" {
		name = host
	}
	t := tls.Client(c, u.tlsConfig(name))
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, u.tlsError(err, name)
	}
	state := t.ConnectionState()
	d.TLS = inventory.TLS{Engine: "standard", Completed: true}
	devicetls.Describe(&d.TLS, state)
	return t, nil
}
