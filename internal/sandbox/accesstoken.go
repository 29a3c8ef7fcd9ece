package sandbox

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	mathrand "math/rand/v2"
	"strings"
	"time"
)

// maxTokenLength bounds [EntraFaults.TokenLength].
const maxTokenLength = 48 << 10

// life is how long an access token lives: at random between one hour and one and a half, as Entra ID has it.
func (c *call) life() time.Duration {
	return cmp.Or(c.fault.TokenLife, time.Duration(3599+mathrand.N(1801))*time.Second)
}

// keyID names the key of the tokens.
func (e *Entra) keyID() string {
	sum := sha256.Sum256(e.key.N.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:20])
}

// issuerOf is what the tokens of a tenant name as their issuer: those for Exchange are of version 1.0.
func issuerOf(tenant string) string { return "https://sts.windows.net/" + tenant + "/" }

func (c *call) applicationClaims(tenant *Tenant, app Application, resource string) claims {
	cl := claims{
		Audience: audience{resource}, Issuer: issuerOf(tenant.ID), Tenant: tenant.ID, Version: "1.0",
		Application: app.ID, Object: app.ObjectID, Subject: app.ObjectID, IdentityType: "app", Method: c.methodClaim(),
	}
	if resources[resource] && !app.NoConsent {
		cl.Roles = app.Roles
	}
	return cl
}

func (c *call) userClaims(tenant *Tenant, app Application, user User, resource string, permissions []string) claims {
	return claims{
		Audience: audience{resource}, Issuer: issuerOf(tenant.ID), Tenant: tenant.ID, Version: "1.0",
		Application: app.ID, Object: user.ObjectID, Subject: made("subject " + user.ObjectID), IdentityType: "user", Method: c.methodClaim(),
		Scopes: strings.Join(permissions, " "), UserName: user.Name, Name: user.Name,
	}
}

// methodClaim is appidacr: how the application proved itself.
func (c *call) methodClaim() string {
	switch c.note.Method {
	case "":
		return "0"
	case "secret":
		return "1"
	}
	return "2"
}

// accessToken dates, pads and signs.
func (c *call) accessToken(cl claims, life time.Duration) (string, error) {
	if c.fault.Opaque {
		return strings.Repeat(rand.Text(), 40), nil
	}
	if c.fault.WrongAudience {
		cl.Audience, cl.Roles = audience{graphResource}, nil
	}
	c.date(&cl, life)
	cl.ID = newGUID()
	token, err := c.sign(cl)
	missing := min(c.fault.TokenLength, maxTokenLength) - len(token)
	if err != nil || missing <= 0 {
		return token, err
	}
	// Three bytes of JSON are four characters of base64; the claim's own name only makes it longer.
	cl.Padding = strings.Repeat("x", missing*3/4+1)
	return c.sign(cl)
}

func (c *call) date(cl *claims, life time.Duration) {
	// Entra ID dates tokens five minutes back, for clocks that are behind.
	begin := c.now.Add(-5 * time.Minute).Unix()
	cl.IssuedAt, cl.NotBefore, cl.Expires = begin, begin, c.now.Add(life).Unix()
}

func (c *call) sign(cl claims) (string, error) {
	return signRS256(c.key, joseHeader{KeyID: c.keyID(), Thumbprint: c.keyID()}, cl)
}

// identityToken says who the user is (OpenID Connect Core 1.0, section 2). It is of version 2.0.
func (c *call) identityToken(tenant *Tenant, app Application, user User) (string, error) {
	cl := claims{
		Audience: audience{app.ID}, Issuer: c.base() + "/" + tenant.ID + "/v2.0", Tenant: tenant.ID, Version: "2.0",
		Object: user.ObjectID, Subject: made("subject " + user.ObjectID), PreferredName: user.Name, Name: user.Name,
	}
	c.date(&cl, time.Hour)
	return c.sign(cl)
}

// TokenClaims are what [Entra.IssueToken] puts into a token; a zero value stands for the default.
type TokenClaims struct {
	Audience    string        // default https://outlook.office365.com
	Tenant      string        // the ID; default: of the first tenant
	Application string        // the client id
	Object      string        // of the enterprise application or the user
	Roles       []string      // with roles it is an application's token
	Scopes      []string      // with scopes it is a user's
	User        string        // the user's name
	Life        time.Duration // from now; negative: expired already. Default 1 h
	Length      int           // at least so many characters
	OtherKey    bool          // signed by a key that is not the stand-in's
}

// IssueToken makes an access token of any kind, without a request: for tests of those who read tokens, and for devices with
// a token of their own.
func (e *Entra) IssueToken(t TokenClaims) (string, error) {
	c := &call{Entra: e, now: e.options.Now(), fault: &EntraFaults{TokenLength: t.Length}}
	cl := claims{
		Audience: audience{cmp.Or(t.Audience, "https://outlook.office365.com")}, Tenant: cmp.Or(t.Tenant, e.firstTenant()), Version: "1.0",
		Application: t.Application, Object: t.Object, Subject: t.Object,
		Roles: t.Roles, Scopes: strings.Join(t.Scopes, " "), UserName: t.User, IdentityType: "app", Method: "1",
	}
	cl.Issuer = issuerOf(cl.Tenant)
	if len(t.Scopes) > 0 {
		cl.IdentityType = "user"
	}
	if t.OtherKey {
		c.Entra = &Entra{key: e.authority.key}
	}
	return c.accessToken(cl, cmp.Or(t.Life, time.Hour))
}

func (e *Entra) firstTenant() string {
	e.directory.mu.Lock()
	defer e.directory.mu.Unlock()
	if len(e.directory.tenants) == 0 {
		return ""
	}
	return e.directory.tenants[0].ID
}
