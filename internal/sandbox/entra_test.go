package sandbox_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

func TestEntra_ClientCredentials(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	with := func(pairs ...string) url.Values {
		f := bySecret()
		for i := 0; i+1 < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	for _, c := range []struct {
		name   string
		tenant string
		form   url.Values
		status int
		class  string
		code   int
	}{
		{"good", tenantID, bySecret(), 200, "", 0},
		{"by the tenant's domain", "CONTOSO.onmicrosoft.example", bySecret(), 200, "", 0},
		{"organizations", "organizations", bySecret(), 200, "", 0},
		{"other name of Exchange", tenantID, with("scope", "https://outlook.office.com/.default"), 200, "", 0},
		{"no grant", tenantID, with("grant_type", ""), 400, "invalid_request", 900144},
		{"unknown grant", tenantID, with("grant_type", "magic"), 400, "unsupported_grant_type", 70003},
		{"unknown tenant", "nowhere.example", bySecret(), 400, "invalid_request", 90002},
		{"common", "common", bySecret(), 400, "invalid_request", 9001023},
		{"unknown application", tenantID, with("client_id", "nobody"), 400, "unauthorized_client", 700016},
		{"application of another tenant", otherID, bySecret(), 400, "unauthorized_client", 700016},
		{"disabled application", tenantID, with("client_id", "disabled"), 400, "unauthorized_client", 7000112},
		{"wrong secret", tenantID, with("client_secret", "wrong"), 401, "invalid_client", 7000215},
		{"expired secret", tenantID, with("client_id", "old-secret"), 401, "invalid_client", 7000222},
		{"wrong secret of one that is expired", tenantID, with("client_id", "old-secret", "client_secret", "x"), 401, "invalid_client", 7000215},
		{"no secret", tenantID, with("client_secret", ""), 401, "invalid_client", 7000218},
		{"no secret, public application", tenantID, with("client_secret", "", "client_id", publicID), 401, "invalid_client", 7000218},
		{"secret of a public application", tenantID, with("client_id", publicID), 401, "invalid_client", 700025},
		{"assertion of no known type", tenantID, with("client_assertion", "x.y.z"), 400, "invalid_request", 900144},
		{"no scope", tenantID, with("scope", ""), 400, "invalid_request", 900144},
		{"scope without /.default", tenantID, with("scope", "https://outlook.office365.com/IMAP.AccessAsApp"), 400, "invalid_scope", 1002012},
		{"two scopes", tenantID, with("scope", exchange+" https://graph.microsoft.com/.default"), 400, "invalid_scope", 1002012},
		{"unknown resource", tenantID, with("scope", "https://nowhere.example/.default"), 400, "invalid_resource", 500011},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := post(t, e, "/"+c.tenant+"/oauth2/v2.0/token", c.form)
			if a.status != c.status || a.string("error") != c.class || a.code() != c.code {
				t.Fatalf("got %d %s", a.status, a.text)
			}
			if c.code != 0 {
				checkRefusal(t, a)
			}
		})
	}
}

var descriptionForm = regexp.MustCompile(`^AADSTS\d+: [^%]+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: ` +
	`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$`)

// checkRefusal looks at the parts that every refusal of Entra ID has.
func checkRefusal(t *testing.T, a answer) {
	t.Helper()
	if !descriptionForm.MatchString(a.string("error_description")) {
		t.Errorf("got the description %q", a.string("error_description"))
	}
	for _, key := range []string{"trace_id", "correlation_id", "timestamp", "error_uri"} {
		if v := a.string(key); v == "" || key != "error_uri" && !strings.Contains(a.string("error_description"), v) {
			t.Errorf("got %s %q in %s", key, v, a.text)
		}
	}
}

