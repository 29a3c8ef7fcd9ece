package oauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
)

func TestIdentity_AppService(t *testing.T) {
	var asked atomic.Int32
	var same atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if r.Header.Get("X-IDENTITY-HEADER") != "canary-header" || r.URL.Query().Get("resource") != "https://outlook.office365.com" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if same.Load() {
			n = 1
		}
		fmt.Fprintf(w, `{"access_token":"%s-%d","expires_on":"%d","resource":"x","token_type":"Bearer"}`, canaryToken, n,
			time.Now().Add(24*time.Hour).Unix())
	}))
	defer server.Close()
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "canary-header")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s := open(t, oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity, ClientID: "identity-1"})
	first := get(t, s, imap)
	if get(t, s, imap).Value.Reveal() != first.Value.Reveal() || asked.Load() != 1 {
		t.Error("the token was not kept")
	}
	same.Store(true)
	s.Rejected(first)
	r := imap
	r.Instead = first
	contains(t, fail(t, s, r, oauth.Unavailable).Sentence, "the managed identity service", "24 hours")
	for range 5 {
		fail(t, s, r, oauth.Unavailable)
		if s.Rejected(first) {
			t.Error("Refused: got true for a token that cannot be replaced")
		}
	}
	if got := asked.Load(); got != 2 {
		t.Errorf("requests: got %d, want 2: it loops", got)
	}
	if get(t, s, imap).Value.Reveal() != first.Value.Reveal() {
		t.Error("the token no longer serves other mailboxes")
	}
}

func TestIdentity_ForcedRefreshPassesMSALsCache(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":"3600","resource":"x","token_type":"Bearer"}`, asked.Add(1))
	}))
	defer server.Close()
	t.Setenv("IDENTITY_ENDPOINT", server.URL)
	t.Setenv("IDENTITY_HEADER", "h")
	s := open(t, oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity})
	s.Rejected(get(t, s, imap))
	if got := get(t, s, imap).Value.Reveal(); got != "t2" {
		t.Errorf("got %s, want t2", got)
	}
}

func TestIdentity_MetadataServiceOfAMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := reply{status: 400, body: `{"error":"invalid_request","error_description":"Identity not found"}`}
		pipe := &entra{conns: make(chan net.Conn), done: make(chan struct{})}
		var asked atomic.Int32
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.Host != "169.254.169.254" || r.Header.Get("Metadata") != "true" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			pipe.write(w, answer)
		})}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = server.Serve(pipe) }()
		defer func() { close(pipe.done); _ = server.Close(); <-ended }()

		o := oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity}
		o.SetDial(pipe.dial)
		s := open(t, o)
		contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "assign a managed identity")
		answer = reply{status: 429, header: map[string]string{"Retry-After": "10"}, body: "{}"}
		time.Sleep(2 * time.Second)
		fail(t, s, imap, oauth.Throttled)
		if got := asked.Load(); got != 2 {
			t.Errorf("requests: got %d, want 2: one that was told to wait is repeated", got)
		}
		answer = reply{body: fmt.Sprintf(`{"access_token":"m1","expires_on":"%d","token_type":"Bearer"}`, time.Now().Add(time.Hour).Unix())}
		time.Sleep(9 * time.Second)
		fail(t, s, imap, oauth.Throttled)
		time.Sleep(time.Second)
		get(t, s, imap)
		s.Close()
	})
}

func TestIdentity_OutsideAzure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		o := oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity}
		o.SetDial(func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrUnexpectedEOF })
		s := open(t, o)
		contains(t, fail(t, s, imap, oauth.Network).Sentence, "in Azure")
		_ = e
	})
}

func TestWorkload_TokenFileIsReadEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		file := filepath.Join(t.TempDir(), "token")
		o := e.options()
		o.Flow, o.ClientSecret, o.TokenFile = oauth.WorkloadIdentity, secret.Secret{}, file
		s := open(t, o)
		contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "AZURE_FEDERATED_TOKEN_FILE")
		if err := os.WriteFile(file, []byte(" \n"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "empty")
		for _, want := range []string{"canary-workload-1", "canary-workload-2"} {
			if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			get(t, s, imap)
			if got := e.last().Get("client_assertion"); got != want {
				t.Errorf("assertion: got %q, want %q", got, want)
			}
		}
		e.set(func(e *entra) { e.say = always(refusal(401, "invalid_client", 700213)) })
		time.Sleep(time.Hour)
		contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "byte for byte")
	})
}

func TestCertificate_SignsTheAssertion(t *testing.T) {
	bundle := newClientCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		o := e.options()
		o.ClientSecret, o.ClientCertificate = secret.Secret{}, bundle
		s := open(t, o)
		get(t, s, imap)
		parts := strings.Split(e.last().Get("client_assertion"), ".")
		if len(parts) != 3 {
			t.Fatalf("assertion: %q", e.last())
		}
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims struct{ Iss, Sub, Aud string }
		if err := json.Unmarshal(raw, &claims); err != nil || claims.Iss != "app-1" || claims.Sub != "app-1" {
			t.Errorf("claims: %+v, %v", claims, err)
		}
		e.set(func(e *entra) { e.say = always(refusal(401, "invalid_client", 700027)) })
		time.Sleep(time.Hour)
		contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "certificate")
	})
}

func newClientCertificate(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "drawbridge"}, NotAfter: time.Unix(1<<32, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed})...)
}

func TestProxy_IsHonoured(t *testing.T) {
	e := newEntra(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connects := make(chan string, 1)
	forward := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tunnel(t, e, w, r, connects) })}
	go func() { _ = forward.Serve(listener) }()
	defer forward.Close()
	t.Setenv("HTTPS_PROXY", "http://"+listener.Addr().String())
	o := e.options()
	o.SetDial(nil)
	s := open(t, o)
	get(t, s, imap)
	if got := <-connects; got != "entra.test:443" {
		t.Errorf("the proxy was asked for %q", got)
	}
	s.Close()
}

func TestProxy_ThatCannotBeReadIsNotPassedBy(t *testing.T) {
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "http://user:hunter2%zx@127.0.0.1:3128")
			s, err := oauth.New(newEntra(t).options())
			if err == nil {
				s.Close()
				t.Fatal("taken, so Entra ID is asked past the proxy")
			}
			contains(t, err.Error(), variable+" names no proxy", "exchange-online")
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the variable is quoted: %v", err)
			}
			machine, err := oauth.New(oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity})
			if err != nil {
				t.Fatalf("the machine's own identity needs no proxy: %v", err)
			}
			machine.Close()
		})
	}
}

// tunnel is a proxy's CONNECT whose far end is the stand-in.
func tunnel(t *testing.T, e *entra, w http.ResponseWriter, r *http.Request, connects chan<- string) {
	connects <- r.Host
	far, err := e.dial(r.Context(), "", "")
	if err != nil {
		t.Error(err)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
}

func TestIdentity_EndpointThatIsNone(t *testing.T) {
	t.Setenv("IDENTITY_ENDPOINT", "://canary")
	t.Setenv("IDENTITY_HEADER", "h")
	s := open(t, oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity})
	contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "no request could be made")
}
