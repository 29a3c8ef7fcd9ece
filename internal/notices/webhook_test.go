package notices_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/notices"
	"drawbridge/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hook is a receiver of webhooks, over TLS.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	answer  func(http.ResponseWriter, *http.Request) // nil: 202
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewTLSServer(h)
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP implements http.Handler.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.bodies, h.headers = append(h.bodies, string(body)), append(h.headers, r.Header)
	answer := h.answer
	h.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// ca is the certificate of a server of the tests, as its own root.
func ca(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// at is a configuration with the hook.
func (h *hook) at(format string, key string) config.Notices {
	return config.Notices{QuietAfter: 14 * 24 * time.Hour, Ahead: 7 * 24 * time.Hour, Every: 15 * time.Minute,
		Webhooks: []config.NoticeWebhook{{URL: secret.New(h.URL + "/services/T00000000/B0123456789?sig=geheimnis"), Format: format,
			Secret: secret.New(key), CAPEM: ca(h.Server)}}}
}

func none(string) (string, bool) { return "", false }

func channels(t *testing.T, cfg config.Notices) []notices.Channel {
	t.Helper()
	all, err := notices.Channels(cfg, none)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// example is a message with notices of several kinds.
func example() *notices.Message {
	m := &notices.Message{ID: "A1", Bridge: "bridge-1", Time: noon, LeftOut: map[string]int{config.NoticeDeviceQuiet: 12}}
	m.Notices = []notices.Notice{
		{ID: "device_new 10.0.0.1/a", Event: config.NoticeDeviceNew, Time: noon, Device: "10.0.0.1/a", Readiness: "legacy", At: noon,
			Text: "10.0.0.1/a logged in for the first time on 2026-11-24 12:00 UTC, readiness legacy"},
		{ID: "device_failing 10.0.0.2/*<!here>&", Event: config.NoticeDeviceFailing, Time: noon, Device: "10.0.0.2/*<!here>&", Owner: "Radiology",
			Text:   `10.0.0.2/*<!here>& (Radiology) does not get through any more: said "[x](https://a.example)"`,
			Reason: `said "[x](https://a.example)"`},
		{ID: "device_new 10.0.0.3/b", Event: config.NoticeDeviceNew, Time: noon, Device: "10.0.0.3/b",
			Text: "10.0.0.3/b logged in for the first time"},
	}
	return m
}

func TestWebhook_FormsAndSignature(t *testing.T) {
	for _, format := range []string{config.WebhookJSON, config.WebhookTeams, config.WebhookSlack} {
		t.Run(format, func(t *testing.T) {
			h := newHook(t)
			c := channels(t, h.at(format, "a key"))[0]
			if err := c.Send(t.Context(), example()); err != nil {
				t.Fatal(err)
			}
			golden(t, format+".json", h.bodies[0])
			mac := hmac.New(sha256.New, []byte("a key"))
			mac.Write([]byte(h.bodies[0]))
			if got, want := h.headers[0].Get(notices.SignatureHeader), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
				t.Errorf("signature %q, want %q", got, want)
			}
			if got := h.headers[0].Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

func TestWebhook_WithoutASecretNothingIsSigned(t *testing.T) {
	h := newHook(t)
	if err := channels(t, h.at(config.WebhookJSON, ""))[0].Send(t.Context(), example()); err != nil {
		t.Fatal(err)
	}
	if _, signed := h.headers[0][notices.SignatureHeader]; signed {
		t.Error("a signature by no key")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("%s:\ngot  %s\nwant %s", file, got, want)
	}
}

// fault sends a message that is not taken, and returns why, once it is certain that nothing secret is in it.
func fault(t *testing.T, c notices.Channel) *notices.Fault {
	t.Helper()
	err := c.Send(t.Context(), example())
	f, is := err.(*notices.Fault)
	if !is {
		t.Fatalf("Send = %v, want a *Fault", err)
	}
	for _, hidden := range []string{"T00000000", "B0123456789", "geheimnis", "a key"} {
		if strings.Contains(f.Error()+c.Name, hidden) {
			t.Errorf("%s: it says %s", c.Name, f)
		}
	}
	if f.Problem == "" || f.Mend == "" || strings.Contains(f.Problem, "Post ") {
		t.Errorf("it says not all: %+v", f)
	}
	return f
}

func TestWebhook_AnswersThatAreNone(t *testing.T) {
	h := newHook(t)
	c := channels(t, h.at(config.WebhookSlack, "a key"))[0]
	elsewhere := newHook(t)
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		says   string
		unsure bool
		after  time.Duration
	}{
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
			"a redirect is not followed", false, 0},
		{"gone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no_service", http.StatusNotFound) },
			"(no_service): see whether the webhook still exists", false, 0},
		{"busy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			http.Error(w, "", http.StatusTooManyRequests)
		}, "429 Too Many Requests: wait", false, 90 * time.Second},
		{"down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502 Bad Gateway", false, 0},
		{"of another kind", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "invalid_payload\x1b", http.StatusBadRequest)
		}, `invalid_payload\u001b`, false, 0},
		{"that repeats the address", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, r.URL.String()+" a key", http.StatusForbidden)
		}, "403 Forbidden", false, 0},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "which it may have taken", true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.mu.Lock()
			h.answer = test.answer
			h.mu.Unlock()
			f := fault(t, c)
			if !strings.Contains(f.Error(), test.says) || f.Uncertain != test.unsure || f.After != test.after {
				t.Errorf("got %+v, want %q, uncertain: %t, after %s", f, test.says, test.unsure, test.after)
			}
		})
	}
	if len(elsewhere.bodies) > 0 {
		t.Error("a redirect was followed")
	}
}

