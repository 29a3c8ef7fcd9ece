package proxy

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
	"go.uber.org/zap"

	"drawbridge/inventory"
)

// session is the life of one device's connection, from accept to the record. One goroutine owns it.
type session struct {
	server   *Server
	listener *Listener
	record   *inventory.Session
	notes    Notes

	wire     *Wire
	device   *Conn // set by open
	upstream *Conn // set by dial
	login    Login
	turn     *Turn

	credentials Credentials
	decision    Decision
	mechanisms  []sasl.Client
	dialled     Dialled // filled in as far as the last dial came
	dialStarted time.Time
	refusals    int
	refused     *Refusal // the last one told
	relay       atomic.Pointer[relay]
	cut         atomic.Bool
}

func newSession(s *Server, l *Listener, c net.Conn, source netip.AddrPort, started time.Time) *session {
	mode := "implicit"
	if l.StartTLS {
		mode = "starttls"
	}
	return &session{
		server: s, listener: l,
		wire: NewWire(c, source.Addr(), l.Slots),
		record: &inventory.Session{
			Bridge: s.Name, Run: s.Run, ID: randomID(8),
			Listener: l.Name, Protocol: l.Protocol, TLSMode: mode,
			Source:    inventory.Source{IP: source.Addr(), Port: source.Port()},
			Phase:     inventory.PhaseHandshake,
			StartedAt: started,
		},
	}
}

// run serves the device and leaves exactly one record, also after a failed handshake or a panic. When ctx ends, the
// session is cut.
func (s *session) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.cutNow)
	defer stop()
	s.identify()
	// A handshake and a login take a deep stack, and an hour in IDLE a shallow one: the deep one ends with a goroutine of
	// its own.
	established := make(chan error, 1)
	go func() { established <- s.recovered(func() error { return s.establish(ctx) }) }()
	err := <-established
	if err == nil {
		err = s.recovered(s.carry)
	}
	s.end(err)
}

// identify notes what the network tells of the source.
func (s *session) identify() {
	if s.server.Identify != nil {
		s.server.Identify(s.record)
	}
}

// recovered makes a panic in f the session's error.
func (s *session) recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.server.Logger.Error("a session ended by a fault in Drawbridge", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			err = Refuse(Internal, "a fault in Drawbridge ended the session: please report the log's stack trace")
		}
	}()
	return f()
}

// cutNow ends whatever the session waits for. Any goroutine may call it.
func (s *session) cutNow() {
	s.cut.Store(true)
	s.wire.cut()
	if r := s.relay.Load(); r != nil {
		r.cut()
	}
}

// establish is the path of a session up to the relay: the connection is opened, and logins are tried until one is
// admitted.
func (s *session) establish(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	for {
		err := s.attempt(ctx)
		if err == nil {
			return nil
		}
		if err := s.refuse(ctx, err); err != nil {
			return err
		}
	}
}

// attempt is one login.
func (s *session) attempt(ctx context.Context) error {
	if err := s.read(ctx); err != nil {
		return err
	}
	if err := s.decide(ctx); err != nil {
		return err
	}
	if err := s.verify(ctx); err != nil {
		return err
	}
	return s.admit()
}

// read speaks with the device until it has presented credentials.
func (s *session) read(ctx context.Context) error {
	if s.refusals > 0 {
		s.loginDeadline(s.device)
	}
	c, err := s.login.Read(ctx)
	if err = readEnded(err); isEnded(err) {
		return err
	}
	s.begin(c)
	if err != nil {
		return err // the credentials are unfit to be handed on
	}
	if s.server.isDraining() {
		return Refuse(Unavailable, "the bridge is stopping")
	}
	return nil
}

// begin starts the record of a login anew: of several the last one tells.
func (s *session) begin(c Credentials) {
	if s.refused != nil {
		s.notes.Quirk(QuirkFailedLogin)
		s.refused = nil
	}
	s.credentials, s.decision, s.dialled = c, Decision{}, Dialled{}
	s.notes.FrontEnd, s.notes.UpstreamAuth, s.notes.UpstreamSays = "", "", ""
	r := s.record
	r.ClaimedAccount, r.AuthMechanism, r.Account, r.Mailbox = c.Account, c.Mechanism, "", ""
	r.Stage, r.Rules, r.Upstream, r.UpstreamAddress = "", nil, "", ""
	r.UpstreamTLS, r.UpstreamTime, r.TokenLeft = inventory.TLS{}, 0, 0
}

// decide asks what is to become of the session, and what its credential is worth upstream.
func (s *session) decide(ctx context.Context) error {
	s.record.Phase = inventory.PhaseDecide
	_ = s.device.SetDeadline(time.Time{}) // the upstream's time-outs hold from here on
	d, err := s.server.Decider.Decide(ctx, time.Now(), s.record, s.credentials)
	if err != nil {
		return err
	}
	s.decision = d
	s.record.Stage, s.record.Rules, s.record.Mailbox = d.Stage, d.Rules, d.Mailbox
	s.record.Upstream = d.Upstream.Name()
	if d.Checked {
		s.record.Account = s.account()
	}
	s.mechanisms, err = d.Credential.Mechanisms(ctx)
	return err
}

