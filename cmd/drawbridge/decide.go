package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
	"drawbridge/proxy/policy"
)

// decider is the one proxy.Decider: rules choose the upstream. Where that takes tokens, the accounts say whether the device
// may log in, else the upstream does.
type decider struct {
	table     *policy.Table
	upstreams map[string]*upstreamParts
	book      *accounts.Keeper
	failures  *guard.Failures
	verified  *guard.Verified
	stages    func(device string) inventory.Stage // what a device was set to; nil: none was
	contact   string                              // whom a blocked device's owner may ask
}

// upstreamParts is an upstream and how it is logged in to.
type upstreamParts struct {
	*proxy.Upstream
	tokens      *oauth.Source // nil: passthrough
	entraChecks bool          // Entra ID can check a password (flow password)
	addresses   map[string]string
}

// Decide implements proxy.Decider.
func (d *decider) Decide(ctx context.Context, _ time.Time, s *inventory.Session, c login.Credentials) (proxy.Decision, error) {
	choice := d.table.Decide(policy.FactsOf(s, c.Account))
	u, ok := d.upstreams[choice.Upstream]
	if !ok {
		return proxy.Decision{}, fmt.Errorf("the rules name the upstream %q, which does not exist", choice.Upstream)
	}
	attempt := guard.Attempt{Source: s.Source.IP, Upstream: choice.Upstream, Account: c.Account, Password: c.Password, Token: c.Token()}
	decision, err := d.credential(ctx, u, attempt, s.Protocol, c)
	if err != nil {
		return proxy.Decision{}, err
	}
	decision.Rules, decision.Upstream = choice.Rules, u.Upstream
	d.stage(s, cmp.Or(decision.Account, strings.ToLower(c.Account)), &decision)
	return decision, nil
}

// credential decides how the upstream is logged in to. A program's own token is handed on whatever the upstream's auth.
func (d *decider) credential(ctx context.Context, u *upstreamParts, a guard.Attempt, protocol string, c login.Credentials) (proxy.Decision, error) {
	if u.tokens != nil && !c.Token() {
		return d.modern(ctx, u, a, protocol)
	}
	return proxy.Decision{
		Mailbox:    strings.ToLower(c.Account),
		Known:      d.verified.Has(a.Source, c.Account),
		Credential: &passthrough{failures: d.failures, credentials: c, attempt: a},
	}, nil
}

// tokenLogin is the login to a mailbox by a token of the bridge's own.
func (u *upstreamParts) tokenLogin(mailbox, protocol string) *tokenLogin {
	t := &tokenLogin{tokens: u.tokens, request: oauth.Request{Mailbox: mailbox, Protocol: protocol}}
	host, port, _ := net.SplitHostPort(u.addresses[protocol])
	t.host = host
	t.port, _ = strconv.Atoi(port)
	return t
}

// close ends the tokens' requests.
func (d *decider) close() {
	for _, u := range d.upstreams {
		if u.tokens != nil {
			u.tokens.Close()
		}
	}
}

// newUpstreams makes the upstreams of the configuration, by name.
func newUpstreams(cfg *config.Config, vault *oauth.Vault, shared func(netip.Addr) bool) (map[string]*upstreamParts, error) {
	all := map[string]*upstreamParts{}
	for _, u := range cfg.Upstreams {
		parts, err := newUpstream(u, vault, shared)
		if err != nil {
			return nil, err
		}
		all[u.Name] = parts
	}
	return all, nil
}

func newUpstream(u config.Upstream, vault *oauth.Vault, shared func(netip.Addr) bool) (*upstreamParts, error) {
	roots, err := rootsOf(u)
	if err != nil {
		return nil, err
	}
	parts := &upstreamParts{addresses: map[string]string{}}
	for protocol, address := range map[string]string{"imap": u.IMAP, "pop3": u.POP3} {
		if address != "" {
			parts.addresses[protocol] = address
		}
	}
	parts.Upstream = proxy.NewUpstream(proxy.UpstreamOptions{
		Name: u.Name, Addresses: parts.addresses, StartTLS: u.TLS == "starttls", TLS13Only: u.MinVersion == "1.3",
		ServerName: u.ServerName, Family: u.Family, Roots: roots,
		DialTimeout: u.DialTimeout, LoginTimeout: u.LoginTimeout,
		Turns: limits.NewTurns(limits.TurnOptions{Upstream: u.Name, SessionsPerMailbox: u.Limits.SessionsPerMailbox,
			DialsPerSecond: u.Limits.DialsPerSecond, Queue: u.Limits.Queue, Shared: shared}),
	})
	if u.OAuth2 == nil {
		return parts, nil
	}
	parts.entraChecks = u.OAuth2.Flow == config.FlowPassword
	parts.tokens, err = oauth.New(tokenOptions(u, vault))
	return parts, err
}

// tokenOptions say where an upstream's tokens come from.
func tokenOptions(u config.Upstream, vault *oauth.Vault) oauth.Options {
	o := u.OAuth2
	options := oauth.Options{
		Name: u.Name, Flow: oauth.Flow(o.Flow), Cloud: o.Cloud, Tenant: o.Tenant, ClientID: o.ClientID,
		ClientSecret: secret.New(o.ClientSecret.Reveal()), Authority: o.Authority, CA: o.CAPEM, TokenFile: o.TokenFile, Vault: vault,
	}
	if o.ClientCertificate != nil {
		options.ClientCertificate = []byte(o.ClientCertificate.PEM.Reveal())
	}
	for protocol, address := range map[string]string{"imap": u.IMAP, "pop3": u.POP3} {
		if address != "" {
			options.Protocols = append(options.Protocols, protocol)
		}
	}
	return options
}

// rootsOf are the roots to verify an upstream with: the system's, and its private one.
func rootsOf(u config.Upstream) (*x509.CertPool, error) {
	if u.CAPEM == nil {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(u.CAPEM) {
		return nil, fmt.Errorf("upstreams.%s.ca: %s holds no certificate", u.Name, u.CA)
	}
	return roots, nil
}

// newPolicy compiles the rules of the configuration; the first upstream serves what no rule leads elsewhere.
func newPolicy(cfg *config.Config) (*policy.Table, error) {
	var rules []policy.Rule
	for _, r := range cfg.Rules {
		rules = append(rules, policy.Rule{Match: matchOf(r.Match), Upstream: r.Upstream})
	}
	if len(cfg.Upstreams) == 0 {
		return nil, errors.New("no upstream: name one in upstreams")
	}
	return policy.Compile(rules, cfg.Upstreams[0].Name)
}

// accountOf makes an account of one of the configuration.
func accountOf(a config.Account) accounts.Account {
	out := accounts.Account{Login: a.Login, Aliases: a.Aliases, Mailbox: a.Mailbox, Sources: a.Sources, Protocols: a.Protocols,
		Expires: a.Expires, Disabled: a.Disabled, Mailboxes: a.Mailboxes, AnyMailbox: a.AnyMailbox}
	for _, p := range a.Hashes() {
		out.Passwords = append(out.Passwords, accounts.Password{Name: p.Name, Hash: p.Hash.Reveal()})
	}
	return out
}
