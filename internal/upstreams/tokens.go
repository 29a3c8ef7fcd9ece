package upstreams

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/proxy/login"
)

// OpenVault opens where refresh tokens are kept in a data directory; nil where no upstream of the configuration has any.
func OpenVault(cfg *config.Config, dataDir string) (*oauth.Vault, error) {
	for _, u := range cfg.Upstreams {
		if u.OAuth2 != nil && u.OAuth2.Flow == config.FlowDeviceCode {
			return oauth.OpenVault(dataDir, []byte(cfg.TokenKey.Reveal()))
		}
	}
	return nil, nil
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

	tokens  *oauth.Source
	host    string // of the upstream, which OAUTHBEARER names
	port    int
	token   oauth.Token
	renewed bool
}

// TokenLogin is the login to a mailbox of an upstream that takes tokens.
func (u *Upstream) TokenLogin(mailbox, protocol string) *TokenLogin {
	host, port, _ := net.SplitHostPort(addresses(u.Upstream)[protocol])
	t := &TokenLogin{Request: oauth.Request{Mailbox: mailbox, Protocol: protocol}, tokens: u.Tokens, host: host}
	t.port, _ = strconv.Atoi(port)
	return t
}

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
	bearer := sasl.OAuthBearerOptions{Username: t.Request.Mailbox, Token: token.Value.Reveal(), Host: t.host, Port: t.port}
	return []sasl.Client{oauth.NewXOAUTH2Client(bearer.Username, bearer.Token), sasl.NewOAuthBearerClient(&bearer)}, nil
}

// Retry implements proxy.Credential: a token that the upstream refuses is renewed once. It is the bridge's token, so its
// refusal is never a wrong password of the device.
func (t *TokenLogin) Retry(ctx context.Context, r *login.Refusal) ([]sasl.Client, error) {
	if !t.renewed && t.tokens.Rejected(t.token) {
		t.renewed, t.Request.Instead = true, t.token
		if clients, err := t.Mechanisms(ctx); err == nil {
			return clients, nil
		}
	}
	return nil, login.Refuse(login.Unavailable, "the upstream refuses the bridge's token for %s, a new one too: check that the application "+
		"has its role for this protocol, is registered in Exchange (New-ServicePrincipal) with the enterprise application's object id, "+
		"and has full access to this mailbox (%w)", t.Request.Mailbox, r)
}

// TokenLeft implements proxy.TokenCredential.
func (t *TokenLogin) TokenLeft() time.Duration { return time.Until(t.token.Expires) }
