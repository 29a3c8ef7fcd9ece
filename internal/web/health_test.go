package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drawbridge/internal/web"
)

func get(t *testing.T, h http.Handler, host, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHealth_TellsWhetherTheBridgeIsReady(t *testing.T) {
	state := web.Readiness{State: "starting"}
	h := web.Health(func() web.Readiness { return state })
	for _, c := range []struct {
		state web.Readiness
		path  string
		code  int
		body  string
	}{
		{web.Readiness{State: "starting"}, "/readyz", 503, `{"ready":false,"state":"starting","warnings":[]}`},
		{web.Readiness{Ready: true, State: "serving", Warnings: []string{"w"}}, "/readyz", 200,
			`{"ready":true,"state":"serving","warnings":["w"]}`},
		{web.Readiness{State: "draining"}, "/readyz", 503, `"draining"`},
		{web.Readiness{State: "draining"}, "/healthz", 200, "ok"},
		{web.Readiness{}, "/other", 404, ""},
	} {
		state = c.state
		w := get(t, h, "localhost", c.path)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s while %s: got %d %q, want %d %q", c.path, c.state.State, w.Code, w.Body.String(), c.code, c.body)
		}
	}
}

func TestOnlyHosts_RefusesForeignNames(t *testing.T) {
	h := web.OnlyHosts([]string{"bridge.contoso.com", "Fax.Contoso.com.", "2001:0DB8:0:0:0:0:0:5", "::ffff:10.20.0.5"}, answering{})
	for host, code := range map[string]int{
		"localhost": 200, "localhost:8025": 200, "LOCALHOST.": 200, "127.0.0.1:8025": 200, "[::1]:8025": 200, "127.9.9.9": 200,
		"bridge.contoso.com": 200, "Bridge.Contoso.com:8025": 200, "bridge.contoso.com.": 200, "fax.contoso.com": 200,
		"[2001:db8::5]:8025": 200, "[2001:DB8:0::5]": 200, "10.20.0.5:8025": 200, "[::ffff:10.20.0.5]": 200, "[2001:db8::6]": 421,
		"evil.example": 421, "10.0.0.1": 421, "localhost.evil.example": 421, "": 421,
	} {
		if got := get(t, h, host, "/devices").Code; got != code {
			t.Errorf("host %q: got %d, want %d", host, got, code)
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if got := get(t, h, host, path).Code; got != 200 {
				t.Errorf("%s of host %q: got %d, want 200", path, host, got)
			}
		}
	}
}

// answering answers 200 to everything.
type answering struct{}

func (answering) ServeHTTP(http.ResponseWriter, *http.Request) {}
