package decider

import (
	"context"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/oauth"
	"drawbridge/proxy"
)

// passthrough hands the device's own name and password, or token, on. The upstream checks them, so what it refuses
// counts as a failure here, and how many passwords it is shown is bounded.
type passthrough struct {
	failures    *proxy.Failures
	attempt     proxy.Attempt
	credentials proxy.Credentials
	check       *proxy.Check
}

// Mechanisms implements proxy.Credential.
func (p *passthrough) Mechanisms(ctx context.Context) (_ []sasl.Client, err error) {
	if p.check, err = p.failures.Begin(ctx, p.attempt); err != nil {
		return nil, err
	}
	name, secret := p.credentials.Account, p.credentials.Password
	if p.credentials.Token() {
		return []sasl.Client{oauth.NewXOAUTH2Client(name, secret.Reveal())}, nil
	}
	return []sasl.Client{proxy.NewPasswordLogin(name, secret)}, nil
}

// NotBefore implements proxy.Credential.
func (p *passthrough) NotBefore() time.Time {
	if p.check == nil {
		return time.Time{}
	}
	return p.check.NotBefore()
}

// Refused implements proxy.Credential: what the device presented is wrong, and it has nothing else.
func (p *passthrough) Refused(_ context.Context, r *proxy.Refusal) ([]sasl.Client, error) {
	return nil, r
}

// Result implements proxy.Credential.
func (p *passthrough) Result(v proxy.Verdict) { p.check.Done(v) }
