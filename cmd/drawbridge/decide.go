package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/policy"
)

// decider is the one proxy.Decider: rules choose the upstream, and the upstream checks what the device presented.
type decider struct {
	table     *policy.Table
	upstreams map[string]*proxy.Upstream
	failures  *proxy.Failures
	verified  *proxy.Verified
}

// Decide implements proxy.Decider.
func (d *decider) Decide(_ context.Context, _ time.Time, s *inventory.Session, c proxy.Credentials) (proxy.Decision, error) {
	choice := d.table.Decide(policy.FactsOf(s, c.Account))
	upstream, ok := d.upstreams[choice.Upstream]
	if !ok {
		return proxy.Decision{}, fmt.Errorf("the rules name the upstream %q, which does not exist", choice.Upstream)
	}
	return proxy.Decision{
		Stage:    inventory.StageBridge,
		Rules:    choice.Rules,
		Mailbox:  strings.ToLower(c.Account),
		Known:    d.verified.Has(s.Source.IP, c.Account),
		Upstream: upstream,
		Credential: &passthrough{failures: d.failures, credentials: c, attempt: proxy.Attempt{
			Source: s.Source.IP, Upstream: choice.Upstream, Account: c.Account, Password: c.Password, Token: c.Token(),
		}},
	}, nil
}

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

// Result implements proxy.Credential.
func (p *passthrough) Result(v proxy.Verdict) { p.check.Done(v) }

// newUpstreams makes the upstreams of the configuration, by name.
func newUpstreams(cfg *config.Config, shared func(netip.Addr) bool) (map[string]*proxy.Upstream, error) {
	all := map[string]*proxy.Upstream{}
	for _, u := range cfg.Upstreams {
		roots, err := rootsOf(u)
		if err != nil {
			return nil, err
		}
		addresses := map[string]string{}
		for protocol, address := range map[string]string{"imap": u.IMAP, "pop3": u.POP3} {
			if address != "" {
				addresses[protocol] = address
			}
		}
		all[u.Name] = proxy.NewUpstream(proxy.UpstreamOptions{
			Name: u.Name, Addresses: addresses, StartTLS: u.TLS == "starttls", TLS13Only: u.MinVersion == "1.3",
			ServerName: u.ServerName, Family: u.Family, Roots: roots,
			DialTimeout: u.DialTimeout, LoginTimeout: u.LoginTimeout,
			Turns: proxy.NewTurns(proxy.TurnOptions{Upstream: u.Name, SessionsPerMailbox: u.Limits.SessionsPerMailbox,
				DialsPerSecond: u.Limits.DialsPerSecond, Queue: u.Limits.Queue, Shared: shared}),
		})
	}
	return all, nil
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
