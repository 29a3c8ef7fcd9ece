package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/internal/watch"
	"drawbridge/internal/web"
)

var (
	pagePaths    = []string{"/", "/devices", "/devices/10.20.0.1/scanner0", "/sessions", "/certificates", "/api", "/elsewhere"}
	programPaths = []string{"/api/totals", "/api/devices", "/api/devices/10.20.0.1/scanner0", "/api/sessions", "/api/live", "/api/days",
		"/api/upstreams",
		"/api/certificates", "/api/elsewhere", "/inventory.csv", "/inventory.json", "/inventory.html", "/ca.pem", "/ca.der", "/ca.p7b",
		"/metrics"}
	openPaths = []string{"/healthz", "/readyz", "/login", "/assets/style.css", "/assets/ticks.js", "/assets/icon.svg"}
)

func withMetrics(o web.Options) web.Options {
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("drawbridge_sessions 1\n")) })
	return o
}

func TestAuth_NothingIsShownWithoutALogin(t *testing.T) {
	b := browse(t, withMetrics(options(newMemory(20))))
	for _, path := range pagePaths {
		a := b.get(path)
		b.want(a, http.StatusSeeOther)
		if got := a.header.Get("Location"); got != "/login?next="+url.QueryEscape(path) {
			t.Errorf("%s leads to %q", path, got)
		}
	}
	for _, path := range programPaths {
		a := b.get(path)
		b.want(a, http.StatusUnauthorized)
		if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
			t.Errorf("%s asks for %q", path, got)
		}
		if strings.Contains(a.body, "scanner") {
			t.Errorf("%s tells a device without a login: %s", path, a.body)
		}
	}
	for _, path := range openPaths {
		b.want(b.get(path), http.StatusOK)
	}
	if a := b.get("/login"); strings.Contains(a.body, "bridge-1") || strings.Contains(a.body, "accounts") {
		t.Error("the login page tells names or warnings")
	}
}

func TestAuth_ByCookieAndByBasic(t *testing.T) {
	b := browse(t, withMetrics(options(newMemory(20)))).logIn()
	for _, path := range append(append([]string{}, pagePaths...), programPaths...) {
		want := http.StatusOK
		if strings.HasSuffix(path, "/elsewhere") {
			want = http.StatusNotFound
		}
		b.want(b.get(path), want)
	}
	stranger := another(t, b.url)
	for _, path := range programPaths {
		want := http.StatusOK
		if strings.HasSuffix(path, "/elsewhere") {
			want = http.StatusNotFound
		}
		stranger.want(stranger.get(path, "Authorization", basic("admin", testPassword)), want)
		stranger.want(stranger.get(path, "Authorization", basic("root", testPassword)), http.StatusUnauthorized)
	}
	stranger.want(stranger.get("/", "Authorization", basic("admin", testPassword)), http.StatusSeeOther)
	stranger.want(stranger.get("/api/totals", "Authorization", basic("admin", "wrong")), http.StatusUnauthorized)
	stranger.want(stranger.get("/api/totals", "Authorization", "Bearer x"), http.StatusUnauthorized)
}

func basic(user, password string) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

func TestLogin_CookieIsBoundAndEndsAtLogout(t *testing.T) {
	o := options(newMemory(20))
	o.Secure = true
	h := web.New(o)
	r := httptest.NewRequest(http.MethodPost, "https://bridge.contoso.com/login", strings.NewReader("password=correct+horse&next=/devices"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://bridge.contoso.com")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/devices" {
		t.Fatalf("login: got %d to %q", w.Code, w.Header().Get("Location"))
	}
	c := w.Result().Cookies()[1]
	if c.Name != "__Host-drawbridge" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is not bound: %v", c)
	}
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to stay with TLS")
	}
	as := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://bridge.contoso.com"+path, nil)
		r.AddCookie(c)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if got := as(http.MethodGet, "/devices").Code; got != http.StatusOK {
		t.Errorf("logged in: got %d", got)
	}
	as(http.MethodPost, "/logout")
	if got := as(http.MethodGet, "/devices").Code; got != http.StatusSeeOther {
		t.Errorf("the cookie of a login that ended: got %d, want 303", got)
	}
}

func TestLogin_TakesANewToken(t *testing.T) {
	b := browse(t, options(newMemory(3)))
	a := b.post("/login", url.Values{"password": {testPassword}}, "Cookie", "drawbridge=chosen-by-somebody-else")
	b.want(a, http.StatusSeeOther)
	if c := a.header.Get("Set-Cookie"); c == "" || strings.Contains(c, "chosen") {
		t.Errorf("the login goes by the token %q", c)
	}
}

func TestLogin_LeadsNowhereElse(t *testing.T) {
	b := browse(t, options(newMemory(3)))
	for next, want := range map[string]string{
		"/devices?q=a": "/devices?q=a", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "/\tx": "/",
		"javascript:alert(1)": "/", "/login?next=/login": "/",
	} {
		a := b.post("/login", url.Values{"password": {testPassword}, "next": {next}})
		b.want(a, http.StatusSeeOther)
		if got := a.header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q, want %q", next, got, want)
		}
	}
}

