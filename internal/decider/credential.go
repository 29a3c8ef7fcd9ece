package decider

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/oauth"
	"drawbridge/internal/upstreams"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// guess is the part of a proxy.Credential that the upstream or Entra ID checks: what they refuse counts as a failure here, and
// how many passwords they are shown is bounded.
type guess struct {
	failures *guard.Failures
	attempt  guard.Attempt
	check    *guard.Check // nil: not begun
}

// begin waits for the turn of the check, which Result ends.
func (g *guess) begin(ctx context.Context) (err error) {
	g.check, err = g.failures.Begin(ctx, g.attempt)
	return err
}

// NotBefore implements proxy.Credential.
func (g *guess) NotBefore() time.Time {
	if g.check == nil {
		return time.Time{}
	}
	return g.check.NotBefore()
}

// Result implements proxy.Credential.
func (g *guess) Result(v login.Verdict) { g.check.Done(v) }

// checkedHere is the part of a proxy.Credential whose password was right: whatever the upstream says, it says nothing of that.
type checkedHere struct{}

// NotBefore implements proxy.Credential.
func (checkedHere) NotBefore() time.Time { return time.Time{} }

// Result implements proxy.Credential.
func (checkedHere) Result(login.Verdict) {}

// passthrough hands the device's own name and password, or token, on.
type passthrough struct {
	guess
	credentials login.Credentials
}

// Mechanisms implements proxy.Credential.
func (p *passthrough) Mechanisms(ctx context.Context) ([]sasl.Client, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	name, secret := p.credentials.Account, p.credentials.Password
	if p.credentials.Token() {
		return []sasl.Client{oauth.NewXOAUTH2Client(name, secret.Reveal())}, nil
	}
	password := login.NewPasswordLogin(name, secret)
	password.Form = p.credentials.Mechanism
	return []sasl.Client{password}, nil
}

// Retry implements proxy.Credential: what the device presented is wrong, and it has nothing else.
func (p *passthrough) Retry(_ context.Context, r *login.Refusal) ([]sasl.Client, error) {
	return nil, r
}

// tokenLogin logs in with a token of the bridge's own, for a device whose password was checked here.
type tokenLogin struct {
	checkedHere
	*upstreams.TokenLogin
}

// entraLogin logs in with a token of the bridge's own, which only Entra ID gives, and only for the device's password.
type entraLogin struct {
	guess
	*upstreams.TokenLogin
}

// Mechanisms implements proxy.Credential.
func (e *entraLogin) Mechanisms(ctx context.Context) ([]sasl.Client, error) {
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	clients, err := e.TokenLogin.Mechanisms(ctx)
	if err != nil {
		e.check.Done(entraVerdict(err))
	}
	return clients, err
}

// Result implements proxy.Credential: with a token in hand Entra ID has accepted the password, whatever the upstream says.
func (e *entraLogin) Result(login.Verdict) { e.check.Done(login.Accepted) }

// entraVerdict is what a failed request says of the password. Where Entra ID did not look at it, or was not reached, it was no
// guess: an outage must not lock a device out that has the right one.
func entraVerdict(err error) login.Verdict {
	var r *login.Refusal
	if errors.As(err, &r) && r.Reason == login.BadCredentials {
		return login.Rejected
	}
	var e *oauth.Error
	if !errors.As(err, &e) {
		return login.NoAnswer
	}
	var dial *net.OpError
	switch e.Class {
	case oauth.Policy, oauth.Throttled, oauth.Configuration, oauth.SecretExpired, oauth.Consent:
		return login.Unsent
	case oauth.Network:
		if errors.As(e, &dial) && dial.Op == "dial" {
			return login.Unsent
		}
	}
	return login.NoAnswer
}

// blocked is the Credential of a device that is not let in, whatever it presents: its upstream is not asked.
type blocked struct {
	checkedHere
	refusal *login.Refusal
}

// Mechanisms implements proxy.Credential.
func (b blocked) Mechanisms(context.Context) ([]sasl.Client, error) { return nil, b.refusal }

// Retry implements proxy.Credential; nothing is presented that could be refused.
func (b blocked) Retry(context.Context, *login.Refusal) ([]sasl.Client, error) {
	return nil, b.refusal
}
