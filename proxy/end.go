package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/login"
)

// end closes what is open, completes the record and hands it over. A connection that closed without a byte leaves none. Each
// step is done whatever became of the others.
func (s *session) end(err error) {
	for _, step := range []func(){s.closeUpstream, s.closeDevice, s.settleNotes, s.settleBytes, s.identify, s.settleShared} {
		s.server.contain(step)
	}
	fault := s.server.recovered(func() error {
		s.record.Outcome, s.record.EndedBy, s.record.Reason = s.conclude(err)
		return nil
	})
	if fault != nil {
		s.record.Outcome, s.record.EndedBy, s.record.Reason = inventory.OutcomeUpstreamFailed, inventory.EndedByBridge, fault.Error()
	}
	s.record.Time = time.Now()
	s.record.Duration = s.record.Time.Sub(s.record.StartedAt)
	if s.leavesRecord(err) {
		s.server.contain(func() { s.server.Recorder.Ended(s.record) })
	}
}

// leavesRecord reports whether the connection is told of: one that sent a byte, or had time to; never a load balancer's probe.
func (s *session) leavesRecord(err error) bool {
	var silent *silence
	return !s.probe && (s.wire.Heard() || !s.stopping() && (errors.As(err, &silent) || login.IsTimeout(err)))
}

// settleShared notes whether the source stands for many devices.
func (s *session) settleShared() {
	s.record.SourceShared = s.server.Shared != nil && s.server.Shared(s.wire.Source())
}

func (s *session) closeUpstream() {
	if s.upstream != nil {
		_ = s.upstream.Close()
		s.settleUpstream()
		s.upstream = nil
	}
	if s.turn != nil {
		s.turn.Leave()
		s.turn = nil
	}
}

func (s *session) settleUpstream() {
	s.record.UpstreamTLS = s.current.dialled.TLS
	if s.current.dialled.Address.IsValid() {
		s.record.UpstreamAddress = s.current.dialled.Address.String()
	}
}

// closeDevice ends the device's leg: close_notify inside TLS, then the connection, gently where last words are under way.
func (s *session) closeDevice() {
	if s.device != nil && s.device.Secure() {
		lastWord(s.device)
		if r := s.relay.Load(); r != nil && !r.ending().broken() { // else the alert is to arrive
			_ = s.device.Close()
			return
		}
		s.device.CloseWrite()
	}
	devicetls.CloseGently(s.wire)
}

// settleNotes copies what the Login noticed; what an upstream said is searched for the session's secrets.
func (s *session) settleNotes() {
	n := &s.notes
	if n.ClaimedAccount != "" {
		s.record.ClaimedAccount = n.ClaimedAccount
	}
	if s.record.AuthMechanism == "" { // no login came so far as to have credentials
		s.record.AuthMechanism = n.Unserved.Mechanism
	}
	s.record.ClientID = n.ClientID
	s.record.UpstreamFrontEnd, s.record.UpstreamAuth = s.heard.FrontEnd, s.heard.Auth
	says := s.heard.Says
	if n := len(s.heard.Alerts); says == "" && n > 0 {
		says = "* " + s.heard.Alerts[n-1]
	}
	s.record.UpstreamSays = inventory.Redact(says, s.current.credentials.Password.Reveal())
	s.record.Quirks = n.Quirks
	if s.record.Hello == nil && s.listener.StartTLS && s.wire.Heard() && !s.wire.OpenedWithTLS() {
		s.record.Hello = hello.None()
	}
}

func (s *session) settleBytes() {
	if s.device != nil {
		s.record.BytesFromDevice, s.record.BytesToDevice = s.device.Bytes()
	}
}

