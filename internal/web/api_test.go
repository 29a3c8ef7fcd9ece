package web_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"drawbridge/inventory"
)

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %.300s", err, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("the answer is of type %q", got)
	}
	return v
}

func TestAPI_Reads(t *testing.T) {
	m := newMemory(30)
	b := browse(t, options(m)).logIn()
	list := decode[struct {
		Devices []inventory.Device
		Total   int
	}](t, b.get("/api/devices?limit=10&offset=25&sort=account"))
	if list.Total != 30 || len(list.Devices) != 5 {
		t.Errorf("got %d of %d devices", len(list.Devices), list.Total)
	}
	if totals := decode[inventory.Totals](t, b.get("/api/totals")); totals.Devices != 28 || totals.Strangers != 2 {
		t.Errorf("totals: %+v", totals)
	}
	days := decode[struct{ Days []inventory.Day }](t, b.get("/api/days?days=7"))
	if n := len(days.Days); n != 8 || days.Days[0].Date >= days.Days[n-1].Date {
		t.Errorf("%d days, want 8, the oldest first", n)
	}
	sessions := decode[struct{ Sessions []inventory.StoredSession }](t, b.get("/api/sessions?outcome=tls_failed&limit=3"))
	if len(sessions.Sessions) != 3 || sessions.Sessions[0].Outcome != inventory.OutcomeTLSFailed || len(sessions.Sessions[0].Record) == 0 {
		t.Errorf("sessions: %+v", sessions)
	}
	b.want(b.get("/api/live"), 200, `"phase":"relay"`)
	b.want(b.get("/api/upstreams"), 200, `"name":"on-prem"`)
	b.want(b.get("/api/certificates"), 200, `"kind":"acme"`)
	b.want(b.get("/api/devices/10.9.9.9/x"), 404, `{"error":"The inventory has no such device`)
	b.want(b.get("/api/devices/"), 404)
}

// TestAPI_BoundsLists asks for one row more than there may be.
func TestAPI_BoundsLists(t *testing.T) {
	b := browse(t, options(newMemory(1))).logIn()
	for _, path := range []string{"/api/devices?limit=1000", "/api/devices?offset=10000000", "/api/sessions?limit=1000", "/api/days?days=400"} {
		b.want(b.get(path), 200)
	}
	for _, path := range []string{"/api/devices?limit=1001", "/api/devices?offset=10000001", "/api/sessions?limit=1001", "/api/days?days=401"} {
		b.want(b.get(path), 400, "is a number from")
	}
}

func TestAPI_Sets(t *testing.T) {
	m := newMemory(5)
	b := browse(t, options(m))
	set := func(contentType, body string) answer {
		return b.do(http.MethodPost, "/api/devices/10.20.0.1/scanner0", body, "Authorization", basic("admin", testPassword), "Origin", b.url,
			"Content-Type", contentType)
	}
	a := set("application/json", `{"stage":"warn","cost":1200.50,"owner":""}`)
	b.want(a, 200)
	got := decode[struct {
		inventory.Device
		History []inventory.Change
	}](t, a)
	if got.Stage != "warn" || got.Cost != "1200.50" || got.Owner != "" || len(got.History) != 3 || got.History[0].By != "admin by the API" {
		t.Errorf("got %+v", got)
	}
	b.want(set("application/x-www-form-urlencoded", "owner=IT&priority=low"), 200, `"owner":"IT"`)
	n := len(m.history)
	for _, c := range []struct {
		contentType, body string
		status            int
		want              string
	}{
		{"application/json", `{"deadline":"soon"}`, 422, `"key":"deadline","problem":"write a date such as 2027-03-01"`},
		{"application/json", `{"colour":"red"}`, 400, `is no setting`},
		{"application/json", `{"owner":["a"]}`, 400, `is no text`},
		{"application/json", `{"owner":null}`, 400, `is no text`},
		{"application/json", `{`, 400, `no JSON object`},
		{"application/json", `{}`, 400, `names no setting`},
		{"application/json", `{"note":"` + strings.Repeat("x", 5000) + `"}`, 422, `too long`},
		{"application/json", `{"note":"` + strings.Repeat("x", 300<<10) + `"}`, 400, `no JSON object`},
		{"text/plain", `{"owner":"x"}`, 400, `application/json`},
		{"multipart/form-data; boundary=x", `--x--`, 400, `x-www-form-urlencoded`},
	} {
		b.want(set(c.contentType, c.body), c.status, c.want)
	}
	if len(m.history) != n {
		t.Errorf("refused bodies changed %v", m.history[n:])
	}
	b.want(b.do(http.MethodDelete, "/api/devices/10.20.0.1/scanner0", "", "Authorization", basic("admin", testPassword)), 404)
}

func TestAPI_IsDocumented(t *testing.T) {
	text, err := os.ReadFile("API.md")
	if err != nil {
		t.Fatal(err)
	}
	page := browse(t, options(newMemory(1))).logIn().get("/api").body
	rows := regexp.MustCompile(`<code>(GET|POST) (/api/[^<]*)</code>`).FindAllStringSubmatch(page, -1)
	if len(rows) != 9 {
		t.Errorf("the page has %d paths, want 9", len(rows))
	}
	for _, r := range rows {
		if !strings.Contains(string(text), "`"+r[1]+" "+r[2]+"`") {
			t.Errorf("API.md lacks %s %s", r[1], r[2])
		}
	}
}
