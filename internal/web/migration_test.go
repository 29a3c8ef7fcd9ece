package web_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/web"
	"drawbridge/inventory"
)

// section returns the part of a page from a heading's id to the next section, without markup and extra blanks.
func section(t *testing.T, page, id string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, `<h2 id="`+id+`">`)
	if !found {
		t.Fatalf("the page has no section %s", id)
	}
	part, _, _ := strings.Cut(rest, "</section>")
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(part, " ")
	return html.UnescapeString(strings.Join(strings.Fields(text), " "))
}

func wantText(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("lacks %q: %.1500s", part, got)
		}
	}
}

func migrating(m *memory) web.Options {
	o := options(m)
	o.Migration = rulesOver
	return o
}

func TestMigration_ShowsWhatIsAndWhatComes(t *testing.T) {
	m := newMemory(21) // 20 devices: of 3 faxes one has a deadline, and one device is overdue
	b := browse(t, migrating(m)).logIn()
	a := b.get("/migration")
	b.want(a, 200, "<h1>Migration</h1>", `href="/migration" aria-current="page"`)
	wantText(t, section(t, a.body, "now"), "Bridge 19", "Block 1", "in a dry run of Brownout 2")
	wantText(t, section(t, a.body, "ahead"), "2026-12-01 rules[0] Warn at exchange-online 3 3", "2026-12-16 rules[1] Block at exchange-online 1 none",
		"2026-12-02 rules[1] Block at exchange-online 1 1 cannot do without it 10.20.0.16/fax15")
	wantText(t, section(t, a.body, "next"), "10.20.0.2/fax1 Warn rules[0]")
	wantText(t, section(t, a.body, "rules"), "rules[0] account fax* from 2026-12-01 00:00:00 UTC Stage: warn 0",
		"rules[1] every session always")
	if strings.Contains(section(t, a.body, "next"), "/-") {
		t.Error("a stranger is next")
	}
	b.want(b.get("/devices"), 200, `formaction="/migration"`)
}

func TestMigration_IsNotThereWithoutRules(t *testing.T) {
	b := browse(t, options(newMemory(5))).logIn()
	b.want(b.get("/migration"), 404)
	if a := b.get("/"); strings.Contains(a.body, `"/migration"`) {
		t.Error("a page without rules leads to /migration")
	}
}

