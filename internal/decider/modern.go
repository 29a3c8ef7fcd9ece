package decider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/accounts"
	"drawbridge/internal/oauth"
	"drawbridge/internal/upstreams"
	"drawbridge/proxy"
)

// entraLogin logs in with a token of the bridge's own, which only Entra ID gives, and only for the device's password. It is
// shown no more of these than guesses allow.
type entraLogin struct {
	*upstreams.TokenLogin
	failures *proxy.Failures
	attempt  proxy.Attempt
	check    *proxy.Check
}

// Mechanisms implements proxy.Credential.
func (e *entraLogin) Mechanisms(ctx context.Context) (_ []sasl.Client, err error) {
	if e.check, err = e.failures.Begin(ctx, e.attempt); err != nil {
		return nil, err
	}
	clients, err := e.TokenLogin.Mechanisms(ctx)
	if err != nil {
		e.check.Done(entraVerdict(err))
	}
	return clients, err
}

// NotBefore implements proxy.Credential.
func (e *entraLogin) NotBefore() time.Time {
	if e.check == nil {
		return time.Time{}
	}
	return e.check.NotBefore()
}

// Result implements proxy.Credential: with a token in hand Entra ID has accepted the password, whatever the upstream says.
func (e *entraLogin) Result(proxy.Verdict) { e.check.Done(proxy.Accepted) }

// entraVerdict is what a failed request says of the password. Where Entra ID did not look at it, or was not reached, it was no
// guess: an outage must not lock a device out that has the right one.
func entraVerdict(err error) proxy.Verdict {
	var r *proxy.Refusal
	if errors.As(err, &r) && r.Reason == proxy.BadCredentials {
		return proxy.Refused
	}
	var e *oauth.Error
	if !errors.As(err, &e) {
		return proxy.NoAnswer
	}
	var dial *net.OpError
	switch e.Class {
	case oauth.Policy, oauth.Throttled, oauth.Configuration, oauth.SecretExpired, oauth.Consent:
		return proxy.Unsent
	case oauth.Network:
		if errors.As(e, &dial) && dial.Op == "dial" {
			return proxy.Unsent
		}
	}
	return proxy.NoAnswer
}

// checkHere checks a password against the accounts, slowed and bounded like any other.
func (d *Decider) checkHere(ctx context.Context, a proxy.Attempt, protocol string) (accounts.Identity, error) {
	check, err := d.o.Failures.Begin(ctx, a)
	if err != nil {
		return accounts.Identity{}, err
	}
	id, err := d.o.Book.Verify(ctx, accounts.Attempt{Login: a.Account, Password: a.Password, Source: a.Source, Protocol: protocol})
	var r *proxy.Refusal
	switch {
	case err == nil:
		check.Done(proxy.Accepted)
	case errors.As(err, &r) && r.Reason == proxy.BadCredentials:
		check.Done(proxy.Refused)
	default:
		check.Done(proxy.Unsent)
	}
	return id, err
}

// modern decides about a login by password at an upstream that takes tokens.
func (d *Decider) modern(ctx context.Context, u *upstreams.Upstream, a proxy.Attempt, protocol string) (proxy.Decision, error) {
	known, listed := d.o.Book.Find(a.Account)
	if listed && len(known.Passwords) == 0 && u.EntraChecks() {
		return d.checkedByEntra(ctx, u, a, protocol)
	}
	a.Upstream = "" // no guess at an upstream's password
	id, err := d.checkHere(ctx, a, protocol)
	if err != nil {
		return proxy.Decision{}, err
	}
	if !id.Checked {
		return proxy.Decision{}, fmt.Errorf("the account %s has no password here, and upstream %s does not have it checked", id.Account, u.Name)
	}
	return proxy.Decision{Account: id.Account, Checked: true, Mailbox: id.Mailbox, Known: true, Credential: u.TokenLogin(id.Mailbox, protocol)}, nil
}

// checkedByEntra decides about an account without a password of its own.
func (d *Decider) checkedByEntra(ctx context.Context, u *upstreams.Upstream, a proxy.Attempt, protocol string) (proxy.Decision, error) {
	id, err := d.o.Book.Verify(ctx, accounts.Attempt{Login: a.Account, Password: a.Password, Source: a.Source, Protocol: protocol})
	if err != nil {
		return proxy.Decision{}, err
	}
	login := &entraLogin{TokenLogin: u.TokenLogin(id.Mailbox, protocol), failures: d.o.Failures, attempt: a}
	login.Request.Password = a.Password
	return proxy.Decision{Account: id.Account, Mailbox: id.Mailbox, Known: d.o.Verified.Has(a.Source, a.Account), Credential: login}, nil
}