// TestWebhook_AnswersAreReadToABound: one that does not end holds nobody up, and takes no memory.
func TestWebhook_AnswersAreReadToABound(t *testing.T) {
	h := newHook(t)
	wrote := make(chan int, 1)
	h.answer = func(w http.ResponseWriter, r *http.Request) {
		n := 0
		for r.Context().Err() == nil && n < 1<<30 {
			m, err := w.Write(make([]byte, 32<<10))
			if n += m; err != nil {
				break
			}
		}
		wrote <- n
	}
	if err := channels(t, h.at(config.WebhookJSON, ""))[0].Send(t.Context(), example()); err != nil {
		t.Error(err)
	}
	if n := <-wrote; n > 64<<20 {
		t.Errorf("the answer went on for %d bytes", n)
	}
}

func TestWebhook_ACertificateThatDoesNotVerify(t *testing.T) {
	h := newHook(t)
	cfg := h.at(config.WebhookJSON, "")
	cfg.Webhooks[0].CAPEM = nil
	h.Config.ErrorLog = nil
	if f := fault(t, channels(t, cfg)[0]); f.Uncertain || !strings.Contains(f.Mend, "path of its root into ca") || len(h.bodies) > 0 {
		t.Errorf("got %+v", f)
	}
	cfg.Webhooks[0].URL, cfg.Webhooks[0].CAPEM = secret.New(strings.Replace(h.URL, "127.0.0.1", "localhost", 1)+"/x"), ca(h.Server)
	if f := fault(t, channels(t, cfg)[0]); !strings.Contains(f.Mend, "the name") || len(h.bodies) > 0 {
		t.Errorf("got %+v", f)
	}
}

func TestChannels_Faults(t *testing.T) {
	h := newHook(t)
	proxyless := func(name string) (string, bool) {
		if name == "HTTPS_PROXY" {
			return "${PROXY}", true
		}
		return "", false
	}
	if _, err := notices.Channels(h.at(config.WebhookJSON, ""), proxyless); err == nil ||
		!strings.Contains(err.Error(), "notices.webhooks[0]: environment variable HTTPS_PROXY names no proxy") {
		t.Errorf("an unreadable proxy: %v", err)
	}
	if all := channels(t, config.Notices{}); len(all) != 0 {
		t.Errorf("channels without any: %v", all)
	}
}

// unavailable answers as what stands before a service that is down.
func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
}