// moving is the form that moves devices.
func moving(ids []string, more ...string) url.Values {
	form := url.Values{"id": ids, "back": {"/migration?q=fax"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func TestMigration_PreviewChangesNothingAndApplyCanBeUndone(t *testing.T) {
	m := newMemory(20)
	m.devices[1].Stage, m.devices[1].StageSet = inventory.StageWarn, true
	b := browse(t, migrating(m)).logIn()
	ids := []string{m.devices[0].ID, m.devices[1].ID}
	deadline := m.devices[0].Deadline
	a := b.post("/migration", moving(ids, "action", "preview", "stage", "brownout", "deadline", "2027-02-01"))
	b.want(a, 200, "<h1>Preview</h1>", `name="id" value="10.20.0.2/fax1"`, `name="stage" value="brownout"`)
	wantText(t, section(t, a.body, "what"), "2 devices will be set to", "Stage Brownout", "Deadline 2027-02-01",
		"Of their 14 sessions of the last 7 days, 14 would have been treated otherwise. The latest 25 sessions of a device", "They got Bridge 14",
		"They would have got Brownout 14")
	wantText(t, section(t, a.body, "who"), "10.20.0.2/fax1 Legacy TLS needs the bridge Warn Brownout 7 7")
	if len(m.history) != 0 || m.devices[0].Stage != inventory.StageBridge {
		t.Fatal("a preview changed something")
	}
	a = b.post("/migration", moving(ids, "action", "apply", "stage", "brownout", "deadline", "2027-02-01"))
	b.want(a, 200, "2 devices changed.", "Undo")
	for i := range ids {
		if d := m.devices[i]; d.Stage != inventory.StageBrownout || d.Deadline != "2027-02-01" {
			t.Errorf("not moved: %s %s %s", d.ID, d.Stage, d.Deadline)
		}
	}
	a = b.post("/migration", url.Values{"action": {"undo"}, "was": hidden(a.body, "was")})
	b.want(a, http.StatusSeeOther)
	b.want(b.get(a.header.Get("Location")), 200, "Undone: 2 devices set back.")
	if d, e := m.devices[0], m.devices[1]; d.StageSet || d.Deadline != deadline || e.Stage != inventory.StageWarn || !e.StageSet {
		t.Errorf("not set back: %+v %+v", d, e)
	}
}

// TestMigration_PreviewCountsAnotherMailbox where both are known.
func TestMigration_PreviewCountsAnotherMailbox(t *testing.T) {
	m := newMemory(20)
	for before, text := range map[string]string{"old@contoso.test": "7 would", "New@Contoso.test": "0 would", "": "0 would"} {
		o := migrating(m)
		o.Migration = func(set map[string]inventory.Plan) *web.Migration {
			r := rulesOver(set)
			r.Replay = func(json.RawMessage) (was, would web.Treatment, ok bool) {
				return web.Treatment{Mailbox: before}, web.Treatment{Mailbox: "new@contoso.test"}, true
			}
			return r
		}
		a := browse(t, o).logIn().post("/migration", moving([]string{m.devices[0].ID}, "action", "preview", "stage", "warn"))
		wantText(t, section(t, a.body, "what"), "Of their 7 sessions of the last 7 days, "+text+" have been treated otherwise.")
	}
}

// hidden returns the values of a form's hidden fields.
func hidden(page, name string) (values []string) {
	for _, found := range regexp.MustCompile(`<input type="hidden" name="`+name+`" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		values = append(values, html.UnescapeString(found[1]))
	}
	return values
}

func TestMigration_BlockAsksFirst(t *testing.T) {
	m := newMemory(20)
	m.devices[5].LastSeen, m.devices[6].LastSeen = now.Add(-time.Minute), now.AddDate(0, 0, -3)
	b := browse(t, migrating(m)).logIn()
	two, seen, quiet := []string{m.devices[0].ID, m.devices[1].ID}, []string{m.devices[5].ID}, []string{m.devices[6].ID}
	for name, post := range map[string]func() answer{
		"several, here":        func() answer { return b.post("/migration", moving(two, "action", "apply", "stage", "block")) },
		"several, in the list": func() answer { return b.post("/devices", moving(two, "stage", "block")) },
		"one seen today":       func() answer { return b.post("/devices", moving(seen, "stage", "block")) },
		"in capitals":          func() answer { return b.post("/devices", moving(two, "stage", "BLOCK")) },
		"one seen today, on its page": func() answer {
			return b.post("/devices/"+seen[0], url.Values{"action": {"set"}, "stage": {"block"}, "owner": {"Kim"}})
		},
	} {
		a := post()
		if a.status != 200 || !strings.Contains(a.body, `name="sure" value="yes" required`) || len(m.history) != 0 {
			t.Errorf("%s: answered %d without asking, %d changes", name, a.status, len(m.history))
		}
	}
	b.want(b.post("/migration", moving(seen, "action", "preview", "deadline", "2026-11-20")), 200, `name="sure" value="yes" required`)
	if a := b.post("/migration", moving(two, "action", "preview", "stage", "warn")); strings.Contains(a.body, `name="sure"`) {
		t.Error("to warn asks too")
	}
	b.want(b.post("/devices", moving(quiet, "stage", "block")), http.StatusSeeOther)
	a := b.post("/devices/"+seen[0], url.Values{"action": {"set"}, "stage": {"block"}, "owner": {"Kim"}, "sure": {"yes"}})
	b.want(a, 200, "1 device changed.", "Undo")
	b.want(b.post("/migration", moving(two, "action", "apply", "stage", "block", "sure", "yes")), 200, "2 devices changed.")
	for _, i := range []int{0, 1, 5, 6} {
		if m.devices[i].Stage != inventory.StageBlock {
			t.Errorf("%s is not blocked", m.devices[i].ID)
		}
	}
	if m.devices[5].Owner != "Kim" {
		t.Error("what else was set on the device's page is lost")
	}
}

// TestMigration_WhatBlocksByTheRulesAsksFirst, also of who sends no confirmation: a deadline that is over, by a rule with block_from, and
// a stage taken back that kept a device from that.
func TestMigration_WhatBlocksByTheRulesAsksFirst(t *testing.T) {
	m := newMemory(20)
	const over, page = "2026-11-20", "/devices/"
	m.devices[5].LastSeen, m.devices[6].LastSeen = now.Add(-time.Minute), now.AddDate(0, 0, -3)
	m.devices[8].LastSeen, m.devices[8].Deadline, m.devices[8].Stage, m.devices[8].StageSet = now, over, inventory.StageWarn, true
	b := browse(t, migrating(m)).logIn()
	two, seen, quiet, kept := []string{m.devices[1].ID, m.devices[2].ID}, []string{m.devices[5].ID}, []string{m.devices[6].ID},
		[]string{m.devices[8].ID}
	for name, post := range map[string]func() answer{
		"several, here":        func() answer { return b.post("/migration", moving(two, "action", "apply", "deadline", over)) },
		"several, in the list": func() answer { return b.post("/devices", moving(two, "deadline", over)) },
		"one seen today, here": func() answer { return b.post("/migration", moving(seen, "action", "apply", "deadline", over)) },
		"one seen today":       func() answer { return b.post("/devices", moving(seen, "deadline", over)) },
		"one seen today, on its page": func() answer {
			return b.post(page+seen[0], url.Values{"action": {"set"}, "deadline": {over}, "owner": {"Kim"}})
		},
		"a stage taken back": func() answer { return b.post("/devices", moving(kept, "stage", "-")) },
	} {
		a := post()
		if a.status != 200 || !strings.Contains(a.body, `name="sure" value="yes" required`) || len(m.history) != 0 {
			t.Errorf("%s: answered %d without asking, %d changes", name, a.status, len(m.history))
		}
	}
	mixed := append([]string{m.devices[6].ID}, seen...) // of which one is overdue already
	m.devices[6].Deadline = over
	b.want(b.post("/migration", moving(mixed, "action", "apply", "deadline", over)), 200, "Yes, block 1 of these devices")
	m.devices[6].Deadline = ""
	b.want(b.post("/devices", moving(quiet, "deadline", over)), http.StatusSeeOther)
	b.want(b.post("/devices", moving(two, "deadline", "2027-03-01")), http.StatusSeeOther)
	b.want(b.post(page+seen[0], url.Values{"action": {"set"}, "deadline": {over}, "owner": {"Kim"}, "sure": {"yes"}}), 200,
		"1 device changed.", "Undo")
	b.want(b.post("/devices", moving(two, "deadline", "soon")), 422, "Is a date such as 2027-03-01")
	if d := m.devices[5]; d.Deadline != over || d.Owner != "Kim" {
		t.Errorf("not set though people were sure: %+v", d)
	}
	if d := m.devices[6]; d.Deadline != over || m.devices[1].Deadline != "2027-03-01" {
		t.Errorf("not set though nobody has to be asked: %+v", d)
	}
}

// TestMigration_UndoThatBlocksAsksFirst: whoever took two devices out of a block, and takes that back, blocks them again.
func TestMigration_UndoThatBlocksAsksFirst(t *testing.T) {
	m := newMemory(20)
	ids := []string{m.devices[1].ID, m.devices[2].ID}
	for i := range 3 {
		m.devices[i].Stage, m.devices[i].StageSet = inventory.StageBlock, true
	}
	b := browse(t, migrating(m)).logIn()
	was := hidden(b.post("/migration", moving(ids, "action", "apply", "stage", "bridge", "deadline", "2027-03-01")).body, "was")
	changes := len(m.history)
	a := b.post("/migration", url.Values{"action": {"undo"}, "was": was})
	b.want(a, 200, "2 devices will be set back", "Yes, block these 2 devices", `name="action" value="undo"`, ids[0], ids[1])
	if len(m.history) != changes || m.devices[1].Stage != inventory.StageBridge {
		t.Fatal("it was taken back without asking")
	}
	b.want(b.post("/migration", url.Values{"action": {"undo"}, "was": hidden(a.body, "was"), "sure": {"yes"}}), http.StatusSeeOther)
	if d := m.devices[2]; d.Stage != inventory.StageBlock || d.Deadline != "" || m.devices[1].Stage != inventory.StageBlock {
		t.Errorf("not set back: %+v", d)
	}
}

// TestMigration_NobodyAsksAProgram: whoever writes to the API means it.
func TestMigration_NobodyAsksAProgram(t *testing.T) {
	m := newMemory(20)
	m.devices[5].LastSeen = now.Add(-time.Minute)
	b := browse(t, migrating(m)).logIn()
	b.want(b.post("/api/devices/"+m.devices[5].ID, url.Values{"stage": {"block"}}), 200, `"stage":"block"`)
	if m.devices[5].Stage != inventory.StageBlock {
		t.Error("not blocked")
	}
}

func TestMigration_RefusesWhatMakesNoSense(t *testing.T) {
	m := newMemory(20)
	b := browse(t, migrating(m)).logIn()
	one := []string{m.devices[1].ID}
	b.want(b.post("/migration", moving(nil, "action", "preview", "stage", "warn")), 422, "tick the devices")
	b.want(b.post("/migration", moving(one, "action", "preview")), 422, "choose what to set", `aria-label="Select 10.20.0.2/fax1" checked`)
	b.want(b.post("/migration", moving(one, "action", "preview", "deadline", "soon")), 422, "Is a date such as 2027-03-01")
	b.want(b.post("/migration", moving([]string{"10.9.9.9/gone"}, "action", "preview", "stage", "warn")), 404)
	b.want(b.post("/migration", url.Values{"action": {"undo"}}), 400)
	b.want(b.post("/migration", url.Values{"action": {"undo"}, "was": {"{"}}), 400)
	b.want(b.post("/migration", url.Values{"action": {"undo"}, "was": {`{"id":"` + one[0] + `","values":{"stage":"gone"}}`}}), 400)
	many := make([]string, 201)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.0.1/%d", i)
	}
	b.want(b.post("/migration", moving(many, "action", "preview", "stage", "warn")), 422, "select 200 devices at most")
	b.want(b.do(http.MethodPost, "/migration", moving(one, "action", "apply", "stage", "warn").Encode(), "Content-Type",
		"application/x-www-form-urlencoded", "Origin", "http://evil.example"), 403)
	if len(m.history) != 0 {
		t.Errorf("%d changes", len(m.history))
	}
	o := migrating(m)
	o.VerifyPassword = nil
	readOnly := browse(t, o)
	a := readOnly.get("/migration?q=fax")
	readOnly.want(a, 200, "<h1>Migration</h1>", "Read only")
	if strings.Contains(a.body, "Move devices") {
		t.Error("a dashboard that is read only offers to move devices")
	}
	readOnly.want(readOnly.post("/migration", moving(one, "action", "preview", "stage", "warn")), 403)
}

func TestMigration_ChoosesByFilterAtMostABulk(t *testing.T) {
	b := browse(t, migrating(newMemory(260))).logIn()
	a := b.get("/migration?q=10.20&tick=all")
	b.want(a, 200, "the first 200 of 237 that fit")
	if n := strings.Count(a.body, `name="id"`); n != 200 || strings.Count(a.body, ` checked>`) != 200 {
		t.Errorf("%d devices to choose from, %d ticked", n, strings.Count(a.body, ` checked>`))
	}
	b.want(b.get("/migration?q=nothing"), 200, "No device fits.")
}

func TestMigration_PageIsBounded(t *testing.T) {
	m := newMemory(30)
	o := options(m)
	o.Migration = func(map[string]inventory.Plan) *web.Migration {
		r := rulesOver(nil)
		for i := range 300 {
			r.Rules = append(r.Rules, web.RuleInfo{Name: fmt.Sprintf("rules[%d]", i+2)})
		}
		r.Ahead = func(*inventory.Device, time.Time, time.Time) (steps []web.Step) {
			for i := range 500 {
				at := now.Add(time.Duration(i+1) * time.Hour)
				steps = append(steps, web.Step{At: at, Stage: "block", Rule: fmt.Sprintf("rules[%d]", i)})
			}
			return steps
		}
		return r
	}
	b := browse(t, o).logIn()
	a := b.get("/migration")
	b.want(a, 200, "There are more changes than are shown here", "102 more rules follow", "and others")
	if n := strings.Count(section(t, a.body, "ahead"), "Block at"); n != 400 {
		t.Errorf("%d changes, want 400", n)
	}
	if n := strings.Count(section(t, a.body, "next"), "10.20."); n != 20 {
		t.Errorf("%d devices are next, want 20", n)
	}
	if n := strings.Count(a.body, `<ul class="names"><li>`); n != 400 || strings.Count(a.body, "<li><a href=\"/devices/10.20.0.") != 4000 {
		t.Errorf("%d rows name devices", n)
	}
}

func TestMigration_EscapesWhatDevicesSent(t *testing.T) {
	m := newMemory(3)
	m.addHostile()
	b := browse(t, migrating(m)).logIn()
	var ids []string
	for _, d := range m.devices[3:] {
		ids = append(ids, d.ID)
	}
	for _, a := range []answer{b.get("/migration?q=10.66&tick=all"), b.post("/migration", moving(ids, "action", "preview", "stage", "warn")),
		b.post("/migration", moving(ids, "action", "apply", "stage", "warn"))} {
		if a.status != 200 || regexp.MustCompile(`<script>|<img src=x|<svg onload|\x1b|\x{202e}`).MatchString(a.body) {
			t.Errorf("status %d: %.500s", a.status, a.body)
		}
	}
}

func TestDevice_TellsWhichRuleDecidesAndWhy(t *testing.T) {
	m := newMemory(20)
	b := browse(t, migrating(m)).logIn()
	a := b.get("/devices/10.20.0.2/fax1")
	wantText(t, section(t, a.body, "rules"), "Upstream exchange-online no rule",
		"Next change: Warn at exchange-online 2026-12-01 00:00:00 UTC", "by rules[0]", "rules[1] decides: block_from.")
	b.want(b.post("/devices/10.20.0.2/fax1", url.Values{"action": {"set"}, "stage": {"warn"}}), http.StatusSeeOther)
	wantText(t, section(t, b.get("/devices/10.20.0.2/fax1").body, "rules"), "Stage warn set by hand")
	if a := b.get("/devices/" + m.devices[10].ID); strings.Contains(a.body, "What the rules decide") {
		t.Error("a stranger has rules")
	}
}

func TestMigration_LooksThroughABoundedFleet(t *testing.T) {
	o := options(newMemory(23_000)) // of which every eleventh is a stranger
	looked := 0
	o.Migration = func(map[string]inventory.Plan) *web.Migration {
		r := rulesOver(nil)
		r.Ahead = func(*inventory.Device, time.Time, time.Time) []web.Step {
			looked++
			return nil
		}
		return r
	}
	b := browse(t, o).logIn()
	for range 2 {
		b.want(b.get("/migration"), 200, "These are the first 20,000 devices by their id; 910 more are not counted here.")
	}
	if looked != 20_000 {
		t.Errorf("%d devices were looked through, want 20,000, and once a minute", looked)
	}
}

func TestMigration_PreviewAndDevicePageAreBounded(t *testing.T) {
	m := newMemory(20)
	id := m.devices[0].ID
	m.sessions = nil
	for i := range 40 {
		s := fleetSession(i, m.devices[0])
		m.sessions = append(m.sessions, s)
	}
	o := options(m)
	o.Migration = func(set map[string]inventory.Plan) *web.Migration {
		r := rulesOver(set)
		r.Explain = func(*inventory.Device, time.Time) web.Explanation {
			return web.Explanation{Verdicts: make([]web.Verdict, 150)}
		}
		r.Ahead = func(*inventory.Device, time.Time, time.Time) []web.Step { return make([]web.Step, 400) }
		return r
	}
	b := browse(t, o).logIn()
	a := b.post("/migration", moving([]string{id}, "action", "preview", "stage", "warn"))
	wantText(t, section(t, a.body, "what"), "Of their 25 sessions of the last 7 days, 25 would have been treated otherwise.")
	a = b.get("/devices/" + id)
	rules, _, _ := strings.Cut(a.body[strings.Index(a.body, `<h2 id="rules">`):], "</section>")
	if n := strings.Count(rules, "<li"); n != 100+11 {
		t.Errorf("%d verdicts and changes beside the next, want 111", n)
	}
	wantText(t, section(t, a.body, "rules"), "50 more rules below")
}

func TestMigration_PreviewLooksBackAWeek(t *testing.T) {
	m := newMemory(20)
	m.sessions = m.sessions[:1]
	m.sessions[0].StartedAt = now.AddDate(0, 0, -8)
	b := browse(t, migrating(m)).logIn()
	a := b.post("/migration", moving([]string{m.devices[0].ID}, "action", "preview", "stage", "warn"))
	wantText(t, section(t, a.body, "what"), "They had no session in the last 7 days that the rules decided.")
}
