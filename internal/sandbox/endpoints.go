package sandbox

import (
	"cmp"
	"encoding/base64"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (e *Entra) mainRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", e.on(Discovery, (*call).configuration))
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", e.on(Discovery, (*call).configuration))
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", e.on(Discovery, (*call).keys))
	mux.HandleFunc("GET /common/discovery/instance", e.on(Discovery, (*call).instance))
	mux.HandleFunc("GET /common/UserRealm/{user}", e.on(UserRealm, (*call).userRealm))
	mux.HandleFunc("GET /common/userrealm/{user}", e.on(UserRealm, (*call).userRealm))
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", e.on(OtherFlow, (*call).token))
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", e.on(DeviceCodeStart, (*call).startDevice))
	mux.HandleFunc("GET /{tenant}/introspect/{mailbox}", e.on(Introspection, (*call).introspect))
	mux.HandleFunc("POST /{tenant}/introspect/{mailbox}", e.on(Introspection, (*call).introspect))
	mux.HandleFunc("/", e.on(OtherFlow, (*call).nothing))
	return mux
}

func (*call) nothing() reply { return reply{status: http.StatusNotFound} }

// tenant finds the tenant that the path names.
func (c *call) tenant() (*Tenant, error) {
	if name := strings.ToLower(c.note.Tenant); name == "common" || name == "consumers" {
		return nil, refuse(9001023, "")
	}
	t, ok := c.directory.find(c.note.Tenant, c.note.Client)
	if !ok {
		return nil, refuse(90002, c.note.Tenant)
	}
	return t, nil
}

// configuration is the OIDC discovery document, as far as anybody reads it. One for common and organizations has a
// template as its issuer.
func (c *call) configuration() reply {
	issuer, home := "{tenantid}", c.note.Tenant
	if home != "common" && home != "organizations" {
		t, err := c.tenant()
		if err != nil {
			return c.refusal(err)
		}
		issuer, home = t.ID, t.ID
	}
	root := c.base() + "/" + home
	return asJSON(http.StatusOK, map[string]any{
		"issuer":                                c.base() + "/" + issuer + "/v2.0",
		"authorization_endpoint":                root + "/oauth2/v2.0/authorize",
		"token_endpoint":                        root + "/oauth2/v2.0/token",
		"device_authorization_endpoint":         root + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              root + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"response_types_supported":              []string{"code", "id_token", "token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"subject_types_supported":               []string{"pairwise"},
		"cloud_instance_name":                   "microsoftonline.com",
	})
}

// instance is what libraries ask about an authority that they do not know.
func (c *call) instance() reply {
	root := strings.TrimSuffix(c.r.Form.Get("authorization_endpoint"), "/oauth2/v2.0/authorize")
	return asJSON(http.StatusOK, map[string]any{
		"api-version":               "1.1",
		"tenant_discovery_endpoint": root + "/v2.0/.well-known/openid-configuration",
		"metadata": []map[string]any{{
			"preferred_network": c.r.Host, "preferred_cache": c.r.Host, "aliases": []string{c.r.Host},
		}},
	})
}

// userRealm is asked before a password is sent: is the user another party's? None is here.
func (c *call) userRealm() reply {
	user := c.r.PathValue("user")
	c.note.User = user
	_, domain, _ := strings.Cut(user, "@")
	return asJSON(http.StatusOK, map[string]any{
		"ver": "1.0", "account_type": "Managed", "domain_name": domain,
		"cloud_instance_name": "microsoftonline.com", "cloud_audience_urn": "urn:federation:MicrosoftOnline",
	})
}

// keys is the JSON Web Key Set (RFC 7517, section 5) with which anybody can check the tokens.
func (c *call) keys() reply {
	exponent := big.NewInt(int64(c.key.E)).Bytes()
	return asJSON(http.StatusOK, map[string]any{"keys": []map[string]any{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": c.keyID(), "x5t": c.keyID(),
		"n": base64.RawURLEncoding.EncodeToString(c.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(exponent),
	}}})
}

// metadataRoutes are those of the metadata endpoint: that of virtual machines, and that of App Service, which libraries find by
// IDENTITY_ENDPOINT and IDENTITY_HEADER.
func (e *Entra) metadataRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata/identity/oauth2/token", e.on(ManagedIdentity, (*call).virtualMachine))
	mux.HandleFunc("GET /msi/token", e.on(ManagedIdentity, (*call).appService))
	mux.HandleFunc("/", e.on(OtherFlow, (*call).nothing))
	return mux
}

