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
	"maps"
	"slices"
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
	// Stages returns the stages that people set the devices of a source to, by account; nil: none is set. It must not wait,
	// and be safe for concurrent use. What it returns is not changed.
	Stages func(source string) map[string]inventory.Stage
}

// Book is what a Decider asks of an accounts.Book, or of one that is replaced when accounts change. It is safe for concurrent use.
type Book interface {
	CountsAs(login string) (entry string, listed bool)
	Unchecked(a accounts.Attempt) (accounts.Claim, bool)
	Verify(ctx context.Context, a accounts.Attempt) (accounts.Identity, error)
}

// Decider is the one proxy.Decider: rules choose the upstream. Where that takes tokens, the accounts say whether the device
// may log in, else the upstream does. It is safe for concurrent use.
type Decider struct {
	o     Options
	table *policy.Table
}

// New makes a Decider. It starts nothing, writes nothing and asks nobody; the error tells what is wrong with the rules.
func New(o Options) (*Decider, error) {
	table, err := Rules(o.Config)
	if err != nil {
		return nil, err
	}
	return &Decider{o: o, table: table}, nil
}

// Decide implements proxy.Decider.
func (d *Decider) Decide(ctx context.Context, _ time.Time, s *inventory.Session, c login.Credentials) (proxy.Decision, error) {
	choice := d.table.Decide(policy.FactsOf(s, c.Account))
	u, ok := d.o.Upstreams[choice.Upstream]
	if !ok {
		return proxy.Decision{}, fmt.Errorf("the rules name the upstream %q, which does not exist", choice.Upstream)
	}
	attempt := guard.Attempt{Source: s.Source.IP, Upstream: choice.Upstream, Account: c.Account, Password: c.Password, Token: c.Token()}
	decision, err := d.credential(ctx, u, attempt, s.Protocol, c)
	if err != nil {
		return proxy.Decision{}, err
	}
	decision.Rules, decision.Upstream = choice.Rules, u.Service
	d.stage(s, cmp.Or(decision.Account, strings.ToLower(c.Account)), &decision)
	return decision, nil
}

// credential decides how the upstream is logged in to. A program's own token is handed on whatever the upstream's auth.
func (d *Decider) credential(ctx context.Context, u *upstreams.Upstream, a guard.Attempt, protocol string,
	c login.Credentials) (proxy.Decision, error) {
	if u.Tokens != nil && !c.Token() {
		return d.modern(ctx, u, a, protocol)
	}
	return proxy.Decision{
		Mailbox:    strings.ToLower(c.Account),
		Known:      d.o.Verified.Has(a.Source, c.Account),
		Credential: &passthrough{guess: guess{failures: d.o.Failures, attempt: a}, credentials: c},
	}, nil
}

// modern decides about a login by password at an upstream that takes tokens.
func (d *Decider) modern(ctx context.Context, u *upstreams.Upstream, a guard.Attempt, protocol string) (proxy.Decision, error) {
	presented := accounts.Attempt{Login: a.Account, Password: a.Password, Source: a.Source, Protocol: protocol}
	if u.EntraChecks() {
		if claim, ok := d.o.Book.Unchecked(presented); ok {
			return d.checkedByEntra(u, a, protocol, claim), nil
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
	return proxy.Decision{Account: id.Account, Checked: true, Mailbox: id.Mailbox, Known: true,
		Credential: tokenLogin{TokenLogin: u.TokenLogin(id.Mailbox, protocol)}}, nil
}

// checkedByEntra decides about an account without a password of its own. Nobody is verified until Entra ID has answered.
func (d *Decider) checkedByEntra(u *upstreams.Upstream, a guard.Attempt, protocol string, claim accounts.Claim) proxy.Decision {
	a.Account, a.Crowd = claim.Mailbox, claim.Entry() // the user there, by whatever name here
	entra := &entraLogin{TokenLogin: u.TokenLogin(claim.Mailbox, protocol), guess: guess{failures: d.o.Failures, attempt: a}}
	entra.Request.Password = a.Password
	return proxy.Decision{Account: claim.Account, Mailbox: claim.Mailbox, Known: d.o.Verified.Has(a.Source, a.Account), Credential: entra}
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

// stage decides at which stage a login is served that is not refused otherwise, and adds what that means. The password
// was checked here, or the refusal waits until the upstream or Entra ID has accepted it: a stranger learns no stage.
func (d *Decider) stage(s *inventory.Session, account string, decision *proxy.Decision) {
	decision.Stage = inventory.StageBridge
	set, of := d.setFor(s, account)
	if set == "" {
		return
	}
	decision.Stage = set
	rules := make(map[string]string, len(decision.Rules)+1)
	maps.Copy(rules, decision.Rules)
	rules["stage"] = "device" // people set it for this one
	decision.Rules = rules
	switch set {
	case inventory.StageWarn:
		decision.Notice = "This device uses outdated encryption." // said to the device
	case inventory.StageBlock:
		d.block(decision, of != s.DeviceOf(account), of)
	}
}

// setFor returns the stage that people set for a session's device, and under which id: its own, or one that differs in how the
// account is spelled, or in what is known of the source. Of several of those the strictest holds: a device must not come out
// of a block by another spelling. Whoever wants one of them served sets that one.
func (d *Decider) setFor(s *inventory.Session, account string) (set inventory.Stage, of string) {
	if d.o.Stages == nil {
		return "", ""
	}
	own := s.DeviceOf(account)
	for _, source := range s.Sources() {
		for name, stage := range d.o.Stages(source) {
			id := source + "/" + name
			switch {
			case id == own:
				return stage, own
			case login.IsSpellingOf(account, name) && stricter(stage, set):
				set, of = stage, id
			}
		}
	}
	return set, of
}

func stricter(a, b inventory.Stage) bool {
	return b == "" || slices.Index(inventory.Stages(), a) > slices.Index(inventory.Stages(), b)
}

func (d *Decider) block(decision *proxy.Decision, spelled bool, of string) {
	refusal := login.Refuse(login.Blocked, "the device was set to stage block: set another stage if it is to read mail here again")
	if spelled {
		refusal = login.Refuse(login.Blocked, "the device was set to stage block as %s: set another stage there, or one for this name alone, if "+
			"it is to read mail here again", of)
	}
	refusal.Text = d.o.Config.Contact
	if decision.Checked {
		decision.Credential = blocked{refusal: refusal}
		return
	}
	decision.Then = refusal
}

// Rules compiles the rules of a configuration; the first upstream serves what no rule leads elsewhere.
func Rules(cfg *config.Config) (*policy.Table, error) {
	var rules []policy.Rule
	for _, r := range cfg.Rules {
		rules = append(rules, policy.Rule{Match: matchOf(r.Match), Upstream: r.Upstream})
	}
	if len(cfg.Upstreams) == 0 {
		return nil, errors.New("no upstream: name one in upstreams")
	}
	return policy.Compile(rules, cfg.Upstreams[0].Name)
}

// matchOf turns the match of a rule in the configuration into policy's.
func matchOf(m config.Match) policy.Match {
	out := policy.Match{Source: m.Source, Listener: m.Listener, Protocol: m.Protocol, Account: m.Account, Readiness: m.Readiness}
	if m.Blockers != nil {
		out.Blockers = append([]string{}, *m.Blockers...)
	}
	if m.Not != nil {
		not := matchOf(*m.Not)
		out.Not = &not
	}
	return out
}