func TestLogin_EndsWhenIdleAndAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(newMemory(3))
		o.Now = time.Now
		h := web.New(o)
		c := cookieOf(t, h)
		status := func() int { return request(h, http.MethodGet, "/devices", "", "Cookie", c).Code }
		time.Sleep(29 * time.Minute)
		if got := status(); got != http.StatusOK {
			t.Errorf("after 29 minutes: got %d", got)
		}
		for range 24 * 12 { // in use for longer than 12 hours
			time.Sleep(5 * time.Minute)
			status()
		}
		if got := status(); got != http.StatusSeeOther {
			t.Errorf("after a day of use: got %d, want 303", got)
		}
		c = cookieOf(t, h)
		time.Sleep(31 * time.Minute)
		if got := status(); got != http.StatusSeeOther {
			t.Errorf("after 31 idle minutes: got %d, want 303", got)
		}
	})
}

// request asks the handler itself, as one of its own pages.
func request(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func cookieOf(t *testing.T, h http.Handler) string {
	t.Helper()
	w := request(h, http.MethodPost, "/login", "password=correct+horse")
	if w.Code != http.StatusSeeOther {
		t.Fatalf("login: got %d", w.Code)
	}
	c := w.Result().Cookies()[1] // the first one is the browser's, not the login's
	return c.Name + "=" + c.Value
}

// TestLogin_SlowsWhoeverGuessesAndRefusesNobody guesses from one address, from which people and programs log in meanwhile.
func TestLogin_SlowsWhoeverGuessesAndRefusesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int64
		o := options(newMemory(3))
		o.Now = time.Now
		o.VerifyPassword = func(ctx context.Context, password string) bool { checks.Add(1); return verify(ctx, password) }
		h := web.New(o)
		known := cookies(request(h, http.MethodPost, "/login", "password=correct+horse"))
		if !strings.Contains(known, "drawbridge_browser=") {
			t.Fatalf("a login gives the cookies %q", known)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got := request(h, http.MethodPost, "/login", "password=guess").Code; got != http.StatusUnauthorized {
					t.Errorf("a guess: got %d, want 401", got)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		browser, _, _ := strings.Cut(known, "; ") // its login has ended
		if got := request(h, http.MethodPost, "/login", "password=correct+horse", "Cookie", browser).Code; got != 303 ||
			time.Since(began) > 0 {
			t.Errorf("a browser that was logged in before: got %d after %v, want 303 at once", got, time.Since(began))
		}
		all.Go(func() {
			if got := request(h, http.MethodPost, "/login", "password=correct+horse").Code; got != 303 || time.Since(began) > 11*time.Second {
				t.Errorf("the right password from there: got %d after %v, want 303 within 10 s", got, time.Since(began))
			}
		})
		all.Go(func() {
			got := request(h, http.MethodGet, "/api/totals", "", "Authorization", basic("admin", testPassword)).Code
			if got != 200 || time.Since(began) > 11*time.Second {
				t.Errorf("HTTP Basic from there: got %d after %v, want 200 within 10 s", got, time.Since(began))
			}
		})
		all.Wait()
		if n := checks.Load(); n != 21 { // the first login, and the guesses: the right password is known
			t.Errorf("%d passwords were checked, want 21", n)
		}
	})
}

// cookies are what an answer sets, as a browser sends them back.
func cookies(w *httptest.ResponseRecorder) string {
	var all []string
	for _, c := range w.Result().Cookies() {
		all = append(all, c.Name+"="+c.Value)
	}
	slices.Sort(all)
	slices.Reverse(all)
	return strings.Join(all, "; ")
}

func TestLogin_OneCheckAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, checked atomic.Int64
		o := options(newMemory(3))
		o.Now = time.Now
		o.VerifyPassword = func(context.Context, string) bool {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(25 * time.Millisecond)
			running.Add(-1)
			checked.Add(1)
			return false
		}
		h := web.New(o)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				r := httptest.NewRequest(http.MethodPost, "http://localhost/login", strings.NewReader("password=x"))
				r.RemoteAddr = fmt.Sprintf("[2001:db8:0:%d::1]:99", i)
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				h.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		all.Wait()
		if most.Load() != 1 || checked.Load() != 40 {
			t.Errorf("%d checks ran at once, %d in all, want 1 and 40", most.Load(), checked.Load())
		}
	})
}

