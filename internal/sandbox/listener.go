package sandbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ListenOptions describe a listener. Every zero value stands for the default.
type ListenOptions struct {
	Name         string        // in the log; default: protocol and mode, as `imap-implicit`
	Protocol     Protocol      // default IMAP
	Address      string        // default 127.0.0.1:0
	STARTTLS     bool          // STARTTLS or STLS instead of implicit TLS, as an Exchange on premises has it
	Personality  Personality   // default Classic
	MinTLS       uint16        // default TLS 1.2; lower ones are for tests
	MaxTLS       uint16        // default TLS 1.2, all that was ever seen of Exchange Online here, or MinTLS if that is higher
	CipherSuites []uint16      // up to TLS 1.2; default ECDHE-RSA with AES
	Certificate  Certificate   // default one that verifies
	LoginIdle    time.Duration // how long a line may take to come before login; default 60 s
	Idle         time.Duration // and after login; default 30 min
	MaxSessions  int           // of one mailbox and protocol; default 16
	Estimates    bool          // RFC822.SIZE, STAT and LIST are off by a few per cent, as Exchange Online's are
}

func (o ListenOptions) withDefaults() ListenOptions {
	o.Protocol = cmp.Or(o.Protocol, IMAP)
	mode := "implicit"
	if o.STARTTLS {
		mode = "starttls"
	}
	o.Name = cmp.Or(o.Name, string(o.Protocol)+"-"+mode)
	o.Address = cmp.Or(o.Address, "127.0.0.1:0")
	o.MinTLS = cmp.Or(o.MinTLS, tls.VersionTLS12)
	o.MaxTLS = max(cmp.Or(o.MaxTLS, tls.VersionTLS12), o.MinTLS)
	if len(o.CipherSuites) == 0 { // those of TLS 1.2 that Exchange Online takes
		o.CipherSuites = []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		}
	}
	o.LoginIdle = cmp.Or(o.LoginIdle, time.Minute)
	o.Idle = cmp.Or(o.Idle, 30*time.Minute)
	o.MaxSessions = cmp.Or(o.MaxSessions, 16)
	return o
}

// Listener is one port of the stand-in. It is safe for concurrent use; [Exchange.Close] closes it too.
type Listener struct {
	exchange *Exchange
	options  ListenOptions
	tls      *tls.Config
	faults   atomic.Pointer[Faults]
	address  string // as first opened, so that it can be opened again

	mu     sync.Mutex
	socket net.Listener // nil while down
	conns  map[*conn]struct{}
	closed bool
	group  sync.WaitGroup // the accept loop and every connection
}

func newListener(e *Exchange, options ListenOptions, certificate tls.Certificate) *Listener {
	l := &Listener{
		exchange: e,
		options:  options,
		tls: &tls.Config{
			Certificates:     []tls.Certificate{certificate},
			MinVersion:       options.MinTLS,
			MaxVersion:       options.MaxTLS,
			CipherSuites:     options.CipherSuites,
			CurvePreferences: []tls.CurveID{tls.CurveP384, tls.CurveP256}, // Exchange Online's
		},
		address: options.Address,
		conns:   make(map[*conn]struct{}),
	}
	l.faults.Store(&Faults{})
	return l
}

// Address returns host and port; it stays the same while the listener is down.
func (l *Listener) Address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// SetFaults replaces all faults of the listener. An error can only come from opening the port again after [Faults.Down].
func (l *Listener) SetFaults(faults Faults) error {
	l.faults.Store(&faults)
	if !faults.Down {
		return l.open()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closeSocketLocked()
}

func (l *Listener) closeSocketLocked() error {
	if l.socket == nil {
		return nil
	}
	err := l.socket.Close()
	l.socket = nil
	return err
}

func (l *Listener) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	if l.socket != nil {
		return nil
	}
	socket, err := net.Listen("tcp", l.address)
	if err != nil {
		return fmt.Errorf("open %s: %w", l.options.Name, err)
	}
	l.socket, l.address = socket, socket.Addr().String()
	l.group.Go(func() { l.accept(socket) })
	return nil
}