func TestEntra_ApplicationToken(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	a := ask(t, e, bySecret())
	life := a.json["expires_in"].(float64)
	if a.string("token_type") != "Bearer" || life < 3599 || life > 5399 || a.json["ext_expires_in"] != life ||
		a.string("refresh_token") != "" {
		t.Errorf("got %s", a.text)
	}
	claims := claimsOf(t, e, a.string("access_token"))
	for key, want := range map[string]string{
		"aud": "https://outlook.office365.com", "iss": "https://sts.windows.net/" + tenantID + "/", "tid": tenantID,
		"appid": appID, "oid": appObject, "idtyp": "app", "appidacr": "1", "ver": "1.0",
	} {
		if claims[key] != want {
			t.Errorf("%s: got %v, want %s", key, claims[key], want)
		}
	}
	if roles := claims["roles"].([]any); !slices.Equal(roles, []any{"IMAP.AccessAsApp", "POP.AccessAsApp"}) {
		t.Errorf("got the roles %v", roles)
	}
	left := time.Until(time.Unix(int64(claims["exp"].(float64)), 0)).Seconds()
	if left < life-30 || left > life || claims["iat"].(float64) > claims["exp"].(float64) || claims["scp"] != nil {
		t.Errorf("got %v", claims)
	}
	f := bySecret()
	f.Set("client_id", "no-consent")
	if claims := claimsOf(t, e, ask(t, e, f).string("access_token")); claims["roles"] != nil || len(claims["oid"].(string)) != 36 {
		t.Errorf("without consent got %v", claims)
	}
	f.Set("scope", "https://graph.microsoft.com/.default")
	if claims := claimsOf(t, e, ask(t, e, f).string("access_token")); claims["aud"] != "https://graph.microsoft.com" ||
		claims["roles"] != nil {
		t.Errorf("for Graph got %v", claims)
	}
}

func TestEntra_ManagedIdentity(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	machine := e.MetadataURL() + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
		url.QueryEscape("https://outlook.office365.com")
	a := get(t, e, machine, "Metadata", "true")
	if claims := claimsOf(t, e, a.string("access_token")); claims["appid"] != managedID ||
		claims["aud"] != "https://outlook.office365.com" || a.string("expires_in") != "86400" || a.string("client_id") != managedID {
		t.Errorf("got %s", a.text)
	}
	setEntraFaults(t, e, sandbox.EntraFaults{TokenLife: time.Minute})
	service := e.MetadataURL() + "/msi/token?api-version=2019-08-01&client_id=" + managedID + "&resource=" +
		url.QueryEscape("https://outlook.office365.com")
	if a := get(t, e, service, "X-IDENTITY-HEADER", e.IdentityHeader()); a.string("expires_in") != "60" {
		t.Errorf("got %s", a.text)
	}
	for _, c := range []struct {
		address, header, value string
		status                 int
	}{
		{machine, "Metadata", "false", 400},
		{machine + "&client_id=nobody", "Metadata", "true", 400},
		{e.MetadataURL() + "/metadata/identity/oauth2/token?resource=x", "Metadata", "true", 400},
		{service, "X-IDENTITY-HEADER", "wrong", 401},
		{e.MetadataURL() + "/elsewhere", "Metadata", "true", 404},
	} {
		if a := get(t, e, c.address, c.header, c.value); a.status != c.status || a.status != 404 && a.string("error") != "invalid_request" {
			t.Errorf("%s: got %d %s", c.address, a.status, a.text)
		}
	}
	if n := len(e.Log().Requests(sandbox.ManagedIdentity)); n != 6 {
		t.Errorf("got %d requests, want 6", n)
	}
}

func TestEntra_Discovery(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	a := get(t, e, e.URL()+"/contoso.onmicrosoft.example/v2.0/.well-known/openid-configuration")
	if a.string("issuer") != e.URL()+"/"+tenantID+"/v2.0" || a.string("token_endpoint") != e.URL()+"/"+tenantID+"/oauth2/v2.0/token" ||
		a.string("device_authorization_endpoint") == "" {
		t.Errorf("got %s", a.text)
	}
	if a := get(t, e, e.URL()+"/common/v2.0/.well-known/openid-configuration"); a.string("issuer") != e.URL()+"/{tenantid}/v2.0" {
		t.Errorf("got %s", a.text)
	}
	if a := get(t, e, e.URL()+"/nowhere/.well-known/openid-configuration"); a.code() != 90002 {
		t.Errorf("got %s", a.text)
	}
	endpoint := url.QueryEscape(e.URL() + "/" + tenantID + "/oauth2/v2.0/authorize")
	a = get(t, e, e.URL()+"/common/discovery/instance?api-version=1.1&authorization_endpoint="+endpoint)
	if a.string("tenant_discovery_endpoint") != e.URL()+"/"+tenantID+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("got %s", a.text)
	}
	if a := get(t, e, e.URL()+"/common/UserRealm/anna@contoso.example?api-version=1.0"); a.string("account_type") != "Managed" ||
		a.string("domain_name") != "contoso.example" {
		t.Errorf("got %s", a.text)
	}
	if a := get(t, e, e.URL()+"/nothing/here"); a.status != 404 {
		t.Errorf("got %d", a.status)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(e.CA()) {
		t.Error("the CA is no PEM")
	}
}

