package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

func TestEntra_Password(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	for _, c := range []struct {
		user, password string
		class          string
		code           int
	}{
		{"ANNA@contoso.example", "right", "", 0},
		{"anna@contoso.example", "wrong", "invalid_grant", 50126},
		{"anna@contoso.example", "", "invalid_grant", 50126},
		{"nobody@contoso.example", "right", "invalid_grant", 50034},
		{"mfa@contoso.example", "right", "invalid_grant", 50076},
		{"mfa@contoso.example", "wrong", "invalid_grant", 50126},
		{"policy@contoso.example", "right", "invalid_grant", 53003},
		{"defaults@contoso.example", "right", "invalid_grant", 530035},
		{"locked@contoso.example", "wrong", "invalid_grant", 50053},
		{"disabled@contoso.example", "right", "invalid_grant", 50057},
	} {
		a := ask(t, e, byPassword(c.user, c.password))
		if a.string("error") != c.class || a.code() != c.code {
			t.Errorf("%s, %q: got %s", c.user, c.password, a.text)
		}
	}
	a := ask(t, e, byPassword("anna@contoso.example", "right"))
	claims := claimsOf(t, e, a.string("access_token"))
	if claims["scp"] != "IMAP.AccessAsUser.All" || claims["upn"] != "anna@contoso.example" || claims["idtyp"] != "user" ||
		claims["aud"] != "https://outlook.office.com" || claims["roles"] != nil {
		t.Errorf("got %v", claims)
	}
	if id := claimsOf(t, e, a.string("id_token")); id["aud"] != publicID || id["preferred_username"] != "anna@contoso.example" ||
		id["oid"] != claims["oid"] {
		t.Errorf("got the identity %v", id)
	}
	if a.string("scope") != "https://outlook.office.com/IMAP.AccessAsUser.All openid profile" || len(a.string("refresh_token")) < 900 {
		t.Errorf("got %s", a.text)
	}
	r, err := e.Log().Wait(testContext(t), func(r sandbox.EntraRequest) bool { return r.Code == 50126 })
	if err != nil || r.Flow != sandbox.Password || r.User != "anna@contoso.example" || r.Client != publicID || r.Status != 400 || r.OK() {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestEntra_DelegatedScopes(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	for _, c := range []struct {
		client, scope string
		code          int
	}{
		{publicID, "https://outlook.office365.com/.default", 0},
		{publicID, "openid", 900144},
		{publicID, "https://outlook.office.com/SMTP.Send", 65001},
		{publicID, "https://nowhere.example/IMAP", 70011},
		{publicID, "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office365.com/POP.AccessAsUser.All", 70011},
		{"no-consent", delegates, 65001},
		{appID, delegates, 7000218},
	} {
		f := byPassword("anna@contoso.example", "right")
		f.Set("client_id", c.client)
		f.Set("scope", c.scope)
		if a := ask(t, e, f); a.code() != c.code {
			t.Errorf("%s for %q: got %s", c.client, c.scope, a.text)
		}
	}
}

func TestEntra_RefreshTokens(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	first := ask(t, e, byPassword("anna@contoso.example", "right")).string("refresh_token")
	refresh := func(token, client string) answer {
		return ask(t, e, form("grant_type", "refresh_token", "client_id", client, "refresh_token", token))
	}
	second := refresh(first, publicID)
	if second.status != 200 || second.string("refresh_token") == first || second.string("access_token") == "" {
		t.Fatalf("got %s", second.text)
	}
	if again := refresh(first, publicID); again.status != 200 {
		t.Errorf("Entra ID's refresh tokens work more than once, got %s", again.text)
	}
	if a := refresh("made up", publicID); a.code() != 70000 || a.string("error") != "invalid_grant" {
		t.Errorf("got %s", a.text)
	}
	if a := refresh(first, "no-consent"); a.code() != 70000 {
		t.Errorf("of another application: got %s", a.text)
	}
	setEntraFaults(t, e, sandbox.EntraFaults{RefreshOnce: true})
	third := refresh(first, publicID).string("refresh_token")
	if a := refresh(first, publicID); a.code() != 70000 {
		t.Errorf("used twice: got %s", a.text)
	}
	e.Revoke("ANNA@contoso.example", 0)
	if a := refresh(third, publicID); a.code() != 50173 {
		t.Errorf("revoked: got %s", a.text)
	}
	e.Revoke("anna@contoso.example", 700082)
	if a := refresh(third, publicID); a.code() != 700082 {
		t.Errorf("idle for long: got %s", a.text)
	}
}

func TestEntra_DeviceCode(t *testing.T) {
	now := newClock()
	e := newEntra(t, sandbox.EntraOptions{Now: now.Now})
	start := func() answer {
		t.Helper()
		a := post(t, e, "/"+tenantID+"/oauth2/v2.0/devicecode", form("client_id", publicID, "scope", delegates))
		if a.json["interval"] != 5.0 || a.json["expires_in"] != 900.0 || !strings.Contains(a.string("message"), a.string("user_code")) {
			t.Fatalf("got %s", a.text)
		}
		return a
	}
	poll := func(a answer, wait time.Duration, class string, code int) answer {
		t.Helper()
		now.turn(wait)
		got := ask(t, e, form("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", publicID, "device_code",
			a.string("device_code")))
		if got.string("error") != class || got.code() != code {
			t.Fatalf("got %s, want %s", got.text, class)
		}
		return got
	}
	patient := start()
	poll(patient, 0, "authorization_pending", 70016)
	poll(patient, 0, "authorization_pending", 70016)
	setEntraFaults(t, e, sandbox.EntraFaults{SlowDown: true})
	good := start()
	poll(good, 5*time.Second, "authorization_pending", 70016)
	poll(good, time.Second, "slow_down", 0)
	poll(good, 6*time.Second, "slow_down", 0)
	poll(good, 15*time.Second, "authorization_pending", 70016)
	if err := e.Approve(good.string("user_code"), "anna@contoso.example"); err != nil {
		t.Fatal(err)
	}
	a := poll(good, 15*time.Second, "", 0)
	if claims := claimsOf(t, e, a.string("access_token")); claims["upn"] != "anna@contoso.example" || a.string("refresh_token") == "" {
		t.Errorf("got %v", claims)
	}
	poll(good, time.Minute, "bad_verification_code", 70018)
	if err := e.Approve(good.string("user_code"), "anna@contoso.example"); err == nil {
		t.Error("a code that was spent was approved")
	}
	declined := start()
	if err := e.Decline(declined.string("user_code")); err != nil {
		t.Fatal(err)
	}
	poll(declined, 0, "authorization_declined", 65004)
	expired := start()
	poll(expired, 15*time.Minute, "expired_token", 70019)
	blocked := start()
	if err := e.Approve(blocked.string("user_code"), "policy@contoso.example"); err != nil {
		t.Fatal(err)
	}
	poll(blocked, 0, "invalid_grant", 53003)
	ghost := start()
	if err := e.Approve(ghost.string("user_code"), "nobody@contoso.example"); err != nil {
		t.Fatal(err)
	}
	poll(ghost, 0, "invalid_grant", 50034)
	poll(answer{}, 0, "bad_verification_code", 70018)
}

func TestEntra_DeviceCodeRefused(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	for _, c := range []struct {
		tenant, client, scope string
		fault, code           int
	}{
		{"nowhere", publicID, delegates, 0, 90002},
		{tenantID, "nobody", delegates, 0, 700016},
		{tenantID, "disabled", delegates, 0, 7000112},
		{tenantID, publicID, "https://nowhere.example/x", 0, 70011},
		{tenantID, publicID, delegates, 53003, 53003},
	} {
		setEntraFaults(t, e, sandbox.EntraFaults{Refusal: c.fault})
		if a := post(t, e, "/"+c.tenant+"/oauth2/v2.0/devicecode", form("client_id", c.client, "scope", c.scope)); a.code() != c.code {
			t.Errorf("%+v: got %s", c, a.text)
		}
	}
}
