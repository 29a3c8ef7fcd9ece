package proxy

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

// session is the life of one device's connection, from accept to the record. One goroutine owns it.
type session struct {
	server   *Server
	decider  Decider // of the generation it began with, like the listener
	listener *Listener
	place    *limits.Place // among the listener's sessions; nil: nobody counts it
	record   *inventory.Session
	notes    login.Notes

	wire     *devicetls.Wire
	device   *login.Conn // set by open
	login    login.Login // the device's half, set by open
	upstream *login.Conn // set by dial
	turn     *limits.Turn

	current  oneLogin
	heard    login.UpstreamNotes // what the upstream said during it
	refusals int
	refused  *login.Refusal // the last one told
	relay    atomic.Pointer[relay]
	cut      atomic.Bool
	drained  atomic.Bool // the bridge began to stop before the device had logged in
	settled  func() bool // from now on a stop lets the session go on; false where it came before
	probe    bool        // a load balancer's own, as long as nobody logs in

	ousted atomic.Pointer[string] // why a rule ended it while it ran
}

// oneLogin is what one login needs while it is under way. It is replaced whole by the next one, and let go at the relay.
type oneLogin struct {
	credentials login.Credentials
	decision    Decision
	mechanisms  []sasl.Client
	half        login.UpstreamHalf // set by dial
	dialled     Dialled            // filled in as far as the last dial came
	dialStarted time.Time
}

func newSession(s *Server, g *Generation, l *Listener, c net.Conn, source netip.AddrPort, started time.Time) *session {
	mode := "implicit"
	if l.StartTLS {
		mode = "starttls"
	}
	return &session{
		server: s, decider: g.Decider, listener: l,
		wire: devicetls.NewWire(c, source.Addr(), l.Slots),
		record: &inventory.Session{
			Bridge: s.Name, Run: s.Run, ID: randomID(8),
			Listener: l.Name, Protocol: l.Protocol, TLSMode: mode,
			Source:    inventory.Source{IP: source.Addr(), Port: source.Port()},
			Phase:     inventory.PhaseHandshake,
			StartedAt: started,
		},
	}
}

// run serves the device and leaves exactly one record, also after a failed handshake or a panic. When accept ends before the
// device has logged in, it is told so and the session ends; when cut ends, the session is cut.
func (s *session) run(accept, cut context.Context) {
	stop := context.AfterFunc(cut, s.cutNow)
	defer stop()
	// A handshake and a login take a deep stack, and an hour in IDLE a shallow one: the deep one ends with a goroutine of
	// its own.
	established := make(chan error, 1)
	go func() {
		s.identify()
		established <- s.server.recovered(func() error { return s.establish(accept, cut) })
	}()
	err := <-established
	if err == nil {
		err = s.server.recovered(s.carry)
	}
	s.end(err)
}

// identify notes what the network tells of the source. Where that fails the session goes on without.
func (s *session) identify() {
	if s.server.Identify != nil {
		s.server.contain(func() { s.server.Identify(s.record) })
	}
}

// cutNow ends whatever the session waits for. Any goroutine may call it.
func (s *session) cutNow() {
	s.cut.Store(true)
	s.wire.Cut()
	if r := s.relay.Load(); r != nil {
		r.cut()
	}
}

// establish is the path of a session up to the relay: the connection is opened, and logins are tried until one is
// admitted. What waits for the device or for an upstream ends when accept does.
func (s *session) establish(accept, cut context.Context) error {
	ctx, end := context.WithCancel(cut)
	defer end()
	s.settled = context.AfterFunc(accept, func() {
		s.drained.Store(true)
		s.wire.HangUp()
		end()
	})
	defer s.settled()
	if err := s.open(ctx); err != nil {
		return err
	}
	for {
		err := s.logIn(ctx)
		if err == nil {
			return nil
		}
		if err := s.refuse(cut, s.brokenOff(err)); err != nil {
			return err
		}
	}
}

// errStopping is what a login under way is told when the bridge stops.
var errStopping = login.Refuse(login.Unavailable, "the bridge is stopping: nothing needs to be done, the device can log in again once "+
	"it runs")

