package sandbox_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

// identity is a certificate and its key.
type identity struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "drawbridge"},
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return identity{certificate, key}
}

// assertion is made by hand, so that neither the stand-in nor a library judges itself.
type assertion struct {
	algorithm string
	header    map[string]any
	claims    map[string]any
	signer    *rsa.PrivateKey
}

func (i identity) assertion(e *sandbox.Entra) assertion {
	sum := sha256.Sum256(i.certificate.Raw)
	return assertion{
		algorithm: "PS256", header: map[string]any{"typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}, signer: i.key,
		claims: map[string]any{
			"aud": e.URL() + "/" + tenantID + "/oauth2/v2.0/token", "iss": appID, "sub": appID, "jti": "1",
			"nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
		},
	}
}

func (a assertion) sign(t *testing.T) string {
	t.Helper()
	a.header["alg"] = a.algorithm
	head, _ := json.Marshal(a.header)
	body, _ := json.Marshal(a.claims)
	input := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	if a.algorithm == "PS256" {
		signature, err = rsa.SignPSS(rand.Reader, a.signer, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.signer, crypto.SHA256, digest[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func byAssertion(text string) url.Values {
	return form("grant_type", "client_credentials", "client_id", appID, "scope", exchange,
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", text)
}

func TestEntra_Certificate(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	good, other := newIdentity(t), newIdentity(t)
	if err := e.SetApplication(tenantID, sandbox.Application{ID: appID, Certificates: []*x509.Certificate{good.certificate}}); err != nil {
		t.Fatal(err)
	}
	sha1Sum := sha1.Sum(good.certificate.Raw)
	for _, c := range []struct {
		name   string
		change func(*assertion)
		code   int
	}{
		{"PS256", func(*assertion) {}, 0},
		{"RS256", func(a *assertion) { a.algorithm = "RS256" }, 0},
		{"SHA-1 thumbprint", func(a *assertion) {
			a.header = map[string]any{"x5t": base64.StdEncoding.EncodeToString(sha1Sum[:])}
		}, 0},
		{"made out to the issuer", func(a *assertion) { a.claims["aud"] = e.URL() + "/" + tenantID + "/v2.0" }, 0},
		{"several audiences", func(a *assertion) { a.claims["aud"] = []any{"x", a.claims["aud"]} }, 0},
		{"no thumbprint", func(a *assertion) { a.header = map[string]any{} }, 700027},
		{"thumbprint that is no base64", func(a *assertion) { a.header["x5t#S256"] = "?" }, 700027},
		{"unknown certificate", func(a *assertion) { *a = other.assertion(e) }, 700027},
		{"signed by another key", func(a *assertion) { a.signer = other.key }, 700027},
		{"another algorithm", func(a *assertion) { a.algorithm = "RS512" }, 700027},
		{"another subject", func(a *assertion) { a.claims["sub"] = "x" }, 700021},
		{"another issuer", func(a *assertion) { a.claims["iss"] = "x" }, 700211},
		{"another audience", func(a *assertion) { a.claims["aud"] = e.URL() + "/" + otherID + "/oauth2/v2.0/token" }, 700023},
		{"over", func(a *assertion) { a.claims["exp"] = time.Now().Add(-6 * time.Minute).Unix() }, 700024},
		{"not yet", func(a *assertion) { a.claims["nbf"] = time.Now().Add(6 * time.Minute).Unix() }, 700024},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := good.assertion(e)
			c.change(&a)
			if got := ask(t, e, byAssertion(a.sign(t))); got.code() != c.code || (got.status == 200) != (c.code == 0) {
				t.Errorf("got %d %s", got.status, got.text)
			}
		})
	}
	for _, text := range []string{"x", "x.y.z", "e30.e30.?", "e30.bnVsbA.x.y"} {
		if got := ask(t, e, byAssertion(text)); got.code() != 50012 {
			t.Errorf("%q: got %s", text, got.text)
		}
	}
	a := ask(t, e, byAssertion(good.assertion(e).sign(t)))
	if claims := claimsOf(t, e, a.string("access_token")); claims["appidacr"] != "2" {
		t.Errorf("got %v", claims)
	}
	if got := e.Log().Requests(sandbox.ClientCredentials); got[0].Method != "certificate" {
		t.Errorf("got %+v", got[0])
	}
}

func TestEntra_WorkloadIdentity(t *testing.T) {
	const subject = "system:serviceaccount:mail:drawbridge"
	e := newEntra(t, sandbox.EntraOptions{})
	cluster, err := sandbox.NewIssuer("https://cluster.example")
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := sandbox.NewIssuer("https://cluster.example")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := sandbox.NewIssuer("https://elsewhere.example")
	if err != nil {
		t.Fatal(err)
	}
	app := sandbox.Application{ID: appID, Federated: []sandbox.Federation{
		{Issuer: cluster, Subject: subject}, {Issuer: cluster, Subject: "other", Audience: "own"},
	}}
	if err := e.SetApplication(tenantID, app); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name              string
		issuer            *sandbox.Issuer
		subject, audience string
		life              time.Duration
		code              int
	}{
		{"good", cluster, subject, "", time.Hour, 0},
		{"own audience", cluster, "other", "own", time.Hour, 0},
		{"unknown issuer", elsewhere, subject, "", time.Hour, 700211},
		{"unknown subject", cluster, "nobody", "", time.Hour, 700213},
		{"wrong audience", cluster, subject, "x", time.Hour, 700212},
		{"wrong key", impostor, subject, "", time.Hour, 700027},
		{"over", cluster, subject, "", -time.Hour, 700024},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := c.issuer.Token(c.subject, c.audience, c.life)
			if err != nil {
				t.Fatal(err)
			}
			if got := ask(t, e, byAssertion(text)); got.code() != c.code || (got.status == 200) != (c.code == 0) {
				t.Errorf("got %d %s", got.status, got.text)
			}
		})
	}
	if n := len(e.Log().Requests(sandbox.WorkloadIdentity)); n != 7 {
		t.Errorf("got %d requests, want 7", n)
	}
}