// IdentityHeader is what App Service's endpoint wants in X-IDENTITY-HEADER.
func (e *Entra) IdentityHeader() string { return made("identity header " + e.keyID()) }

func (c *call) virtualMachine() reply {
	if c.r.Header.Get("Metadata") != "true" {
		return c.metadataError(http.StatusBadRequest, "Required metadata header not specified")
	}
	return c.managedIdentity()
}

func (c *call) appService() reply {
	if c.r.Header.Get("X-Identity-Header") != c.IdentityHeader() {
		return c.metadataError(http.StatusUnauthorized, "X-IDENTITY-HEADER does not match")
	}
	return c.managedIdentity()
}

func (c *call) managedIdentity() reply {
	resource := c.r.Form.Get("resource")
	if _, ok := resources[resource]; !ok {
		return c.metadataError(http.StatusBadRequest, "The resource "+strconv.Quote(resource)+" was not found in the tenant")
	}
	tenant, app, ok := c.directory.managed(c.note.Client)
	if !ok {
		return c.metadataError(http.StatusBadRequest, "Identity not found")
	}
	c.note.Client, c.note.Tenant, c.note.Method = app.ID, tenant.ID, "managed"
	life := cmp.Or(c.fault.TokenLife, 24*time.Hour) // no policy changes it
	token, err := c.accessToken(c.applicationClaims(tenant, app, resource), life)
	if err != nil {
		return c.refusal(err)
	}
	seconds := strconv.Itoa(int(life.Seconds()))
	return asJSON(http.StatusOK, map[string]string{ // its numbers are strings, unlike those of the token endpoint
		"access_token": token, "client_id": app.ID, "resource": resource, "token_type": "Bearer",
		"expires_in": seconds, "ext_expires_in": seconds,
		"expires_on": strconv.FormatInt(c.now.Add(life).Unix(), 10), "not_before": strconv.FormatInt(c.now.Unix(), 10),
	})
}

// metadataError is the metadata endpoint's own form of a refusal.
func (c *call) metadataError(status int, text string) reply {
	c.note.Error = "invalid_request"
	return asJSON(status, map[string]string{"error": "invalid_request", "error_description": text})
}

// introspect answers as RFC 7662 has it, for a mail server such as Dovecot that asks whether a token is good. Entra ID has no such
// endpoint. The path names the mailbox that the token shall open, because an application's token names none.
func (c *call) introspect() reply {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = c.r.Form.Get("token")
	}
	c.note.User = c.r.PathValue("mailbox")
	cl, why := c.read(token)
	if why != nil {
		c.note.Error = why.Error()
		return asJSON(http.StatusOK, map[string]any{"active": false})
	}
	return asJSON(http.StatusOK, map[string]any{
		"active": true, "email": c.note.User, "username": c.note.User, "client_id": cl.Application,
		"scope": strings.Join(append(cl.Roles, words(cl.Scopes)...), " "), "exp": cl.Expires, "aud": cl.Audience, "iss": cl.Issuer,
	})
}

// read checks what every reader of an access token checks: that it is of the stand-in and valid now.
func (e *Entra) read(token string) (claims, error) {
	s, err := parseJWS(token)
	if err != nil {
		return claims{}, err
	}
	if err := s.verify(&e.key.PublicKey); err != nil {
		return claims{}, err
	}
	return s.claims, s.claims.inTime(e.options.Now(), 0)
}