// verify logs in upstream, has the mailbox proven, and tells the Credential what came of it: an OK without proof says
// nothing of whose mailbox it is.
func (s *session) verify(ctx context.Context) error {
	verdict, err := s.present(ctx)
	defer func() { s.decision.Credential.Result(verdict) }()
	for verdict == Refused {
		var r *Refusal
		errors.As(err, &r)
		again, told := s.decision.Credential.Refused(ctx, r)
		if again == nil {
			return told
		}
		s.closeUpstream()
		s.mechanisms = again
		verdict, err = s.present(ctx)
	}
	return err
}

// present logs in upstream once, on a connection of its own.
func (s *session) present(ctx context.Context) (Verdict, error) {
	if err := s.dial(ctx); err != nil {
		return Unsent, err
	}
	stop := context.AfterFunc(ctx, s.upstream.cut)
	defer stop()
	err := s.authenticate(ctx)
	if err == nil {
		err = s.prove(ctx)
	}
	if err != nil {
		s.decision.Upstream.Turns().Pause(s.decision.Mailbox, pauseTold(s.notes.UpstreamSays))
	}
	// What the upstream said may quote this login's secret, which the next login replaces.
	s.notes.UpstreamSays = inventory.Redact(s.notes.UpstreamSays, s.credentials.Password.Reveal())
	return verdictOf(err, s.notes.UpstreamAuth != ""), err
}

// verdictOf is what a login that ended by err says of its credential. A Login notes how it logs in before it sends anything of the
// credential: where it did not come so far, an upstream that fails before has seen no guess.
func verdictOf(err error, sent bool) Verdict {
	var r *Refusal
	switch {
	case err == nil:
		return Accepted
	case errors.As(err, &r) && r.Reason == BadCredentials:
		return Refused
	case !sent:
		return Unsent
	}
	return NoAnswer
}

// dial waits for the mailbox's and the upstream's turn and connects.
func (s *session) dial(ctx context.Context) error {
	s.record.Phase = inventory.PhaseDial
	if turns := s.decision.Upstream.Turns(); turns != nil {
		turn, err := turns.Enter(ctx, s.wire.source, s.decision.Mailbox, s.decision.Known)
		if err != nil {
			return err
		}
		s.turn = turn
		if err := turn.Dial(ctx); err != nil {
			return err
		}
	}
	s.dialStarted = time.Now()
	s.dialled = Dialled{}
	conn, err := s.decision.Upstream.Dial(ctx, s.listener.Protocol, &s.dialled)
	if err != nil {
		return &Refusal{Reason: Unavailable, Err: err}
	}
	s.upstream = conn
	return nil
}

// authenticate logs in upstream.
func (s *session) authenticate(ctx context.Context) error {
	s.record.Phase = inventory.PhaseAuthenticate
	return s.login.Authenticate(ctx, s.upstream, s.mechanisms)
}

// account is the name by which the account is known once it is verified.
func (s *session) account() string {
	return cmp.Or(s.decision.Account, verifiedAccount(s.credentials.Account))
}

// prove makes sure that the mailbox is open. From then on the account is the device's.
func (s *session) prove(ctx context.Context) error {
	s.record.Phase = inventory.PhaseAdmit
	if err := s.login.Prove(ctx); err != nil {
		return err
	}
	s.record.UpstreamTime = time.Since(s.dialStarted)
	s.record.Account = s.account()
	if t, ok := s.decision.Credential.(TokenCredential); ok {
		s.record.TokenLeft = t.TokenLeft()
	}
	if s.turn != nil {
		s.turn.Promote()
	}
	return nil
}

// admit makes the session known and lets the device in.
func (s *session) admit() error {
	if then := s.decision.Then; then != nil {
		return then
	}
	s.server.Recorder.Admitted(s.record)
	_ = s.device.SetDeadline(time.Now().Add(lastWordTimeout))
	if err := s.login.Admit(s.decision.Notice); err != nil {
		return &ended{err}
	}
	return nil
}

// carry relays until both sides have ended.
func (s *session) carry() error {
	s.record.Phase = inventory.PhaseRelay
	_ = s.device.SetDeadline(time.Time{})
	_ = s.upstream.SetDeadline(time.Time{})
	s.mechanisms, s.refused = nil, nil
	s.notes.UpstreamSays = "" // from here on it is the upstream's last line that counts
	r := &relay{device: s.device, upstream: s.upstream, idle: s.listener.IdleTimeout}
	r.observer, _ = s.login.(Observer)
	s.relay.Store(r)
	if s.cut.Load() {
		r.cut() // cutNow may have come too early to see the relay
	}
	r.run()
	return nil
}