func TestReadOnly_WithoutAPassword(t *testing.T) {
	m := newMemory(5)
	o := options(m)
	o.VerifyPassword = nil
	b := browse(t, o)
	b.want(b.get("/devices"), 200, "Read only.", "set admin.password")
	a := b.get("/devices/10.20.0.1/scanner0")
	b.want(a, 200, "Facilities", "overdue")
	if strings.Contains(a.body, "<form method=\"post\"") {
		t.Error("a page that is read only has a form that writes")
	}
	b.want(b.post("/devices/10.20.0.1/scanner0", url.Values{"action": {"set"}, "owner": {"x"}}), 403, "set admin.password")
	b.want(b.post("/devices", url.Values{"id": {"10.20.0.1/scanner0"}, "owner": {"x"}}), 403, "set admin.password")
	b.want(b.post("/api/devices/10.20.0.1/scanner0", url.Values{"owner": {"x"}}), 403, "set admin.password")
	b.want(b.get("/login"), http.StatusSeeOther)
	b.want(b.get("/inventory.csv"), 200)
	if m.devices[0].Owner != "Facilities" || len(m.history) != 0 {
		t.Error("something was changed")
	}
	o = options(m)
	o.Editor = nil
	b = browse(t, o).logIn()
	b.want(b.post("/devices/10.20.0.1/scanner0", url.Values{"action": {"set"}, "owner": {"x"}}), 403, "read only")
}

func TestWrites_ComeFromOurOwnPages(t *testing.T) {
	m := newMemory(5)
	b := browse(t, options(m)).logIn()
	for _, c := range []struct {
		name   string
		header []string
		ok     bool
	}{
		{"no header at all", nil, false},
		{"same origin", []string{"Origin", b.url}, true},
		{"fetch metadata", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"both", []string{"Sec-Fetch-Site", "same-origin", "Origin", b.url}, true},
		{"null origin of a browser without referrers", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, true},
		{"cross site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, false},
		{"same site", []string{"Sec-Fetch-Site", "same-site", "Origin", b.url}, false},
		{"typed by hand", []string{"Sec-Fetch-Site", "none"}, false},
		{"another origin", []string{"Origin", "https://evil.example"}, false},
		{"null", []string{"Origin", "null"}, false},
		{"another scheme", []string{"Origin", strings.Replace(b.url, "http:", "https:", 1)}, false},
		{"another port", []string{"Origin", b.url + "1"}, false},
		{"a referrer only", []string{"Referer", b.url + "/devices"}, false},
	} {
		for _, target := range []struct{ path, body string }{
			{"/devices/10.20.0.1/scanner0", "action=set&owner="}, {"/devices", "id=10.20.0.1/scanner0&owner="},
			{"/api/devices/10.20.0.1/scanner0", "owner="},
			{"/login", "password=wrong&x="},
		} {
			h := append([]string{"Content-Type", "application/x-www-form-urlencoded"}, c.header...)
			a := b.do(http.MethodPost, target.path, target.body+url.QueryEscape(c.name), h...)
			if refused := a.status == http.StatusForbidden; refused == c.ok {
				t.Errorf("%s to %s: got %d", c.name, target.path, a.status)
			}
		}
		if wrote := m.devices[0].Owner == c.name; wrote != c.ok {
			t.Errorf("%s: the owner is now %q", c.name, m.devices[0].Owner)
		}
	}
	a := b.do(http.MethodPost, "/logout", "")
	b.want(a, http.StatusForbidden)
	b.want(b.get("/devices"), http.StatusOK)
}

func TestWrites_NeedALogin(t *testing.T) {
	m := newMemory(5)
	b := browse(t, options(m))
	b.want(b.post("/devices/10.20.0.1/scanner0", url.Values{"action": {"set"}, "owner": {"x"}}), 401, "log in again")
	b.want(b.post("/devices", url.Values{"id": {"10.20.0.1/scanner0"}, "owner": {"x"}}), 401)
	b.want(b.post("/api/devices/10.20.0.1/scanner0", url.Values{"owner": {"x"}}), 401)
	b.want(b.post("/api/devices/10.20.0.1/scanner0", url.Values{"owner": {"by program"}}, "Authorization", basic("admin", testPassword)), 200)
	if m.devices[0].Owner != "by program" {
		t.Errorf("the owner is %q", m.devices[0].Owner)
	}
}

func TestHeaders_OfEveryAnswer(t *testing.T) {
	b := browse(t, options(newMemory(5))).logIn()
	for _, path := range append(append([]string{}, pagePaths...), "/api/totals", "/inventory.csv", "/ca.der", "/login") {
		h := b.get(path).header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	if csp := b.get("/inventory.html").header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") ||
		strings.Contains(csp, "script") {
		t.Errorf("the report is served under %q", csp)
	}
	b.want(b.get("/devices", "X-Forwarded-Host", "evil.example"), 200)
	r, _ := http.NewRequest(http.MethodGet, b.url+"/devices", nil)
	r.Host = "evil.example"
	res, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host name: got %d, want 421", res.StatusCode)
	}
}

func TestPanic_IsLoggedOnceAndNamesNoDevice(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	o := options(newMemory(3))
	o.Log = zap.New(core)
	o.Live = func() []watch.Session { panic("a fault of ours") }
	s := httptest.NewServer(web.New(o))
	defer s.Close()
	b := another(t, s.URL).logIn()
	if res, err := b.client.Get(b.url + "/sessions"); err == nil {
		res.Body.Close()
		t.Errorf("got %d, want a broken connection", res.StatusCode)
	}
	if n := logs.FilterMessageSnippet("failed at a request").Len(); n != 1 {
		t.Errorf("the panic was logged %d times", n)
	}
	b.want(b.get("/certificates"), 200)
}