// conclude decides how the session ended.
func (s *session) conclude(err error) (inventory.Outcome, inventory.EndedBy, string) {
	if r := s.relay.Load(); r != nil && err == nil {
		return s.concludeRelay(r)
	}
	if s.cut.Load() || s.drained.Load() && s.lastRefusal(err) == nil {
		return inventory.OutcomeCut, inventory.EndedByBridge, "the bridge was stopped before the device had logged in: nothing needs to be " +
			"done, it can log in again once the bridge runs"
	}
	var refusal *login.Refusal
	if errors.As(err, &refusal) { // first of all: what an upstream did wrong may be its cause, and was not the device's doing
		return outcomeOf(refusal, s.record.Phase), inventory.EndedByBridge, refusal.Error()
	}
	var handshake *devicetls.TLSError
	var silent *silence
	var bound *login.ProtocolError
	switch {
	case errors.As(err, &handshake) && s.record.TLS.AlertReceived != "":
		return inventory.OutcomeTLSFailed, inventory.EndedByDevice, handshake.Sentence
	case errors.As(err, &handshake):
		return inventory.OutcomeTLSFailed, s.endOf(handshake.Err), s.withPassword(handshake.Sentence)
	case errors.As(err, &silent):
		return inventory.OutcomeAbandoned, inventory.EndedByBridge, silent.sentence
	case s.wire.OpenedWithTLS() && s.record.Phase == inventory.PhaseHandshake:
		return inventory.OutcomeTLSFailed, s.endOf(err), "the device opened with TLS where this listener begins in plain text: switch its " +
			"encryption from SSL/TLS to STARTTLS, or give it the port of a listener with tls: implicit"
	case s.notes.LoginInClear && s.record.Phase == inventory.PhaseHandshake:
		return inventory.OutcomeRefused, s.endOf(err),
			s.withSwitch(s.withPassword("the device tried to log in without TLS: switch its encryption to STARTTLS"))
	case errors.As(err, &bound):
		return inventory.OutcomeProtocolError, inventory.EndedByBridge, s.withSwitch(bound.Problem)
	case errors.Is(err, login.ErrInjected):
		return inventory.OutcomeProtocolError, inventory.EndedByBridge, login.ErrInjected.Error()
	}
	if r := s.refused; r != nil {
		return outcomeOf(r, s.record.Phase), s.endOf(err), r.Error()
	}
	if left := errors.Is(err, login.ErrLoggedOut) || login.IsTimeout(err) || login.IsClosed(err); left && s.notes.Unserved.Sentence != "" {
		return inventory.OutcomeAbandoned, s.endOf(err), s.notes.Unserved.Sentence
	}
	return inventory.OutcomeAbandoned, s.endOf(err), s.abandoned(err)
}

// lastRefusal is the refusal that ended the session, or the last one told before the device left.
func (s *session) lastRefusal(err error) *login.Refusal {
	var r *login.Refusal
	if errors.As(err, &r) {
		return r
	}
	return s.refused
}

// concludeRelay decides how a session ended that was admitted.
func (s *session) concludeRelay(r *relay) (inventory.Outcome, inventory.EndedBy, string) {
	by := r.endedBy()
	if sentence := s.settleAlert(r.ending().leg, r.ending().err); sentence != "" {
		return inventory.OutcomeBridged, by, sentence
	}
	switch {
	case s.ousted.Load() != nil && by == inventory.EndedByBridge:
		return inventory.OutcomeCut, by, *s.ousted.Load()
	case r.idled.Load():
		return inventory.OutcomeBridged, by, fmt.Sprintf("neither side said a thing for %s (limits.idle_timeout: %s): where the "+
			"device keeps a session open on purpose, raise it, else nothing needs to be done", login.Span(s.listener.IdleTimeout),
			login.Span(s.listener.IdleTimeout))
	case by == inventory.EndedByBridge:
		return inventory.OutcomeCut, by, "the bridge was stopped, and the session went on for longer than drain, or than " +
			"until it was told to stop at once: nothing needs to be done, the device can log in again once the bridge runs"
	case s.notes.LoggedOut:
		return inventory.OutcomeBridged, inventory.EndedByDevice, ""
	}
	return inventory.OutcomeBridged, by, s.partedBy(by, r.ending().err)
}

// partedBy says what ended a session besides a close without a word, of which ended_by says enough.
func (s *session) partedBy(by inventory.EndedBy, err error) string {
	var errno syscall.Errno
	switch {
	case accessTokenExpired.MatchString(s.heard.Says):
		return "the upstream ended the session since its token had run out, as it does after 60 to 90 minutes, see upstream_says: nothing " +
			"needs to be done where the device logs in again by itself"
	case s.heard.Says != "":
		return "the upstream ended the session, see upstream_says: nothing needs to be done where the device logs in again by itself, else " +
			"look for what it says"
	case errors.As(err, &errno) && !login.IsClosed(err):
		return fmt.Sprintf("the %s could not be reached any more (%s): look whether it was switched off, and at the network between", by,
			login.Plainly(err))
	}
	return ""
}

// accessTokenExpired is how Exchange ends a session whose token has run out: "* BYE Session invalidated - AccessTokenExpired".
var accessTokenExpired = regexp.MustCompile("(?i)accesstokenexpired")

// settleAlert notes the alert by which a leg's TLS ended after the handshake, and says what it means; "" where none did.
func (s *session) settleAlert(leg inventory.EndedBy, err error) string {
	received, ofDevice := devicetls.ReceivedAlert(err), leg == inventory.EndedByDevice
	sent, broken := devicetls.BrokenBy(err)
	if ofDevice && (broken || received != "") {
		s.record.TLS.AlertReceived, s.record.TLS.AlertSent = received, sent
	}
	switch {
	case received == "record_overflow" && ofDevice:
		return "the device cannot take TLS records of this size (alert record_overflow): lower listeners[].record_size"
	case received != "":
		return fmt.Sprintf("the %s ended the session by the TLS alert %s: look at its log, and for what changes its packets on the way", leg,
			received)
	case !broken:
		return ""
	case devicetls.Renegotiates(err):
		return fmt.Sprintf("the %s asked to renegotiate TLS in the session, which is refused (alert %s): switch renegotiation off there, "+
			"or update it", leg, sent)
	}
	return fmt.Sprintf("the %s sent a broken TLS record in the session (alert %s): update it, or look for what changes its packets on "+
		"the way", leg, sent)
}

