package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"drawbridge/internal/web"
)

// browser is somebody at a real server, with cookies, who follows no redirects.
type browser struct {
	t      *testing.T
	url    string
	client *http.Client
}

func browse(t *testing.T, o web.Options) *browser {
	t.Helper()
	s := httptest.NewServer(web.New(o))
	t.Cleanup(s.Close)
	return another(t, s.URL)
}

// another returns a browser without cookies at the same server.
func another(t *testing.T, url string) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{t, url, &http.Client{
		Jar: jar, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(method, path, body string, header ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(all)}
}

func (b *browser) get(path string, header ...string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, "", header...)
}

// post sends a form as our own pages do.
func (b *browser) post(path string, form url.Values, header ...string) answer {
	b.t.Helper()
	all := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Origin", b.url}, header...)
	return b.do(http.MethodPost, path, form.Encode(), all...)
}

func (b *browser) logIn() *browser {
	b.t.Helper()
	if a := b.post("/login", url.Values{"password": {testPassword}}); a.status != http.StatusSeeOther {
		b.t.Fatalf("login: got %d %s", a.status, a.body)
	}
	return b
}

func (b *browser) want(a answer, status int, parts ...string) {
	b.t.Helper()
	if a.status != status {
		b.t.Errorf("got status %d, want %d: %.600s", a.status, status, a.body)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			b.t.Errorf("the answer lacks %q: %.3000s", part, a.body)
		}
	}
}
