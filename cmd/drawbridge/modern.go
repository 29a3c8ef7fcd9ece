package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/accounts"
	"drawbridge/internal/oauth"
	"drawbridge/proxy"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// tokenLogin logs in with a token that the bridge gets itself. The device's password has been checked here, or, where
// entra is set, is checked by Entra ID, which then is shown no more passwords than guesses allow.
type tokenLogin struct {
	tokens  *oauth.Source
	request oauth.Request
	port    int // of the upstream, which OAUTHBEARER names
	host    string
	token   oauth.Token
	renewed bool

	entra *entraCheck // nil: the password was checked here
}

// entraCheck is a password that only Entra ID can check.
type entraCheck struct {
	failures *guard.Failures
	attempt  guard.Attempt
	check    *guard.Check
}

// Mechanisms implements proxy.Credential: the token is there before the upstream is dialled, which waits a minute for a
// login and no longer.
func (t *tokenLogin) Mechanisms(ctx context.Context) (_ []sasl.Client, err error) {
	if t.entra != nil {
		if t.entra.check, err = t.entra.failures.Begin(ctx, t.entra.attempt); err != nil {
			return nil, err
		}
	}
	clients, err := t.fetch(ctx)
	if err != nil && t.entra != nil {
		t.entra.answered(err)
	}
	return clients, err
}

// answered ends the check by what Entra ID said of the password.
func (e *entraCheck) answered(err error) { e.check.Done(entraVerdict(err)) }

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

func (t *tokenLogin) fetch(ctx context.Context) ([]sasl.Client, error) {
	token, err := t.tokens.Token(ctx, t.request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, oauth.Fault(err)
	}
	t.token = token
	return []sasl.Client{
		oauth.NewXOAUTH2Client(t.request.Mailbox, token.Value.Reveal()),
		sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: t.request.Mailbox, Token: token.Value.Reveal(), Host: t.host, Port: t.port}),
	}, nil
}

// Retry implements proxy.Credential: a token that the upstream refuses is renewed once. It is the bridge's token, so its
// refusal is never a wrong password of the device.
func (t *tokenLogin) Retry(ctx context.Context, r *login.Refusal) ([]sasl.Client, error) {
	if !t.renewed && t.tokens.Refused(t.token) {
		t.renewed, t.request.Instead = true, t.token
		if clients, err := t.fetch(ctx); err == nil {
			return clients, nil
		}
	}
	return nil, login.Refuse(login.Unavailable, "the upstream refuses the bridge's token for %s, a new one too: check that the application has its role for this protocol, "+
		"is registered in Exchange (New-ServicePrincipal) with the enterprise application's object id, and has full access to this mailbox (%w)", t.request.Mailbox, r)
}

// NotBefore implements proxy.Credential.
func (t *tokenLogin) NotBefore() time.Time {
	if t.entra != nil && t.entra.check != nil {
		return t.entra.check.NotBefore()
	}
	return time.Time{}
}

// Result implements proxy.Credential: with a token in hand Entra ID has accepted the password, whatever the upstream says.
func (t *tokenLogin) Result(login.Verdict) {
	if t.entra != nil {
		t.entra.check.Done(login.Accepted)
	}
}

// TokenLeft implements proxy.TokenCredential.
func (t *tokenLogin) TokenLeft() time.Duration { return time.Until(t.token.Expires) }

// checkHere checks a password against the accounts, slowed and bounded like any other.
func (d *decider) checkHere(ctx context.Context, a guard.Attempt, protocol string) (accounts.Identity, error) {
	check, err := d.failures.Begin(ctx, a)
	if err != nil {
		return accounts.Identity{}, err
	}
	id, err := d.book.Verify(ctx, accounts.Attempt{Login: a.Account, Password: a.Password, Source: a.Source, Protocol: protocol})
	var r *login.Refusal
	switch {
	case err == nil:
		check.Done(login.Accepted)
	case errors.As(err, &r) && r.Reason == login.BadCredentials:
		check.Done(login.Rejected)
	default:
		check.Done(login.Unsent)
	}
	return id, err
}

// modern decides about a login by password at an upstream that takes tokens.
func (d *decider) modern(ctx context.Context, u *upstreamParts, a guard.Attempt, protocol string) (proxy.Decision, error) {
	known, listed := d.book.Find(a.Account)
	if listed && len(known.Passwords) == 0 && u.entraChecks {
		return d.checkedByEntra(ctx, u, a, protocol)
	}
	a.Upstream = "" // no guess at an upstream's password
	id, err := d.checkHere(ctx, a, protocol)
	if err != nil {
		return proxy.Decision{}, err
	}
	if !id.Checked {
		return proxy.Decision{}, fmt.Errorf("the account %s has no password here, and upstream %s does not have it checked", id.Account, u.Name())
	}
	return proxy.Decision{Account: id.Account, Checked: true, Mailbox: id.Mailbox, Known: true, Credential: u.tokenLogin(id.Mailbox, protocol)}, nil
}

// checkedByEntra decides about an account without a password of its own.
func (d *decider) checkedByEntra(ctx context.Context, u *upstreamParts, a guard.Attempt, protocol string) (proxy.Decision, error) {
	id, err := d.book.Verify(ctx, accounts.Attempt{Login: a.Account, Password: a.Password, Source: a.Source, Protocol: protocol})
	if err != nil {
		return proxy.Decision{}, err
	}
	login := u.tokenLogin(id.Mailbox, protocol)
	login.request.Password = a.Password
	login.entra = &entraCheck{failures: d.failures, attempt: a}
	return proxy.Decision{Account: id.Account, Mailbox: id.Mailbox, Known: d.verified.Has(a.Source, a.Account), Credential: login}, nil
}
