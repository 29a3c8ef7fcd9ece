package oauth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What must never be seen in an error.
const (
	canarySecret   = "canary-client-secret-7Q"
	canaryPassword = "canary-password-9Z"
	canaryRefresh  = "canary-refresh-token"
	canaryToken    = "canary-access-token"
)

const tenant = "11111111-2222-3333-4444-555555555555"

// reply is what the stand-in says.
type reply struct {
	status int
	header map[string]string
	body   string
}

// entra is an Entra ID stand-in. Its fields may be set between requests.
type entra struct {
	host string
	root []byte // PEM

	mu       sync.Mutex
	delay    time.Duration
	life     time.Duration
	say      func(form url.Values) *reply // instead of a token; nil: a token
	discover *reply
	realm    string // JSON of UserRealm
	endpoint string // of tokens; empty: its own
	asked    []url.Values
	times    []time.Time
	paths    []string
	issued   int

	conns chan net.Conn
	done  chan struct{}
}

// newEntra starts a stand-in that lives in memory, so that it works under a fake clock.
func newEntra(t *testing.T) *entra {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newEntraOf(t, key, x509.ECDSAWithSHA256)
}

// newEntraOf shows a certificate with key, which it signs itself by algorithm.
func newEntraOf(t *testing.T, key crypto.Signer, algorithm x509.SignatureAlgorithm) *entra {
	t.Helper()
	e := &entra{
		host: "entra.test", life: time.Hour, conns: make(chan net.Conn), done: make(chan struct{}),
		realm: `{"ver":"1.0","account_type":"Managed","domain_name":"contoso.com","cloud_instance_name":"x","cloud_audience_urn":"urn:x"}`,
	}
	var certificate tls.Certificate
	certificate, e.root = newCertificate(t, e.host, key, algorithm)
	server := &http.Server{
		Handler:   e,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.ServeTLS(e, "", "")
	}()
	t.Cleanup(func() {
		close(e.done)
		_ = server.Close()
		<-ended
	})
	return e
}

// Accept, Close and Addr make it a net.Listener.
func (e *entra) Accept() (net.Conn, error) {
	select {
	case c := <-e.conns:
		return c, nil
	case <-e.done:
		return nil, net.ErrClosed
	}
}

func (e *entra) Close() error   { return nil }
func (e *entra) Addr() net.Addr { return &net.TCPAddr{} }

// dial reaches the stand-in by whatever name.
func (e *entra) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case e.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.done:
		return nil, errors.New("connection refused")
	}
}

func (e *entra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	e.paths = append(e.paths, r.URL.Path)
	e.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration"):
		e.write(w, e.discovery(r))
	case strings.HasPrefix(r.URL.Path, "/common/UserRealm/"):
		e.write(w, reply{body: e.realm})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/devicecode"):
		e.write(w, reply{body: `{"user_code":"ABCD-EFGH","device_code":"dev","verification_uri":"https://entra.test/device",` +
			`"expires_in":900,"interval":5,"message":"m"}`})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		e.write(w, e.token(r))
	default:
		http.NotFound(w, r)
	}
}

func (e *entra) write(w http.ResponseWriter, r reply) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range r.header {
		w.Header().Set(k, v)
	}
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
	_, _ = io.WriteString(w, r.body)
}

func (e *entra) discovery(r *http.Request) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.discover != nil {
		return *e.discover
	}
	base := "https://" + r.Host + "/" + strings.Split(r.URL.Path, "/")[1]
	endpoint := e.endpoint
	if endpoint == "" {
		endpoint = base + "/oauth2/v2.0/token"
	}
	return reply{body: fmt.Sprintf(`{"token_endpoint":%q,"authorization_endpoint":%q,"device_authorization_endpoint":%q,"issuer":%q}`,
		endpoint, base+"/oauth2/v2.0/authorize", base+"/oauth2/v2.0/devicecode", base+"/v2.0")}
}

