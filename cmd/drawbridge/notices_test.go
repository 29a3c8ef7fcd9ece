package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/notices"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// hook is a webhook's receiver on loopback.
type hook struct {
	*httptest.Server
	mu       sync.Mutex
	messages []notices.Message
	down     bool
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP implements http.Handler.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m notices.Message
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down || json.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.messages = append(h.messages, m)
}

// told are the events and devices of all notices that came, in order of their names.
func (h *hook) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, m := range h.messages {
		for _, n := range m.Notices {
			all = append(all, strings.Join([]string{n.Event, n.Device, n.Upstream}, " "))
		}
	}
	slices.Sort(all)
	return all
}

// TestNotices_OfDevicesThatComeAndFail, from the device's login to the webhook, across a restart of the bridge.
func TestNotices_OfDevicesThatComeAndFail(t *testing.T) {
	h := newHook(t)
	w := newWorld(t)
	mail := w.listen(sandbox.ListenOptions{Protocol: sandbox.IMAP})
	w.mailbox(sandbox.Account{Address: "scanner@contoso.example", Password: "geheimnis"})
	cfg := w.configure(bridgeConfig, fmt.Sprintf("upstreams:\n%snotices: {webhooks: [{url: %q}]}\n",
		w.upstream("online", mail.Address(), mail.Address()), h.URL))
	cfg.Notices.Every = 0 // nobody waits here for 15 minutes
	look := func() {
		must(t, w.bridge.ledger.CatchUp(t.Context()))
		w.bridge.notices.Look(t.Context())
		w.bridge.notices.Send(t.Context())
	}
	w.start(cfg)
	scanner := oldDevice(sandbox.IMAP, "scanner@contoso.example", "geheimnis")
	if result, _ := w.visit(t, scanner); result.Err != nil {
		t.Fatal(result.Err)
	}
	look()
	const device = "127.0.0.1/scanner@contoso.example online"
	if got := h.told(); !slices.Equal(got, []string{"device_new " + device}) {
		t.Fatalf("after the first login the webhook was told %q", got)
	}
	_ = mail.Close()
	_, s := w.visit(t, refusedAs(scanner, unavailable[sandbox.IMAP]))
	look()
	if got := h.told(); !slices.Equal(got, []string{"device_failing " + device, "device_new " + device}) {
		t.Fatalf("after the failure the webhook was told %q", got)
	}
	w.end()
	w.start(cfg)
	w.visit(t, refusedAs(scanner, unavailable[sandbox.IMAP]))
	look()
	if got := h.told(); len(got) != 2 {
		t.Fatalf("after a restart the webhook was told %q", got)
	}
	if got := h.messages[1].Notices[0]; got.Reason != s.Reason || strings.Contains(fmt.Sprint(got), "geheimnis") {
		t.Errorf("the notice is %+v, want the reason %q", got, s.Reason)
	}
}

// TestNotices_AnUpstreamThatIsDown is told, and /readyz says so without its name.
func TestNotices_AnUpstreamThatIsDown(t *testing.T) {
	w := newWorld(t)
	w.start(w.configure(bridgeConfig, ""))
	const warning = "all logins to upstream 1 of the configuration failed for 5 minutes"
	fails := func(at time.Time) {
		w.bridge.watch.Ended(&inventory.Session{Time: at, Outcome: inventory.OutcomeUpstreamFailed, Reason: "it does not answer",
			Login: inventory.Login{Upstream: "exchange-online"}})
	}
	fails(time.Now().Add(-6 * time.Minute))
	if got := strings.Join(w.bridge.warnings(), "; "); strings.Contains(got, warning) {
		t.Errorf("after one failure: %s", got)
	}
	fails(time.Now())
	if got := strings.Join(w.bridge.warnings(), "; "); !strings.Contains(got, warning) || strings.Contains(got, "exchange-online") {
		t.Errorf("after 6 minutes of failures: %q", got)
	}
	if down := w.bridge.noticeSources().Down(time.Now()); len(down) != 1 || down[0].Upstream != "exchange-online" {
		t.Errorf("down: %+v", down)
	}
}

// TestNoticesTest_TellsOfEachChannel what became of it.
func TestNoticesTest_TellsOfEachChannel(t *testing.T) {
	up, down := newHook(t), newHook(t)
	down.down = true
	file := filepath.Join(t.TempDir(), "drawbridge.yaml")
	write := func(webhooks string) {
		must(t, os.WriteFile(file, []byte("name: bridge-1\nnotices: {webhooks: ["+webhooks+"]}\n"), 0o600))
	}
	command := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, told strings.Builder
		if got := run(t.Context(), append([]string{"notices", "test", "--config", file}, args...), &out, &told); got != want {
			t.Errorf("exit %d, want %d: %s%s", got, want, &out, &told)
		}
		return out.String(), told.String()
	}
	write(fmt.Sprintf("{url: %q}", up.URL+"/geheimnis"))
	if out, _ := command(0); out != "webhooks[0] "+strings.TrimPrefix(up.URL, "http://")+": taken\n" {
		t.Errorf("printed %q", out)
	}
	if len(up.messages) != 1 || !up.messages[0].Test || up.messages[0].Bridge != "bridge-1" {
		t.Errorf("the receiver has %+v", up.messages)
	}
	write(fmt.Sprintf("{url: %q}, {url: %q}", up.URL, down.URL+"/geheimnis"))
	out, told := command(1)
	if !strings.Contains(out, ": not taken: the answer was 503 Service Unavailable: wait, or ask whoever runs it") ||
		!strings.Contains(told, "1 channel of 2 did not take the test") || strings.Contains(out+told, "geheimnis") {
		t.Errorf("printed %q and %q", out, told)
	}
	out, _ = command(1, "--json")
	var got tested
	must(t, json.Unmarshal([]byte(out), &got))
	if len(got.Channels) != 2 || !got.Channels[0].Taken || got.Channels[1].Problem == "" || got.Channels[1].Mend == "" {
		t.Errorf("printed %s", out)
	}
	write("")
	if out, told := command(1, "--json"); out != "{\"channels\":[]}\n" || !strings.Contains(told, "notices: {email: {server: ") {
		t.Errorf("without a channel: %q and %q", out, told)
	}
}
