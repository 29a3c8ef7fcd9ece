package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// managedLife is that of managed identities' tokens, which no policy changes.
const managedLife = 24 * time.Hour

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

// metadataAnswer is the JSON with a managed identity's token: its numbers are strings.
type metadataAnswer struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ExpiresIn    string `json:"expires_in"`
	ExpiresOn    string `json:"expires_on"`
	ExtExpiresIn string `json:"ext_expires_in"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	TokenType    string `json:"token_type"`
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
	life := managedLife
	if c.fault.TokenLife != 0 {
		life = c.fault.TokenLife
	}
	token, err := c.accessToken(c.applicationClaims(tenant, app, resource), life)
	if err != nil {
		return c.refusal(err)
	}
	seconds := strconv.Itoa(int(life.Seconds()))
	return asJSON(http.StatusOK, metadataAnswer{
		AccessToken: token, ClientID: app.ID, Resource: resource, TokenType: "Bearer",
		ExpiresIn: seconds, ExtExpiresIn: seconds,
		ExpiresOn: strconv.FormatInt(c.now.Add(life).Unix(), 10), NotBefore: strconv.FormatInt(c.now.Unix(), 10),
	})
}

// metadataError is the metadata endpoint's own form of a refusal.
func (c *call) metadataError(status int, text string) reply {
	c.note.Error = "invalid_request"
	return asJSON(status, map[string]string{"error": "invalid_request", "error_description": text})
}
