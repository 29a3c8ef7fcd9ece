package proxy

import (
	"context"
	"time"

	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/login"
)

// The clock says, in one place, until when each leg of a session may take in each phase. 0 in the configuration is no
// deadline.
//
//	phase          device                                          upstream
//	PROXY header   accept + limits.handshake_timeout
//	handshake      accept + limits.handshake_timeout
//	login          end of the handshake, or of the last refusal,
//	               + limits.login_timeout
//	decide         none: the upstream's time-outs hold             its limits.queue while it waits for its turn
//	dial           none                                            dial_timeout, up to the greeting
//	authenticate   none                                            login_timeout, from the greeting on
//	admit          5 s to take the answer                          login_timeout goes on
//	relay          none, but limits.idle_timeout of both legs      none
//	last words     5 s, and 1 s for what the device still sends

// deadliner is a leg of a session.
type deadliner interface{ SetDeadline(time.Time) error }

// after is d from t on, and never where d is 0.
func after(t time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return t.Add(d)
}

// until ends ctx at t, where t is set.
func until(ctx context.Context, t time.Time) (context.Context, context.CancelFunc) {
	if t.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, t)
}

// handshakeEnd is when a connection accepted at started must have completed its handshake.
func (l *Listener) handshakeEnd(started time.Time) time.Time {
	return after(started, l.HandshakeTimeout)
}

// awaitLogin gives the device a login's time from now on.
func (l *Listener) awaitLogin(device deadliner) {
	_ = device.SetDeadline(after(time.Now(), l.LoginTimeout))
}

// awaitUpstream lets the device wait for as long as the upstream takes.
func awaitUpstream(device deadliner) { _ = device.SetDeadline(time.Time{}) }

// awaitNothing leaves both legs to the relay, which watches for silence.
func awaitNothing(device, upstream deadliner) {
	_ = device.SetDeadline(time.Time{})
	_ = upstream.SetDeadline(time.Time{})
}

// lastWord gives the device a moment to take what is said last.
func lastWord(device deadliner) { _ = device.SetDeadline(time.Now().Add(devicetls.LastWordTimeout)) }

// expire ends at once whatever waits on a leg; what is said later has a deadline of its own.
func expire(leg deadliner) { _ = leg.SetDeadline(login.Past) }

// greetingEnd is when an upstream dialled at started must have greeted. Its Conn has the login's time from then on.
func (u *Upstream) greetingEnd(started time.Time) time.Time { return after(started, u.o.DialTimeout) }
