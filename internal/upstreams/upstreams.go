// Package upstreams makes the mail services of a configuration, and what the bridge logs in to them with.
//
// Making them starts nothing and asks nobody: a configuration can be tried, and its upstreams dropped again.
package upstreams

import (
	"crypto/x509"
	"fmt"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/internal/protocol"
	"drawbridge/proxy"
	"drawbridge/proxy/limits"
)

// Upstream is a mail service as it is configured, and the bridge's own way to it. It is safe for concurrent use.
type Upstream struct {
	config.Upstream
	Service *proxy.Upstream
	Tokens  *oauth.Source // nil: passthrough
	made    oauth.Options // what Tokens was made of
}

// Options are what the upstreams of a configuration have in common with those of others.
type Options struct {
	// Vault is where refresh tokens are kept; nil where no flow needs one, see OpenVault.
	Vault *oauth.Vault
	// Counts have the turns of each upstream; nil: no limits hold.
	Counts *limits.Counts
	// Before are the upstreams in use: those of the same name, application and credentials hand their tokens on.
	Before Set
}

// Set are the upstreams of one configuration, by name.
type Set map[string]*Upstream

// New makes the upstreams of a configuration. Whoever drops the Set calls Retire.
func New(list []config.Upstream, o Options) (Set, error) {
	all := make(Set, len(list))
	for _, u := range list {
		made, err := o.upstream(u)
		if err != nil {
			return nil, err
		}
		all[u.Name] = made
	}
	return all, nil
}

// Retire ends the requests for tokens, but of those sources that next, which may be nil, goes on using.
func (s Set) Retire(next Set) {
	for name, u := range s {
		if u.Tokens != nil && (next[name] == nil || next[name].Tokens != u.Tokens) {
			u.Tokens.Close()
		}
	}
}

func (o Options) upstream(u config.Upstream) (*Upstream, error) {
	roots, err := rootsOf(u)
	if err != nil {
		return nil, err
	}
	var turns *limits.Turns
	if o.Counts != nil {
		turns = o.Counts.Turns(u.Name)
	}
	made := &Upstream{Upstream: u, Service: proxy.NewUpstream(proxy.UpstreamOptions{
		Name: u.Name, Addresses: addresses(u), StartTLS: u.TLS == "starttls", TLS13Only: u.MinVersion == "1.3",
		ServerName: u.ServerName, Family: u.Family, Roots: roots,
		DialTimeout: u.DialTimeout, LoginTimeout: u.LoginTimeout, Turns: turns,
	})}
	if u.OAuth2 == nil {
		return made, nil
	}
	made.made = TokenOptions(u, o.Vault)
	if before := o.Before[u.Name]; before != nil && before.Tokens != nil && before.made.Equal(made.made) {
		made.Tokens = before.Tokens
		return made, nil
	}
	made.Tokens, err = oauth.New(made.made)
	return made, err
}

// EntraChecks reports whether Entra ID can check a device's password (flow password).
func (u *Upstream) EntraChecks() bool { return u.OAuth2 != nil && u.OAuth2.Flow == config.FlowPassword }

// addresses are those of an upstream, by protocol.
func addresses(u config.Upstream) map[string]string {
	all := make(map[string]string)
	for _, name := range protocol.Names() {
		if address := u.Address(name); address != "" {
			all[name] = address
		}
	}
	return all
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