func (l *Listener) accept(socket net.Listener) {
	for {
		raw, err := socket.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			wait(context.Background(), 5*time.Millisecond) // no file descriptor left, or the peer is gone already
			continue
		}
		l.start(raw)
	}
}

func (l *Listener) start(raw net.Conn) {
	c := newConn(l, raw)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		raw.Close()
		return
	}
	l.conns[c] = struct{}{}
	l.group.Go(func() { l.serve(c) })
}

func (l *Listener) serve(c *conn) {
	defer func() {
		c.close()
		l.mu.Lock()
		delete(l.conns, c)
		l.mu.Unlock()
		c.log(Event{Kind: Closed})
	}()
	c.log(Event{Kind: Accepted})
	switch { // a case without a body is a connection that ended before its dialog
	case !c.doom(l.faults.Load()):
	case l.faults.Load().SilentAfterAccept:
		c.hold()
	case !l.options.STARTTLS && c.startTLS() != nil:
	case !c.greet():
	case l.options.Protocol == POP3:
		(&popDialog{dialog: dialog{conn: c}}).run()
	default:
		(&imapDialog{dialog{conn: c}}).run()
	}
}

// Bye says a line to every connection that stands, wherever it is, and closes it.
func (l *Listener) Bye(line string) {
	for _, c := range l.standing() {
		c.bye(line)
	}
}

func (l *Listener) standing() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.conns))
}

// Close closes the port and every connection and returns when their goroutines have ended.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.closed = true
	err := l.closeSocketLocked()
	l.mu.Unlock()
	for _, c := range l.standing() {
		c.abort()
	}
	l.group.Wait()
	return err
}

// judge decides about a login: by the mailbox's own password and tokens, else by a token of the Entra ID stand-in.
func (l *Listener) judge(login Login) verdict {
	mailbox := l.exchange.Mailbox(login.User)
	if mailbox == nil {
		return verdict{why: "no such mailbox"}
	}
	v := mailbox.judge(login)
	if v.mailbox == nil && login.Mechanism == mechanismXOAUTH2 {
		return l.exchange.judgeToken(login.Token, mailbox, l.options.Protocol)
	}
	return v
}

// wait waits for a duration unless the connection is closed first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Throttle chooses how a mailbox whose budget is spent is answered.
type Throttle string

// The two forms in which Exchange Online was seen to throttle.
const (
	ThrottleOff    Throttle = ""
	ThrottleCloses Throttle = "BAD" // BAD …, then BYE and the end
	ThrottleStays  Throttle = "NO"  // NO …, the connection stays
)

// Faults are the ways in which a listener can misbehave. The zero value is a healthy server. They are
// set as a whole with [Listener.SetFaults]; each is looked at when its moment comes, so a session that is past
// that moment is not touched.
type Faults struct {
	Down                bool          // nothing listens: connections are refused
	ResetInHandshake    bool          // TCP reset once the first byte came (with STARTTLS: after its OK)
	SilentAfterAccept   bool          // accepts, reads, never says a thing
	SilentAfterGreeting bool          // greets (after the handshake), reads, never answers
	Greeting            string        // said instead of the greeting, without its line end: garbage, `* BYE …`
	GreetingThenClose   bool          // greets and closes
	SplitReplies        bool          // every reply goes out byte by byte, a write and TLS record each
	SlowLogin           time.Duration // how long the answer to a login takes
	LoginRefusal        string        // the answer to every login, without tag: `NO …`, `-ERR [IN-USE] …`; untagged if it starts with `* `
	Throttle            Throttle      // of logins and of commands after login
	NotConnected        bool          // logins are told OK and then nothing works (IMAP); refused (POP3)
	ByeInLiteral        string        // said halfway through the next message that is fetched, then the end: a whole line
	InjectAfterSTARTTLS string        // plaintext sent in one write with the OK of STARTTLS or STLS
	DropRate            float64       // this share of new connections is cut at random: at once or somewhere in their first replies; 1: all
	DropSeed            uint64        // which ones those are and when: the same for the same seed and number of a connection
}