func TestEntra_Introspection(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	token := ask(t, e, bySecret()).string("access_token")
	path := "/" + tenantID + "/introspect/scans@contoso.example"
	byHeader := get(t, e, e.URL()+path, "Authorization", "Bearer "+token)
	byForm := post(t, e, path, form("token", token))
	byQuery := get(t, e, e.URL()+path+"?token="+token)
	for _, a := range []answer{byHeader, byForm, byQuery} {
		if a.json["active"] != true || a.string("email") != "scans@contoso.example" || a.string("scope") != "IMAP.AccessAsApp POP.AccessAsApp" {
			t.Errorf("got %s", a.text)
		}
	}
	expired, err := e.IssueToken(sandbox.TokenClaims{Application: appID, Roles: []string{"IMAP.AccessAsApp"}, Life: -time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{expired, token + "x", "x", ""} {
		if a := post(t, e, path, form("token", bad)); a.json["active"] != false {
			t.Errorf("got %s", a.text)
		}
	}
}

func TestEntra_Directory(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	if err := e.AddTenant(sandbox.Tenant{ID: tenantID}); err == nil {
		t.Error("a tenant was added twice")
	}
	if err := e.AddTenant(sandbox.Tenant{Domain: "x"}); err == nil {
		t.Error("a tenant without an ID was added")
	}
	if err := e.SetUser("nowhere", sandbox.User{}); err == nil {
		t.Error("a user was added to no tenant")
	}
	for i, err := range []error{
		e.SetUser(tenantID, sandbox.User{Name: "anna@contoso.example", Password: "new"}),
		e.SetUser(tenantID, sandbox.User{Name: "bob@contoso.example", Password: "new"}),
		e.SetApplication("contoso.onmicrosoft.example", sandbox.Application{ID: "another", Secret: "s"}),
		e.SetApplication(tenantID, sandbox.Application{ID: appID, Secret: "rolled"}),
	} {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, user := range []string{"anna@contoso.example", "bob@contoso.example"} {
		if a := ask(t, e, byPassword(user, "new")); a.status != 200 {
			t.Errorf("got %s", a.text)
		}
	}
	if a := ask(t, e, bySecret()); a.code() != 7000215 {
		t.Errorf("got %s", a.text)
	}
	if _, err := sandbox.NewEntra(sandbox.EntraOptions{Tenants: []sandbox.Tenant{{}}}); err == nil {
		t.Error("a tenant without an ID was taken")
	}
	if _, err := sandbox.NewEntra(sandbox.EntraOptions{Address: "256.0.0.1:0"}); err == nil {
		t.Error("an address that is none was opened")
	}
}

func TestEntraLog_Waits(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Log().Wait(ctx, func(sandbox.EntraRequest) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := e.Log().WaitCount(ctx, sandbox.ClientCredentials, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ask(t, e, bySecret())
	if err := e.Log().WaitCount(testContext(t), sandbox.ClientCredentials, 1); err != nil {
		t.Error(err)
	}
	if got := e.Log().Requests(); len(got) != 1 || !got[0].OK() || got[0].Method != "secret" || got[0].Client != appID ||
		got[0].Tenant != tenantID {
		t.Errorf("got %+v", got)
	}
	if !e.Log().Contains(secret) || e.Log().Contains("canary") || e.Log().Tokens() != 1 {
		t.Error("the log does not tell what came")
	}
}
