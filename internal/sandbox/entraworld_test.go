package sandbox_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

const (
	tenantID  = "11111111-1111-4111-8111-111111111111"
	otherID   = "22222222-2222-4222-8222-222222222222"
	appID     = "33333333-3333-4333-8333-333333333333"
	appObject = "44444444-4444-4444-8444-444444444444"
	publicID  = "55555555-5555-4555-8555-555555555555"
	managedID = "66666666-6666-4666-8666-666666666666"
	secret    = "made-up~secret"
	exchange  = "https://outlook.office365.com/.default"
	delegates = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid profile"
)

// clock is one that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func contoso() sandbox.Tenant {
	return sandbox.Tenant{
		ID: tenantID, Domain: "contoso.onmicrosoft.example",
		Applications: []sandbox.Application{
			{ID: appID, ObjectID: appObject, Secret: secret, Roles: []string{"IMAP.AccessAsApp", "POP.AccessAsApp"},
				Scopes: []string{"IMAP.AccessAsUser.All"}},
			{ID: publicID, PublicFlows: true, Scopes: []string{"IMAP.AccessAsUser.All", "POP.AccessAsUser.All"}},
			{ID: managedID, Managed: true, Roles: []string{"IMAP.AccessAsApp"}},
			{ID: "old-secret", Secret: secret, SecretExpires: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
			{ID: "no-consent", Secret: secret, Roles: []string{"IMAP.AccessAsApp"}, Scopes: []string{"IMAP.AccessAsUser.All"}, NoConsent: true,
				PublicFlows: true},
			{ID: "disabled", Secret: secret, Refusal: 7000112},
		},
		Users: []sandbox.User{
			{Name: "anna@contoso.example", Password: "right"},
			{Name: "mfa@contoso.example", Password: "right", Refusal: 50076},
			{Name: "policy@contoso.example", Password: "right", Refusal: 53003},
			{Name: "defaults@contoso.example", Password: "right", Refusal: 530035},
			{Name: "locked@contoso.example", Password: "right", Refusal: 50053},
			{Name: "disabled@contoso.example", Password: "right", Refusal: 50057},
		},
	}
}

func newEntra(t *testing.T, options sandbox.EntraOptions) *sandbox.Entra {
	t.Helper()
	if options.Tenants == nil {
		options.Tenants = []sandbox.Tenant{contoso(), {ID: otherID}}
	}
	e, err := sandbox.NewEntra(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close the Entra ID stand-in: %v", err)
		}
	})
	return e
}

func setEntraFaults(t *testing.T, e *sandbox.Entra, f sandbox.EntraFaults) {
	t.Helper()
	if err := e.SetFaults(f); err != nil {
		t.Fatal(err)
	}
}

// web is a program that asks, without following redirects and without keeping connections.
func web(e *sandbox.Entra) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: e.Roots()}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (a answer) string(key string) string { s, _ := a.json[key].(string); return s }

// code is the AADSTS number; 0: none.
func (a answer) code() int {
	codes, _ := a.json["error_codes"].([]any)
	if len(codes) != 1 {
		return 0
	}
	return int(codes[0].(float64))
}

func fetch(t *testing.T, e *sandbox.Entra, r *http.Request) answer {
	t.Helper()
	response, err := web(e).Do(r.WithContext(testContext(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(body)}
	json.Unmarshal(body, &a.json)
	return a
}

func get(t *testing.T, e *sandbox.Entra, address string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return fetch(t, e, r)
}

// form makes a form of keys and values.
func form(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

func post(t *testing.T, e *sandbox.Entra, path string, f url.Values) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, e.URL()+path, strings.NewReader(f.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return fetch(t, e, r)
}

func ask(t *testing.T, e *sandbox.Entra, f url.Values) answer {
	t.Helper()
	return post(t, e, "/"+tenantID+"/oauth2/v2.0/token", f)
}

func bySecret() url.Values {
	return form("grant_type", "client_credentials", "client_id", appID, "client_secret", secret, "scope", exchange)
}

func byPassword(user, password string) url.Values {
	return form("grant_type", "password", "client_id", publicID, "username", user, "password", password, "scope", delegates)
}

// claimsOf checks a token's signature with the key that discovery names, and returns its claims.
func claimsOf(t *testing.T, e *sandbox.Entra, token string) map[string]any {
	t.Helper()
	discovered := get(t, e, e.URL()+"/"+tenantID+"/v2.0/.well-known/openid-configuration")
	keys := get(t, e, discovered.string("jwks_uri"))
	jwk := keys.json["keys"].([]any)[0].(map[string]any)
	modulus, exponent := unbase64(t, jwk["n"].(string)), unbase64(t, jwk["e"].(string))
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], unbase64(t, parts[2])); err != nil {
		t.Fatal(err)
	}
	var header, claims map[string]any
	if err := errors.Join(json.Unmarshal(unbase64(t, parts[0]), &header), json.Unmarshal(unbase64(t, parts[1]), &claims)); err != nil {
		t.Fatal(err)
	}
	if header["alg"] != "RS256" || header["typ"] != "JWT" || header["kid"] != jwk["kid"] {
		t.Errorf("got the header %v", header)
	}
	return claims
}

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
