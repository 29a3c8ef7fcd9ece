package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/decider"
	"drawbridge/internal/migration"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

func TestMigration_RulesAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	percent, no := 20, false
	for want, m := range map[string]config.Match{
		"": {},
		"source 10.20.0.0/16; protocol pop3; account a, b, c, d and 2 more": {Source: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")},
			Protocol: []string{"pop3"}, Account: []string{"a", "b", "c", "d", "e", "f"}},
		"blockers none at all; 20 of a hundred devices; but not device 10.20.3.7/fax": {Blockers: &[]string{}, UpstreamPercent: &percent,
			Not: &config.Match{Device: []string{"10.20.3.7/fax"}}},
	} {
		if got := matchText(&m); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	gives := givesOf(&config.Rule{Stage: "warn", BlockFrom: config.BlockFrom{Deadline: true}, DryRun: &no}, time.UTC)
	var text []string
	for _, g := range gives {
		text = append(text, g.Setting+"="+g.Value)
	}
	if got := strings.Join(text, " "); got != "stage=warn block_from=the device's deadline dry_run=no" {
		t.Errorf("got %s", got)
	}
}

func TestMigration_PlansThatAreOnlyTriedComeBesideThoseThatHold(t *testing.T) {
	t.Parallel()
	held := map[string]inventory.Plan{"fax": {Stage: "warn"}, "scan": {Stage: "warn"}}
	now := func(source string) map[string]inventory.Plan {
		if source == "10.20.3.7" {
			return held
		}
		return nil
	}
	tried := plansWith(now, map[string]inventory.Plan{"10.20.3.7/fax": {Stage: "block"}, "10.20.3.8/new": {Stage: "warn"}})
	if got := tried("10.20.3.7"); got["fax"].Stage != "block" || got["scan"].Stage != "warn" || tried("10.20.3.8")["new"].Stage != "warn" {
		t.Errorf("got %v and %v", got, tried("10.20.3.8"))
	}
	if held["fax"].Stage != "warn" {
		t.Error("what holds was changed")
	}
	table, err := policy.Compile([]policy.Rule{{Settings: policy.Settings{Stage: "warn"}}}, "online", time.UTC)
	must(t, err)
	rules := migration.Rules{Table: table, Known: decider.Known{Plans: tried}}
	record := `{"device":"10.20.3.7/fax","started_at":"2027-01-11T08:00:00Z","source_ip":"10.20.3.7","listener":"imaps","protocol":"imap",
		"account":"fax","claimed_account":"fax","readiness":"legacy","upstream":"online","stage":"warn","rules":{"stage":"rules[0]"}}`
	was, would, ok := replayOne(rules, []byte(record))
	if !ok || was.Stage != "warn" || would.Stage != "block" || would.Rules["stage"] != "device" {
		t.Errorf("%v: was %+v, would be %+v", ok, was, would)
	}
	rules.Known.Tokens = func(string) bool { return true }
	mailbox := strings.Replace(record, `"stage"`, `"mailbox":"faxes@contoso.test","stage"`, 1)
	if was, would, _ := replayOne(rules, []byte(mailbox)); was.Mailbox != "faxes@contoso.test" || would.Mailbox != "fax" {
		t.Errorf("the mailbox was %q, would be %q", was.Mailbox, would.Mailbox)
	}
	for _, undecided := range []string{`{"device":"10.20.3.7/-","upstream":""}`, `{`} {
		if _, _, ok := replayOne(rules, []byte(undecided)); ok {
			t.Errorf("%s is decided anew", undecided)
		}
	}
}

// admin is somebody who is logged in to the dashboard of a scene, by a browser without JavaScript.
type admin struct {
	t      *testing.T
	at     string
	client *http.Client
}

func logInTo(t *testing.T, s *scene) *admin {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	a := &admin{t, strings.TrimSuffix(s.dashboard(), "/"), &http.Client{Jar: jar, Timeout: time.Minute}}
	a.post("/login", url.Values{"password": {s.password}})
	return a
}

func (a *admin) get(path string) string { return a.do(http.MethodGet, path, "") }

func (a *admin) post(path string, form url.Values) string {
	return a.do(http.MethodPost, path, form.Encode())
}

func (a *admin) do(method, path, body string) string {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.at+path, strings.NewReader(body))
	must(a.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", a.at)
	res, err := a.client.Do(r)
	must(a.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(a.t, err)
	if res.StatusCode != http.StatusOK {
		a.t.Fatalf("%s %s: %s: %.400s", method, path, res.Status, text)
	}
	return string(text)
}

// TestMigration_OfARunningBridge moves a device of the demo's fleet: what the preview says of its sessions is what the bridge had
// recorded, and what the page tells afterwards is what the bridge decides by.
func TestMigration_OfARunningBridge(t *testing.T) {
	t.Parallel()
	m := newMorning(t)
	m.settled()
	strangers := false
	devices, _, err := m.scene.bridge.ledger.Devices(t.Context(), inventory.Query{Strangers: &strangers})
	must(t, err)
	var id string
	for _, d := range devices {
		if d.LastOutcome == inventory.OutcomeBridged && d.Stage == inventory.StageBridge {
			id = d.ID
		}
	}
	a := logInTo(t, m.scene)
	if page := a.get("/migration"); !strings.Contains(page, "<h1>Migration</h1>") || strings.Contains(page, "No device has logged in yet") {
		t.Errorf("the page does not know the fleet: %.2000s", page)
	}
	form := url.Values{"id": {id}, "stage": {"warn"}, "action": {"preview"}}
	preview := a.post("/migration", form)
	counts := regexp.MustCompile(`Of their (\d+) sessions of the last 7 days, (\d+) would have been treated otherwise`).FindStringSubmatch(preview)
	if counts == nil || counts[1] == "0" || counts[1] != counts[2] {
		t.Errorf("the preview of %s tells %v: %.4000s", id, counts, preview)
	}
	form.Set("action", "apply")
	a.post("/migration", form)
	d, err := m.scene.bridge.ledger.Device(t.Context(), id)
	must(t, err)
	if !d.StageSet || d.Stage != inventory.StageWarn {
		t.Errorf("%s is at %s", id, d.Stage)
	}
	if page := a.get("/devices/" + id); !strings.Contains(page, "set by hand") || !strings.Contains(page, "What the rules decide") {
		t.Error("the device's page does not tell who decides")
	}
}
