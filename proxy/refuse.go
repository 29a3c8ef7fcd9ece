package proxy

import (
	"context"
	"errors"
	"time"

	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/login"
)

// maxRefusals is how many refused logins, whatever the reason, end a session.
const maxRefusals = 3

// ended is an error of the dialog with the device: there is no more to be said in it but a last word.
type ended struct{ err error }

func (e *ended) Error() string { return e.err.Error() }
func (e *ended) Unwrap() error { return e.err }

// silence is a device that connected and never sent a byte.
type silence struct{ sentence string }

func (s *silence) Error() string { return s.sentence }

// readEnded marks what Login.Read returns as the end of the dialog, unless it is a refusal that the device can be told.
func readEnded(err error) error {
	var r *login.Refusal
	if err == nil || errors.As(err, &r) {
		return err
	}
	return &ended{err}
}

// isEnded reports whether the dialog with the device is over.
func isEnded(err error) bool {
	var over *ended
	return errors.As(err, &over)
}

// refuse tells the device why its login failed. It returns nil when the device may try again, else why the session ends.
func (s *session) refuse(ctx context.Context, cause error) error {
	s.closeUpstream()
	var over *ended
	if errors.As(cause, &over) {
		s.sayLastWord(over.err)
		return over.err
	}
	r := asRefusal(cause)
	s.await(ctx, r)
	lastWord(s.device)
	s.refusals++
	s.refused = r
	if err := s.login.Refuse(r); err != nil {
		return err
	}
	if s.stopping() || s.refusals >= maxRefusals {
		_ = s.login.Refuse(&login.Refusal{Reason: s.lastReason()})
		return r
	}
	return nil
}

// stopping reports whether the bridge is: then no login may follow.
func (s *session) stopping() bool { return s.drained.Load() || s.cut.Load() }

// lastReason is why a session ends before login.
func (s *session) lastReason() login.Reason {
	if s.stopping() {
		return login.Busy
	}
	return login.Ended
}

// asRefusal makes a fault of ours of everything that is no refusal.
func asRefusal(err error) *login.Refusal {
	var r *login.Refusal
	if errors.As(err, &r) {
		return r
	}
	return &login.Refusal{Reason: login.Internal, Err: err}
}

// await holds a refusal back until it may be told, or the session is cut: a wrong password takes as long whatever was wrong
// with it.
func (s *session) await(ctx context.Context, r *login.Refusal) {
	until := r.NotBefore
	if r.Reason == login.BadCredentials && s.current.decision.Credential != nil {
		if t := s.current.decision.Credential.NotBefore(); t.After(until) {
			until = t
		}
	}
	wait := time.Until(until)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sayLastWord tells a device that broke a bound or fell silent that the session is over.
func (s *session) sayLastWord(err error) {
	var bound *login.ProtocolError
	var handshake *devicetls.TLSError
	if errors.As(err, &handshake) {
		return // the alert is out
	}
	if errors.As(err, &bound) || errors.Is(err, login.ErrInjected) || login.IsTimeout(err) {
		lastWord(s.device)
		_ = s.login.Refuse(&login.Refusal{Reason: s.lastReason()})
	}
}