// outcomeOf is the outcome of a session whose last login was refused in phase.
func outcomeOf(r *login.Refusal, phase inventory.Phase) inventory.Outcome {
	if r.ByRule {
		return inventory.OutcomeRefused
	}
	switch r.Reason {
	case login.BadCredentials:
		return inventory.OutcomeLoginFailed
	case login.Unavailable, login.Internal:
		return inventory.OutcomeUpstreamFailed
	case login.TooManySessions:
		if phase == inventory.PhaseAuthenticate { // the upstream's limit, not ours
			return inventory.OutcomeUpstreamFailed
		}
	}
	return inventory.OutcomeRefused
}

// endOf tells whose end an error of the device's connection was.
func (s *session) endOf(err error) inventory.EndedBy {
	if login.IsClosed(err) || errors.Is(err, login.ErrLoggedOut) || devicetls.ReceivedAlert(err) != "" {
		return inventory.EndedByDevice
	}
	return inventory.EndedByBridge
}

// abandoned says how a device left that was never refused.
func (s *session) abandoned(err error) string {
	if sentence := s.settleAlert(inventory.EndedByDevice, err); sentence != "" {
		return sentence
	}
	phase := s.record.Phase
	switch {
	case errors.Is(err, login.ErrLoggedOut):
		return "the device logged out without trying to log in: check that a name and a password are set in it, unless it only looks whether " +
			"the service runs"
	case phase != inventory.PhaseHandshake && phase != inventory.PhaseLogin:
		return s.unanswered(err)
	case login.IsTimeout(err) && phase == inventory.PhaseHandshake:
		return fmt.Sprintf("the device did not start TLS in time (limits.handshake_timeout: %s): switch its encryption to STARTTLS",
			login.Span(s.listener.HandshakeTimeout))
	case login.IsTimeout(err):
		return fmt.Sprintf("the device did not log in in time (limits.login_timeout: %s): check that a name and a password are set in it, or "+
			"raise the limit if it is slow", login.Span(s.listener.LoginTimeout))
	case login.IsClosed(err) && phase == inventory.PhaseHandshake:
		return "the device closed the connection before TLS: switch its encryption to STARTTLS, unless it only looks whether the port is open"
	case login.IsClosed(err):
		return "the device closed the connection before it logged in: it may not accept the certificate (drawbridge certs export), or " +
			"only look whether the service runs"
	}
	return fmt.Sprintf("the connection to the device broke (%s): look at the network between", login.Plainly(err))
}

// unanswered says what became of a device that was to be let in and did not take the answer: it may not have been its doing.
func (s *session) unanswered(err error) string {
	if login.IsTimeout(err) {
		return fmt.Sprintf("the device was to be let in and did not take the answer within %s: look whether it still runs, and at the network "+
			"between", devicetls.LastWordTimeout)
	}
	return fmt.Sprintf("the device was gone when it was to be let in, after the upstream had taken %s (upstream_ms) to log in: if that "+
		"is long, find out why or raise the device's own time-out, else look at the network between", s.record.UpstreamTime.Round(time.Millisecond))
}

// withPassword adds what must be said where a password crossed the network before TLS.
func (s *session) withPassword(sentence string) string {
	if !s.notes.PasswordClear {
		return sentence
	}
	return sentence + "; the password crossed the network in clear text, change it"
}

// withSwitch adds which switch of the device to change, where no login came so far as to have credentials.
func (s *session) withSwitch(sentence string) string {
	if s.notes.Unserved.Sentence == "" || s.refused != nil {
		return sentence
	}
	return sentence + "; " + s.notes.Unserved.Sentence
}

// passwordIn reports whether plain text on a TLS port looks like a login that carries its password.
func passwordIn(plain []byte) bool {
	for line := range bytes.Lines(plain) {
		words := strings.Fields(strings.ToUpper(string(line)))
		switch {
		case len(words) >= 2 && words[0] == "PASS",
			len(words) >= 4 && words[1] == "LOGIN",
			len(words) >= 3 && words[0] == "AUTH",
			len(words) >= 4 && words[1] == "AUTHENTICATE":
			return true
		}
	}
	return false
}

// verifiedAccount is the form in which a verified account is known: as typed, lower case.
func verifiedAccount(typed string) string { return strings.ToLower(typed) }