// brokenOff is err, or errStopping for a login of which nothing was decided before the bridge began to stop.
func (s *session) brokenOff(err error) error {
	var r *login.Refusal
	if !s.drained.Load() || s.cut.Load() || isEnded(err) || errors.As(err, &r) && r.Reason != login.Unavailable {
		return err
	}
	return errStopping
}

// logIn is one login.
func (s *session) logIn(ctx context.Context) error {
	if err := s.read(ctx); err != nil {
		return err
	}
	if err := s.decide(ctx); err != nil {
		return err
	}
	if err := s.verify(ctx); err != nil {
		return err
	}
	s.place.Promote()
	return s.admit()
}

// read speaks with the device until it has presented credentials.
func (s *session) read(ctx context.Context) error {
	if s.refusals > 0 {
		s.listener.awaitLogin(s.device)
	}
	c, err := s.login.Read(ctx)
	if err = readEnded(err); isEnded(err) {
		return err
	}
	s.begin(c)
	if err != nil {
		return err // the credentials are unfit to be handed on
	}
	if s.drained.Load() {
		return errStopping
	}
	return nil
}

// begin starts the record of a login anew: of several the last one tells.
func (s *session) begin(c login.Credentials) {
	if s.refused != nil {
		s.notes.Quirk(login.QuirkFailedLogin)
		s.refused = nil
	}
	s.probe = false
	s.current, s.heard = oneLogin{credentials: c}, login.UpstreamNotes{}
	s.record.Login = inventory.Login{ClaimedAccount: c.Account, AuthMechanism: c.Mechanism}
}

// decide asks what is to become of the session, and what its credential is worth upstream.
func (s *session) decide(ctx context.Context) error {
	s.record.Phase = inventory.PhaseDecide
	awaitUpstream(s.device)
	d, err := s.decider.Decide(ctx, time.Now(), s.record, s.current.credentials)
	if err != nil {
		return err
	}
	s.current.decision = d
	s.record.Stage, s.record.WouldStage, s.record.Rules, s.record.Mailbox = d.Stage, d.WouldStage, d.Rules, d.Mailbox
	s.record.Upstream = d.Upstream.Name()
	if d.Checked {
		s.record.Account = s.account()
	}
	s.current.mechanisms, err = d.Credential.Mechanisms(ctx)
	return err
}

// verify logs in upstream, has the mailbox proven, and tells the Credential what came of it: an OK without proof says
// nothing of whose mailbox it is.
func (s *session) verify(ctx context.Context) error {
	verdict, err := s.present(ctx)
	defer func() { s.current.decision.Credential.Result(verdict) }()
	for verdict.Refused() {
		var r *login.Refusal
		errors.As(err, &r)
		again, told := s.current.decision.Credential.Retry(ctx, r)
		if again == nil {
			return told
		}
		s.closeUpstream()
		s.current.mechanisms = again
		verdict, err = s.present(ctx)
	}
	return err
}

// present logs in upstream once, on a connection of its own.
func (s *session) present(ctx context.Context) (login.Verdict, error) {
	if err := s.dial(ctx); err != nil {
		return login.Unsent, err
	}
	stop := context.AfterFunc(ctx, s.upstream.Cut)
	defer stop()
	err := s.authenticate(ctx)
	if err == nil {
		err = s.prove(ctx)
	}
	if err != nil {
		s.current.decision.Upstream.Turns().Pause(s.current.decision.Mailbox, limits.PauseTold(s.heard.Says))
	}
	// What the upstream said may quote this login's secret, which the next login replaces.
	s.heard.Says = inventory.Redact(s.heard.Says, s.current.credentials.Password.Reveal())
	return verdictOf(err, s.heard.Auth != ""), err
}

