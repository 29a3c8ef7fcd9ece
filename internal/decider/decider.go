// Package decider decides what becomes of one login: its account, password, rule, upstream, stage and credential.
//
// A Decider is made of one configuration and changes no more. What outlives a configuration is handed to it: the counted
// failures, the verified logins, who may log in, what people set, and the sources of tokens.
package decider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
	"drawbridge/proxy/policy"
)

// Options are what a Decider decides by.
type Options struct {
	// Config has the rules, and whom a blocked device's owner may ask. It is not changed any more.
	Config *config.Config
	// Upstreams are those of Config. Whoever made them also retires them, after the last session.
	Upstreams upstreams.Set
	// Book is who may log in, asked anew for each login.
	Book Book
	// Failures slows and bounds the checks of passwords.
	Failures *guard.Failures
	// Verified tells whom the bridge knows.
	Verified *guard.Verified
	// Plans returns what people set for the devices of a source, by account; nil: nothing is set. It must not wait, and be safe
	// for concurrent use. What it returns is not changed.
	Plans func(source string) map[string]inventory.Plan
}

// Book is what a Decider asks of an accounts.Book, or of one that is replaced when accounts change. It is safe for concurrent use.
type Book interface {
	CountsAs(login string) (entry string, listed bool)
	Listed(login string) (accounts.Claim, bool)
	Unchecked(a accounts.Attempt) (accounts.Claim, bool)
	Verify(ctx context.Context, a accounts.Attempt) (accounts.Identity, error)
}

// Decider is the one proxy.Decider: rules choose the upstream. Where that takes tokens, the accounts say whether the device
// may log in, else the upstream does. It is safe for concurrent use.
type Decider struct {
	o     Options
	table *policy.Table
	known Known
}

// New makes a Decider. It starts nothing, writes nothing and asks nobody; the error tells what is wrong with the rules.
func New(o Options) (*Decider, error) {
	table, err := Rules(o.Config)
	if err != nil {
		return nil, err
	}
	return &Decider{o: o, table: table, known: Known{Listed: o.Book.Listed, Plans: o.Plans, Tokens: Tokens(o.Config.Upstreams)}}, nil
}

// Table is the rules that d decides by, for who foretells or explains it.
func (d *Decider) Table() *policy.Table { return d.table }

// Known is what d knows beside a session.
func (d *Decider) Known() Known { return d.known }

// Decide implements proxy.Decider.
func (d *Decider) Decide(ctx context.Context, now time.Time, s *inventory.Session, c login.Credentials) (proxy.Decision, error) {
	facts, of := d.known.Facts(s, c.Account)
	choice := d.table.Decide(facts, now)
	u, ok := d.o.Upstreams[choice.Upstream]
	if !ok {
		return proxy.Decision{}, fmt.Errorf("the rules name the upstream %q, which does not exist", choice.Upstream)
	}
	attempt := guard.Attempt{Source: s.Source.IP, Upstream: choice.Upstream, Account: c.Account, Password: c.Password, Token: c.Token()}
	decision, err := d.credential(ctx, u, attempt, sought{s.Protocol, choice.Mailbox}, c)
	if err != nil {
		return proxy.Decision{}, err
	}
	if d.known.opensOwn(choice.Upstream, c.Token()) {
		choice.Rules = choice.Rules.Without(policy.SettingMailbox)
	}
	decision.Rules, decision.Upstream = choice.Rules, u.Service
	d.stage(now, &choice, of, &decision)
	return decision, nil
}

// sought is what a login with a token is to open.
type sought struct {
	protocol string
	mailbox  string // by a rule; empty: that of the account
}

// open makes l open what is sought, and returns the mailbox.
func (w sought) open(l *upstreams.TokenLogin, own string) string {
	l.Opens(w.mailbox)
	return cmp.Or(w.mailbox, own)
}

// credential decides how the upstream is logged in to. A program's own token is handed on whatever the upstream's auth.
func (d *Decider) credential(ctx context.Context, u *upstreams.Upstream, a guard.Attempt, want sought, c login.Credentials) (proxy.Decision,
	error) {
	if u.Tokens != nil && !c.Token() {
		return d.modern(ctx, u, a, want)
	}
	return proxy.Decision{
		Mailbox:    strings.ToLower(c.Account),
		Known:      d.o.Verified.Has(a.Source, c.Account),
		Credential: &passthrough{guess: guess{failures: d.o.Failures, attempt: a}, credentials: c},
	}, nil
}

// modern decides about a login by password at an upstream that takes tokens.
func (d *Decider) modern(ctx context.Context, u *upstreams.Upstream, a guard.Attempt, want sought) (proxy.Decision, error) {
	presented := accounts.Attempt{Login: a.Account, Password: a.Password, Source: a.Source, Protocol: want.protocol}
	if u.EntraChecks() {
		if claim, ok := d.o.Book.Unchecked(presented); ok {
			return d.checkedByEntra(u, a, want, claim), nil
		}
	}
	a.Upstream = "" // no guess at an upstream's password
	var listed bool
	if a.Entry, listed = d.o.Book.CountsAs(a.Account); listed {
		a.Account = a.Entry // one password, by whatever name
	}
	id, err := d.checkHere(ctx, a, presented)
	if err != nil {
		return proxy.Decision{}, err
	}
	token := u.TokenLogin(id.Mailbox, want.protocol)
	return proxy.Decision{Account: id.Account, Checked: true, Mailbox: want.open(token, id.Mailbox), Known: true,
		Credential: tokenLogin{TokenLogin: token}}, nil
}

// checkedByEntra decides about an account without a password of its own. Nobody is verified until Entra ID has answered.
func (d *Decider) checkedByEntra(u *upstreams.Upstream, a guard.Attempt, want sought, claim accounts.Claim) proxy.Decision {
	a.Account, a.Crowd = claim.Mailbox, claim.Entry() // the user there, by whatever name here
	entra := &entraLogin{TokenLogin: u.TokenLogin(claim.Mailbox, want.protocol), guess: guess{failures: d.o.Failures, attempt: a}}
	entra.Request.Password = a.Password
	return proxy.Decision{Account: claim.Account, Mailbox: want.open(entra.TokenLogin, claim.Mailbox),
		Known: d.o.Verified.Has(a.Source, a.Account), Credential: entra}
}

// checkHere checks a password against the accounts, slowed and bounded like any other. Only an Identity, whose password was
// right, makes the source a verified one.
func (d *Decider) checkHere(ctx context.Context, a guard.Attempt, presented accounts.Attempt) (accounts.Identity, error) {
	check, err := d.o.Failures.Begin(ctx, a)
	if err != nil {
		return accounts.Identity{}, err
	}
	id, err := d.o.Book.Verify(ctx, presented)
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
