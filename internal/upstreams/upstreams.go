// Package upstreams makes the mail services of a configuration.
//
// It also makes what the bridge logs in to them with. Making them starts nothing and asks nobody: a configuration can be tried,
// and its upstreams dropped again.
package upstreams

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/internal/pemfile"
	"drawbridge/internal/protocol"
	"drawbridge/proxy"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
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
	roots, err := pemfile.Roots(u.CAPEM)
	if err != nil {
		return nil, fmt.Errorf("upstreams.%s.ca: %s: %w", u.Name, u.CA, err)
	}
	return roots, nil
}

// OpenVault opens where refresh tokens are kept in a data directory; nil where no upstream of the configuration has any.
func OpenVault(cfg *config.Config, dataDir string) (*oauth.Vault, error) {
	if !keepsTokens(cfg) {
		return nil, nil
	}
	return oauth.OpenVault(dataDir, []byte(cfg.TokenKey.Reveal()))
}

// CheckVault tells what OpenVault would refuse of what the data directory has, and makes nothing.
func CheckVault(cfg *config.Config, dataDir string) error {
	if !keepsTokens(cfg) || !cfg.TokenKey.Empty() {
		return nil
	}
	return oauth.CheckVault(dataDir)
}

// keepsTokens reports whether an upstream of the configuration has refresh tokens.
func keepsTokens(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Upstreams, func(u config.Upstream) bool {
		return u.OAuth2 != nil && u.OAuth2.Flow == config.FlowDeviceCode
	})
}

// TokenOptions say where the tokens of an upstream come from, one that takes any.
func TokenOptions(u config.Upstream, vault *oauth.Vault) oauth.Options {
	o := u.OAuth2
	options := oauth.Options{
		Name: u.Name, Flow: oauth.Flow(o.Flow), Cloud: o.Cloud, Tenant: o.Tenant, ClientID: o.ClientID, ClientSecret: o.ClientSecret,
		Authority: o.Authority, CA: o.CAPEM, TokenFile: o.TokenFile, Protocols: slices.Sorted(maps.Keys(addresses(u))), Vault: vault,
	}
	if o.ClientCertificate != nil {
		options.ClientCertificate = []byte(o.ClientCertificate.PEM.Reveal())
	}
	return options
}

// TokenLogin is the login to a mailbox by a token of the bridge's own, and most of a proxy.Credential. Whoever makes one has
// checked the device's password, or has Entra ID check it.
type TokenLogin struct {
	Request oauth.Request

	opens   string // the mailbox, where it is not that of Request
	tokens  *oauth.Source
	host    string // of the upstream, which OAUTHBEARER names
	port    int
	flow    oauth.Flow
	token   oauth.Token
	renewed bool
}

// TokenLogin is the login to a mailbox of an upstream that takes tokens.
func (u *Upstream) TokenLogin(mailbox, protocol string) *TokenLogin {
	host, port, _ := net.SplitHostPort(addresses(u.Upstream)[protocol])
	t := &TokenLogin{Request: oauth.Request{Mailbox: mailbox, Protocol: protocol}, tokens: u.Tokens, host: host, flow: u.made.Flow}
	t.port, _ = strconv.Atoi(port)
	return t
}

// Opens makes t log in to another mailbox with the token of its own: a shared one, say. Empty: it does not.
func (t *TokenLogin) Opens(mailbox string) { t.opens = mailbox }

// Mechanisms implements proxy.Credential: the token is there before the upstream is dialled, which waits a minute for a
// login and no longer.
func (t *TokenLogin) Mechanisms(ctx context.Context) ([]sasl.Client, error) {
	token, err := t.tokens.Token(ctx, t.Request)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, oauth.Fault(err)
	}
	t.token = token
	bearer := sasl.OAuthBearerOptions{Username: cmp.Or(t.opens, t.Request.Mailbox), Token: token.Value.Reveal(), Host: t.host, Port: t.port}
	return []sasl.Client{oauth.NewXOAUTH2Client(bearer.Username, bearer.Token), sasl.NewOAuthBearerClient(&bearer)}, nil
}

// Retry implements proxy.Credential: a token that the upstream refuses is renewed once. It is the bridge's token, so its
// refusal is never a wrong password of the device.
func (t *TokenLogin) Retry(ctx context.Context, r *login.Refusal) ([]sasl.Client, error) {
	which := ""
	switch {
	case t.renewed:
		which = ", a new one too"
	case t.tokens.Rejected(t.token):
		t.renewed, t.Request.Instead = true, t.token
		clients, err := t.Mechanisms(ctx)
		if err == nil {
			return clients, nil
		}
		return nil, login.Refuse(login.Unavailable, "the upstream refuses the bridge's token for %s, and no new one came: %w",
			cmp.Or(t.opens, t.Request.Mailbox), err)
	}
	return nil, login.Refuse(login.Unavailable, "the upstream refuses the bridge's token for %s%s: check that %s (%w)",
		cmp.Or(t.opens, t.Request.Mailbox), which, mends[t.flow], r)
}

const (
	mendApplication = "the application has its role for this protocol, is registered in Exchange (New-ServicePrincipal) with the " +
		"enterprise application's object id, and has full access to this mailbox"
	mendUser = "the user that signed in may open this mailbox, and that IMAP and POP are switched on for it (Set-CASMailbox)"
)

// mends say what to look at where a token is refused: it is the application's own, or that of a user.
var mends = map[oauth.Flow]string{
	oauth.ClientCredentials: mendApplication, oauth.ManagedIdentity: mendApplication, oauth.WorkloadIdentity: mendApplication,
	oauth.DeviceCode: mendUser, oauth.Password: mendUser,
}

// TokenLeft implements proxy.TokenCredential.
func (t *TokenLogin) TokenLeft() time.Duration { return time.Until(t.token.Expires) }
