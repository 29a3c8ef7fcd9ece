package sandbox_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

func TestEntraFaults(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	for _, c := range []struct {
		name   string
		faults sandbox.EntraFaults
		status int
		code   int
		header string
		value  string
	}{
		{"healthy", sandbox.EntraFaults{}, 200, 0, "Content-Type", "application/json; charset=utf-8"},
		{"500", sandbox.EntraFaults{Status: 500}, 500, 0, "Content-Type", "text/html"},
		{"503", sandbox.EntraFaults{Status: 503, RetryAfter: 7 * time.Second}, 503, 0, "Retry-After", "7"},
		{"throttled", sandbox.EntraFaults{Throttled: true, RetryAfter: time.Minute}, 429, 90055, "Retry-After", "60"},
		{"throttled without a time", sandbox.EntraFaults{Throttled: true}, 429, 90055, "Retry-After", ""},
		{"garbage", sandbox.EntraFaults{Garbage: true}, 200, 0, "Content-Type", "text/html"},
		{"redirect", sandbox.EntraFaults{Redirect: "https://elsewhere.example/"}, 307, 0, "Location", "https://elsewhere.example/"},
		{"any number", sandbox.EntraFaults{Refusal: 50131}, 400, 50131, "", ""},
		{"transient", sandbox.EntraFaults{Refusal: 90033}, 503, 90033, "", ""},
		{"secret expired", sandbox.EntraFaults{SecretExpired: true}, 401, 7000222, "", ""},
		{"slow", sandbox.EntraFaults{Slow: 20 * time.Millisecond}, 200, 0, "", ""},
		{"healthy again", sandbox.EntraFaults{}, 200, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			setEntraFaults(t, e, c.faults)
			began := time.Now()
			a := ask(t, e, bySecret())
			if a.status != c.status || a.code() != c.code || a.header.Get(c.header) != c.value {
				t.Errorf("got %d %v %s", a.status, a.header, a.text)
			}
			if time.Since(began) < c.faults.Slow {
				t.Error("it was not slow")
			}
			if c.faults.Garbage && a.json != nil {
				t.Errorf("got %s, which is JSON", a.text)
			}
		})
	}
}

func TestEntraFaults_Tokens(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	setEntraFaults(t, e, sandbox.EntraFaults{WrongAudience: true})
	if claims := claimsOf(t, e, ask(t, e, bySecret()).string("access_token")); claims["aud"] != "https://graph.microsoft.com" ||
		claims["roles"] != nil {
		t.Errorf("got %v", claims)
	}
	setEntraFaults(t, e, sandbox.EntraFaults{TokenLife: 90 * time.Second})
	a := ask(t, e, bySecret())
	left := time.Until(time.Unix(int64(claimsOf(t, e, a.string("access_token"))["exp"].(float64)), 0))
	if a.json["expires_in"] != 90.0 || left > 90*time.Second || left < 60*time.Second {
		t.Errorf("got %s, %v left", a.text, left)
	}
	for _, length := range []int{100, 4097, 6000, 16 << 10, 1 << 20} {
		setEntraFaults(t, e, sandbox.EntraFaults{TokenLength: length})
		token := ask(t, e, bySecret()).string("access_token")
		want := max(min(length, 48<<10), 900)
		if len(token) < want || length > 900 && len(token) > want+64 {
			t.Errorf("asked for %d characters, got %d", length, len(token))
		}
		claimsOf(t, e, token)
	}
	setEntraFaults(t, e, sandbox.EntraFaults{Opaque: true})
	if token := ask(t, e, bySecret()).string("access_token"); strings.Contains(token, ".") || len(token) < 1000 {
		t.Errorf("got %q", token)
	}
}

func TestEntraFaults_LoopDetection(t *testing.T) {
	now := newClock()
	e := newEntra(t, sandbox.EntraOptions{Now: now.Now})
	setEntraFaults(t, e, sandbox.EntraFaults{LoopDetection: 2})
	other := byPassword("anna@contoso.example", "right")
	for i, want := range []int{0, 0, 50196, 50196} {
		if a := ask(t, e, bySecret()); a.code() != want {
			t.Errorf("%d: got %s", i, a.text)
		}
	}
	if a := ask(t, e, other); a.status != 200 {
		t.Errorf("another request: got %s", a.text)
	}
	now.turn(time.Minute)
	if a := ask(t, e, bySecret()); a.status != 200 {
		t.Errorf("a minute later: got %s", a.text)
	}
}

func TestEntraFaults_DownAndUpAgain(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	where, metadata := e.URL(), e.MetadataURL()
	setEntraFaults(t, e, sandbox.EntraFaults{Down: true})
	setEntraFaults(t, e, sandbox.EntraFaults{Down: true})
	for _, address := range []string{where, metadata} {
		if _, err := net.Dial("tcp", address[strings.LastIndex(address, "/")+1:]); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want a refused connection", err)
		}
	}
	setEntraFaults(t, e, sandbox.EntraFaults{})
	if a := ask(t, e, bySecret()); a.status != 200 || e.URL() != where || e.MetadataURL() != metadata {
		t.Errorf("got %s at %s", a.text, e.URL())
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := e.SetFaults(sandbox.EntraFaults{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

func TestEntraFaults_Hangs(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	for name, faults := range map[string]sandbox.EntraFaults{"hangs": {Hangs: true}, "slow": {Slow: time.Hour}} {
		setEntraFaults(t, e, faults)
		ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL()+"/"+tenantID+"/oauth2/v2.0/token",
			strings.NewReader(bySecret().Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if response, err := web(e).Do(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, %v", name, response, err)
		}
		cancel()
	}
	if err := e.Log().WaitCount(testContext(t), sandbox.ClientCredentials, 2); err != nil {
		t.Error(err)
	}
	// One that hangs while the stand-in goes down is cut.
	setEntraFaults(t, e, sandbox.EntraFaults{Hangs: true})
	cut := make(chan error, 1)
	go func() {
		_, err := web(e).Get(e.URL() + "/" + tenantID + "/v2.0/.well-known/openid-configuration")
		cut <- err
	}()
	if err := e.Log().WaitCount(testContext(t), sandbox.Discovery, 1); err != nil {
		t.Fatal(err)
	}
	setEntraFaults(t, e, sandbox.EntraFaults{Down: true})
	if err := <-cut; err == nil {
		t.Error("a request was answered by one that is down")
	}
}

func TestEntraFaults_SwitchedWhileInUse(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	client := web(e)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				response, err := client.PostForm(e.URL()+"/"+tenantID+"/oauth2/v2.0/token", bySecret())
				if err == nil { // it may be down right now
					response.Body.Close()
				}
			}
		})
	}
	for _, f := range []sandbox.EntraFaults{{Down: true}, {Throttled: true}, {Garbage: true}, {TokenLength: 6000}, {Down: true}, {}} {
		setEntraFaults(t, e, f)
		if err := e.SetApplication(tenantID, contoso().Applications[0]); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if a := ask(t, e, bySecret()); a.status != 200 {
		t.Errorf("got %s", a.text)
	}
}

func TestEntra_FormTooLarge(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	f := bySecret()
	f.Set("padding", strings.Repeat("x", 300<<10))
	if a := ask(t, e, f); a.status != 400 {
		t.Errorf("got %d", a.status)
	}
}