func (e *entra) token(r *http.Request) reply {
	e.mu.Lock()
	e.asked = append(e.asked, r.PostForm)
	e.times = append(e.times, time.Now())
	say, delay := e.say, e.delay
	e.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		case <-e.done:
		}
	}
	if say != nil {
		if said := say(r.PostForm); said != nil {
			return *said
		}
	}
	return e.issue(r.PostForm)
}

// issue gives a token, and to a user an ID token and a refresh token as well.
func (e *entra) issue(form url.Values) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.issued++
	answer := map[string]any{
		"token_type": "Bearer", "expires_in": int(e.life / time.Second),
		"access_token": fmt.Sprintf("%s.%s.%d", canaryToken, jwtPart(`{"aud":"https://outlook.office365.com","tid":"`+tenant+`"}`), e.issued),
	}
	if form.Get("grant_type") != "client_credentials" {
		answer["scope"] = form.Get("scope")
		answer["refresh_token"] = fmt.Sprintf("%s-%d", canaryRefresh, e.issued)
		answer["client_info"] = jwtPart(`{"uid":"u1","utid":"t1"}`)
		answer["id_token"] = "e30." + jwtPart(`{"preferred_username":"boss@contoso.com","oid":"u1","tid":"t1","sub":"s"}`) + ".x"
	}
	b, _ := json.Marshal(answer)
	return reply{body: string(b)}
}

func jwtPart(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// refusal is an error in Entra ID's form; its prose quotes what it should not.
func refusal(status int, name string, codes ...int) *reply {
	b, _ := json.Marshal(map[string]any{
		"error": name, "error_codes": codes, "trace_id": "0f1e2d3c-0000-4000-8000-000000000001",
		"error_description": "AADSTS: " + canarySecret + " " + canaryPassword + " " + canaryRefresh + " Trace ID: 0f1e",
	})
	return &reply{status: status, body: string(b)}
}

func always(r *reply) func(url.Values) *reply { return func(url.Values) *reply { return r } }

// set changes the stand-in between requests.
func (e *entra) set(f func(e *entra)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

// requests returns how many tokens were asked for.
func (e *entra) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

func (e *entra) last() url.Values {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[len(e.asked)-1]
}

// options are those of a client with a secret.
func (e *entra) options() oauth.Options {
	o := oauth.Options{
		Name: "exchange-online", Flow: oauth.ClientCredentials, Tenant: tenant, ClientID: "app-1",
		ClientSecret: secret.New(canarySecret), Authority: "https://" + e.host, CA: e.root,
	}
	o.SetDial(e.dial)
	return o
}

func open(t *testing.T, o oauth.Options) *oauth.Source {
	t.Helper()
	s, err := oauth.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var imap = oauth.Request{Mailbox: "scans@contoso.com", Protocol: "imap"}

func get(t *testing.T, s *oauth.Source, r oauth.Request) oauth.Token {
	t.Helper()
	token, err := s.Token(t.Context(), r)
	if err != nil {
		t.Fatalf("no token: %v", err)
	}
	return token
}

// fail asks for a token that must not come, and checks that no canary is in the error.
func fail(t *testing.T, s *oauth.Source, r oauth.Request, want oauth.Class) *oauth.Error {
	t.Helper()
	_, err := s.Token(t.Context(), r)
	return wantError(t, err, want)
}

func wantError(t *testing.T, err error, want oauth.Class) *oauth.Error {
	t.Helper()
	var e *oauth.Error
	if !errors.As(err, &e) {
		t.Fatalf("error: got %v, want an Error of class %s", err, want)
	}
	if e.Class != want {
		t.Errorf("class: got %s (%s), want %s", e.Class, e.Sentence, want)
	}
	for _, text := range []string{e.Sentence, fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e), fmt.Sprint(oauth.Fault(err))} {
		noCanary(t, text)
	}
	return e
}

func noCanary(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is told: %s", text)
	}
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("got %q, want %q in it", text, w)
		}
	}
}

// newCertificate makes a server's certificate and its root.
func newCertificate(t *testing.T, host string, key crypto.Signer, algorithm x509.SignatureAlgorithm) (tls.Certificate, []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, SignatureAlgorithm: algorithm,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}