// verdictOf is what a login that ended by err says of its credential. A Login notes how it logs in before it sends anything of the
// credential: where it did not come so far, an upstream that fails before has seen no guess.
func verdictOf(err error, sent bool) login.Verdict {
	var r *login.Refusal
	switch {
	case err == nil:
		return login.Accepted
	case errors.As(err, &r) && r.Reason == login.BadCredentials && r.Uncoded:
		return login.Doubted
	case errors.As(err, &r) && r.Reason == login.BadCredentials:
		return login.Rejected
	case !sent:
		return login.Unsent
	}
	return login.NoAnswer
}

// dial waits for the mailbox's and the upstream's turn and connects.
func (s *session) dial(ctx context.Context) error {
	s.record.Phase = inventory.PhaseDial
	if turns := s.current.decision.Upstream.Turns(); turns != nil {
		turn, err := turns.Enter(ctx, s.wire.Source(), s.current.decision.Mailbox, s.current.decision.Known)
		if err != nil {
			return err
		}
		s.turn = turn
		if err := turn.Dial(ctx); err != nil {
			return err
		}
	}
	s.current.dialStarted = time.Now()
	s.current.dialled = Dialled{}
	conn, err := s.current.decision.Upstream.Dial(ctx, s.listener.Protocol, &s.current.dialled)
	if err != nil {
		return &login.Refusal{Reason: login.Unavailable, Err: err}
	}
	s.upstream = conn
	s.heard.FrontEnd, s.heard.Says, s.heard.Alerts = "", "", nil // of an earlier dial
	s.current.half = s.listener.Dialect.NewUpstreamHalf(conn, &s.heard)
	return nil
}

// authenticate logs in upstream.
func (s *session) authenticate(ctx context.Context) error {
	s.record.Phase = inventory.PhaseAuthenticate
	if err := s.current.half.Greet(ctx); err != nil {
		return err
	}
	return s.current.half.LogIn(ctx, s.current.mechanisms)
}

// account is the name by which the account is known once it is verified.
func (s *session) account() string {
	return cmp.Or(s.current.decision.Account, verifiedAccount(s.current.credentials.Account))
}

// prove makes sure that the mailbox is open. From then on the account is the device's.
func (s *session) prove(ctx context.Context) error {
	s.record.Phase = inventory.PhaseAdmit
	if err := s.current.half.ProveMailbox(ctx); err != nil {
		return err
	}
	s.record.UpstreamTime = time.Since(s.current.dialStarted)
	s.record.Account = s.account()
	if t, ok := s.current.decision.Credential.(TokenCredential); ok {
		s.record.TokenLeft = t.TokenLeft()
	}
	if s.turn != nil {
		s.turn.Promote()
	}
	return nil
}

// admit makes the session known and lets the device in.
func (s *session) admit() error {
	if then := s.current.decision.Then; then != nil {
		return then
	}
	if !s.settled() {
		return errStopping
	}
	s.server.Recorder.Admitted(s.record)
	lastWord(s.device)
	admission := login.Admission{Notice: s.current.decision.Notice, Capabilities: s.current.half.Capabilities(), Alerts: s.heard.Alerts}
	if err := s.login.Admit(admission); err != nil {
		return &ended{err}
	}
	return nil
}

// carry relays until both sides have ended.
func (s *session) carry() error {
	s.record.Phase = inventory.PhaseRelay
	awaitNothing(s.device, s.upstream)
	s.letGo()
	r := &relay{device: s.device, upstream: s.upstream, idle: s.listener.IdleTimeout}
	r.observer, _ = s.login.(login.Observer)
	s.relay.Store(r)
	if s.cut.Load() {
		r.cut() // cutNow may have come too early to see the relay
	}
	defer s.server.running.enter(s)()
	r.run()
	s.heard.Says = r.said
	return nil
}

// letGo drops what the login needed: a session may idle for an hour. The password stays, since the upstream's last line is
// searched for it, and the dial's end, which the record tells.
func (s *session) letGo() {
	s.current = oneLogin{
		credentials: login.Credentials{Password: s.current.credentials.Password},
		dialled:     s.current.dialled,
	}
	s.refused = nil
	s.heard.Says = "" // from here on it is the upstream's last line that counts
}
