package proxy

import (
	"context"
	"errors"
	"time"
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
	var r *Refusal
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
	_ = s.device.SetDeadline(time.Now().Add(lastWordTimeout))
	s.refusals++
	s.refused = r
	if err := s.login.Refuse(r); err != nil {
		return err
	}
	if s.stopping() || s.refusals >= maxRefusals {
		_ = s.login.Refuse(&Refusal{Reason: s.lastReason()})
		return r
	}
	return nil
}

// stopping reports whether the bridge is: then no login may follow.
func (s *session) stopping() bool { return s.server.isDraining() || s.cut.Load() }

// lastReason is why a session ends before login.
func (s *session) lastReason() Reason {
	if s.stopping() {
		return Busy
	}
	return Ended
}

// asRefusal makes a fault of ours of everything that is no refusal.
func asRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{Reason: Internal, Err: err}
}

// await holds a refusal back until it may be told, or the session is cut: a wrong password takes as long whatever was wrong
// with it.
func (s *session) await(ctx context.Context, r *Refusal) {
	until := r.NotBefore
	if r.Reason == BadCredentials && s.decision.Credential != nil {
		if t := s.decision.Credential.NotBefore(); t.After(until) {
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
	var bound *ProtocolError
	var handshake *TLSError
	if errors.As(err, &handshake) {
		return // the alert is out
	}
	if errors.As(err, &bound) || errors.Is(err, ErrInjected) || isTimeout(err) {
		_ = s.device.SetDeadline(time.Now().Add(lastWordTimeout))
		_ = s.login.Refuse(&Refusal{Reason: s.lastReason()})
	}
}
