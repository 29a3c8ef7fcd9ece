package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"drawbridge/internal/watch"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

var rowLink = regexp.MustCompile(`<th scope="row" data-label="Device"><a href="([^"]+)">([^<]*)</a>`)

// names returns the accounts of a device list, in its order.
func names(body string) []string {
	var all []string
	for _, m := range rowLink.FindAllStringSubmatch(body, -1) {
		all = append(all, html.UnescapeString(m[2]))
	}
	return all
}

// linkTo returns where the link of a page with this text leads.
func linkTo(t *testing.T, body, text string) string {
	t.Helper()
	m := regexp.MustCompile(`<a[^>]* href="([^"]+)"[^>]*>` + regexp.QuoteMeta(text) + `</a>`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("the page has no link %q", text)
	}
	return html.UnescapeString(m[1])
}

func TestDevices_PagesHaveEveryDeviceOnce(t *testing.T) {
	m := newMemory(173)
	b := browse(t, options(m)).logIn()
	seen := make(map[string]int)
	path, pages := "/devices?sort=sessions&desc=1&q=10.20&strangers=all", 0
	for ; ; pages++ {
		a := b.get(path)
		for _, l := range rowLink.FindAllStringSubmatch(a.body, -1) {
			seen[l[1]]++
		}
		if !strings.Contains(a.body, `rel="next"`) {
			break
		}
		path = linkTo(t, a.body, "Next →")
		if !strings.Contains(path, "sort=sessions") || !strings.Contains(path, "q=10.20") {
			t.Fatalf("the next page forgets order or filter: %s", path)
		}
	}
	if len(seen) != 173 || pages != 3 {
		t.Errorf("%d devices on %d pages, want 173 on 4", len(seen), pages+1)
	}
	b.want(b.get("/devices?page=99&strangers=all"), 200, "Page 4 of 4", "151–173 of 173")
	b.want(b.get("/devices?page=-1&strangers=all"), 200, "Page 1 of 4")
}

// TestDevices_TellStageNowAndNext holds the list, and the one to choose from, to the rules: their dates are of the dashboard's zone.
func TestDevices_TellStageNowAndNext(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2027, 2, 28, 23, 0, 0, 0, time.UTC) // 1 March in Berlin
	m := newMemory(4)
	for i := range m.devices {
		m.devices[i].Stage = inventory.StageBrownout
	}
	m.devices[1].Outlook = &inventory.Outlook{Stage: inventory.StageWarn,
		Next: &inventory.Turn{At: midnight, Stage: inventory.StageBlock}}
	m.devices[2].Outlook = &inventory.Outlook{Stage: inventory.StageBridge, WouldStage: inventory.StageWarn,
		Next: &inventory.Turn{At: midnight, Stage: inventory.StageBridge, WouldStage: inventory.StageBlock, Upstream: "<online>", Moves: true}}
	m.devices[3].Outlook = &inventory.Outlook{Stage: inventory.StageBlock}
	o := migrating(m)
	o.Zone = zone
	b := browse(t, o).logIn()
	for _, path := range []string{"/devices", "/migration?q=10.20"} {
		rows := stageCells(b.get(path).body)
		want := []string{"Brownout", "Warn then block on 2027-03-01",
			"Bridge dry run of Warn then dry run of block, to <online> on 2027-03-01", "Block"}
		if !slices.Equal(rows, want) {
			t.Errorf("%s: got %q, want %q", path, rows, want)
		}
	}
}

// stageCells are the texts of the cells of a page's last table that begin with a badge of a stage.
func stageCells(page string) []string {
	var cells []string
	badge, markup := regexp.MustCompile(`(?s)<td[^>]*>(<span class="badge stage .*?)</td>`), regexp.MustCompile(`<[^>]*>`)
	for _, m := range badge.FindAllStringSubmatch(page[strings.LastIndex(page, "<tbody>")+1:], -1) {
		text := markup.ReplaceAllString(m[1], " ")
		cells = append(cells, html.UnescapeString(strings.Join(strings.Fields(text), " ")))
	}
	return cells
}

func TestDevices_SortBothWays(t *testing.T) {
	b := browse(t, options(newMemory(30))).logIn()
	a := b.get("/devices")
	up := b.get(linkTo(t, a.body, "Owner"))
	b.want(up, 200, `aria-sort="ascending" class=""><a href="/devices?desc=1&amp;sort=owner"`)
	down := b.get(linkTo(t, up.body, "Owner"))
	b.want(down, 200, `aria-sort="descending"`)
	first := names(down.body)
	if slices.Equal(names(up.body), first) {
		t.Error("both ways are the same")
	}
}

func TestDevices_Filters(t *testing.T) {
	m := newMemory(60)
	b := browse(t, options(m)).logIn()
	for query, want := range map[string]func(inventory.Device) bool{
		"q=FAX":                              func(d inventory.Device) bool { return strings.Contains(d.Mailbox+d.SourceName, "fax") },
		"readiness=ready":                    func(d inventory.Device) bool { return d.Readiness == "ready" },
		"readiness=ready&readiness=obsolete": func(d inventory.Device) bool { return d.Readiness != "legacy" },
		"owner=-":                            func(d inventory.Device) bool { return d.Owner == "" },
		"owner=Facilities&readiness=legacy":  func(d inventory.Device) bool { return d.Owner != "" && d.Readiness == "legacy" },
		"strangers=only":                     func(d inventory.Device) bool { return d.Account == "-" },
		"strangers=none":                     func(d inventory.Device) bool { return d.Account != "-" },
		"tls_version=1.1":                    func(d inventory.Device) bool { return d.TLSVersion == "1.1" },
		"blocker=key_exchange":               func(d inventory.Device) bool { return slices.Contains(d.Blockers, "key_exchange") },
		"next_step=replace":                  func(d inventory.Device) bool { return d.NextStep == "replace" },
		"category=medical":                   func(d inventory.Device) bool { return d.Category == "medical" },
		"vendor=Kyocera":                     func(d inventory.Device) bool { return d.Vendor == "Kyocera" },
		"due_before=2026-12-01":              func(d inventory.Device) bool { return d.Deadline != "" && d.Deadline < "2026-12-01" },
		"quiet_days=30":                      func(d inventory.Device) bool { return d.LastSeen.Before(now.AddDate(0, 0, -30)) },
		"stage=block":                        func(d inventory.Device) bool { return d.Stage == "block" },
		"q=&readiness=&strangers=all":        func(inventory.Device) bool { return true },
	} {
		n := 0
		for _, d := range m.devices {
			if want(d) {
				n++
			}
		}
		all := "strangers=all&"
		if strings.Contains(query, "strangers=") {
			all = ""
		}
		total := fmt.Sprintf("of %d</p>", n)
		if n == 0 {
			total = "No device fits"
		}
		b.want(b.get("/devices?"+all+query), 200, total)
		b.want(b.get("/api/devices?limit=1&"+query), 200, fmt.Sprintf(`"total":%d`, n))
		csv := b.get("/inventory.csv?" + all + query)
		if got := strings.Count(csv.body, "\n"); got != n {
			t.Errorf("the export of %s has %d devices, want %d", query, got, n)
		}
	}
}

func TestDevices_FiltersThatMakeNoSense(t *testing.T) {
	b := browse(t, options(newMemory(10))).logIn()
	for _, query := range []string{"sort=colour", "quiet_days=many", "quiet_days=-1", "due_before=soon", "strangers=some"} {
		b.want(b.get("/devices?"+query), 200, "This filter is not used", "of 10")
		b.want(b.get("/api/devices?"+query), 400, `"error":`)
		b.want(b.get("/inventory.csv?"+query), 400)
	}
	b.want(b.get("/api/devices?limit=0"), 400, "limit is a number from 1 to 1000")
	b.want(b.get("/sessions?outcome=lost"), 400, "no such outcome")
	b.want(b.get("/sessions?before=yesterday"), 400, "2026-11-24T10:00:00Z")
	b.want(b.get("/devices?q="+strings.Repeat("x", 5000)), 200, "of 10")
}

func TestDevice_HostileIDsHaveAPage(t *testing.T) {
	m := newMemory(3)
	for _, id := range hostileIDs {
		d := m.devices[0]
		d.ID = id
		d.Source, d.Account, _ = strings.Cut(id, "/")
		m.devices = append(m.devices, d)
	}
	b := browse(t, options(m)).logIn()
	list := b.get("/devices?strangers=all").body
	links := rowLink.FindAllStringSubmatch(list, -1)
	if len(links) != len(hostileIDs)+3 {
		t.Fatalf("%d devices are listed", len(links))
	}
	found := make(map[string]bool)
	for _, l := range links {
		path := html.UnescapeString(l[1])
		a := b.get(path)
		m := regexp.MustCompile(`<dt>Id</dt><dd><code>([^<]*)</code>`).FindStringSubmatch(a.body)
		if a.status != 200 || m == nil {
			t.Errorf("%s: got %d", path, a.status)
			continue
		}
		id := html.UnescapeString(m[1])
		found[id] = true
		b.want(b.post(path, url.Values{"action": {"set"}, "owner": {"owner of " + id}}), http.StatusSeeOther)
		b.want(b.get("/api"+path), 200, `"owner":`)
		b.want(b.get(path+"?remove"), 200, "Remove ")
	}
	for _, id := range hostileIDs {
		if !found[id] {
			t.Errorf("the page of %q was not found", id)
		}
		if d, _ := m.Device(context.Background(), id); d.Owner != "owner of "+id {
			t.Errorf("%q was set to owner %q", id, d.Owner)
		}
	}
}

func TestPages_HostileStringsStayText(t *testing.T) {
	m := newMemory(3)
	m.addHostile()
	b := browse(t, options(m)).logIn()
	paths := []string{"/", "/devices", "/sessions", "/devices?q=" + url.QueryEscape(hostile[1]) + "&owner=" + url.QueryEscape(hostile[2])}
	for _, l := range rowLink.FindAllStringSubmatch(b.get("/devices").body, -1) {
		paths = append(paths, html.UnescapeString(l[1]))
	}
	if len(paths) < len(hostile) {
		t.Fatalf("only %d pages", len(paths))
	}
	for _, path := range paths {
		a := b.get(path)
		b.want(a, 200)
		checkTame(t, path, a.body)
	}
}

// checkTame parses a page and looks for what only a device can have brought in.
func checkTame(t *testing.T, path, body string) {
	t.Helper()
	plain := func(where, s string) {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == 0x7f }) {
			t.Errorf("%s has a control character in %s: %q", path, where, s)
		}
	}
	z := html.NewTokenizer(strings.NewReader(body))
	inField := false // what people set is edited as it is
	for {
		if z.Next() == html.ErrorToken {
			if !errors.Is(z.Err(), io.EOF) {
				t.Errorf("%s: %v", path, z.Err())
			}
			return
		}
		token := z.Token()
		inField = inField && token.Type != html.EndTagToken || token.Data == "textarea" && token.Type == html.StartTagToken
		if token.Type == html.TextToken && !inField {
			plain("text", token.Data)
		}
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		for _, a := range token.Attr {
			if a.Key != "value" {
				plain(a.Key, a.Val)
			}
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Val, "javascript:") && a.Key == "href" {
				t.Errorf("%s: element %s has %s=%q", path, token.Data, a.Key, a.Val)
			}
			if (token.Data == "script" || token.Data == "img") && a.Key == "src" && !strings.HasPrefix(a.Val, "/assets/") {
				t.Errorf("%s: %s loads %q", path, token.Data, a.Val)
			}
		}
	}
}

const scanner = "/devices/10.20.0.1/scanner0"

func TestDevice_SetShowsInHistory(t *testing.T) {
	m := newMemory(5)
	b := browse(t, options(m)).logIn()
	form := url.Values{"action": {"set"}, "stage": {"brownout"}, "deadline": {"2027-03-01"}, "owner": {"Radiology"}, "category": {"medical"},
		"priority": {"critical"}, "cost": {"1200.50"}, "note": {"two\r\nlines"}}
	a := b.post(scanner, form)
	b.want(a, http.StatusSeeOther)
	page := b.get(a.header.Get("Location"))
	b.want(page, 200, "Saved.", "admin by the dashboard", "Radiology", "In 97 days", `value="1200.50"`, "two\nlines",
		`<option value="brownout" selected>`, "set by hand")
	if d := m.devices[0]; d.Stage != "brownout" || d.Note != "two\nlines" || d.Category != "medical" || d.Cost != "1200.50" {
		t.Errorf("the device is set to %+v", d)
	}
	n := len(m.history)
	b.want(b.post(scanner, form), http.StatusSeeOther)
	if len(m.history) != n {
		t.Errorf("saving what nobody changed wrote %v", m.history[n:])
	}
	b.want(b.post(scanner, url.Values{"action": {"set"}, "stage": {""}}), http.StatusSeeOther)
	if m.devices[0].StageSet {
		t.Error("the stage is still set")
	}
}

func TestDevice_RefusedValueIsShownAtItsField(t *testing.T) {
	m := newMemory(5)
	b := browse(t, options(m)).logIn()
	a := b.post(scanner, url.Values{"action": {"set"}, "owner": {`Radio"logy`}, "cost": {"a lot"}, "deadline": {"2027-03-01"}})
	b.want(a, http.StatusUnprocessableEntity, `id="x-cost">Write a number such as 1200.50</p>`, `value="a lot" aria-invalid="true"`,
		`value="Radio&#34;logy"`, `value="2027-03-01"`)
	if len(m.history) != 0 {
		t.Errorf("something was set: %v", m.history)
	}
	b.want(b.post(scanner, url.Values{"action": {"set"}, "note": {strings.Repeat("x", 5000)}}), http.StatusUnprocessableEntity, "too long")
	b.want(b.post(scanner, url.Values{"action": {"dance"}}), http.StatusBadRequest)
	b.want(b.post(scanner, url.Values{"note": {strings.Repeat("x", 300<<10)}}), http.StatusBadRequest)
	b.want(b.post("/devices/10.9.9.9/nobody", url.Values{"action": {"set"}, "owner": {"x"}}), http.StatusNotFound)
}

func TestDevice_MergeSeparateRemove(t *testing.T) {
	m := newMemory(8)
	b := browse(t, options(m)).logIn()
	from, into := m.devices[0].ID, m.devices[7].ID
	b.want(b.post(scanner, url.Values{"action": {"merge"}, "into": {"10.9.9.9/typo"}}), 422,
		`id="x-into">The inventory has no device of this id`, `value="10.9.9.9/typo"`)
	b.want(b.post(scanner, url.Values{"action": {"merge"}, "into": {from}}), 422, "the device itself")
	a := b.post(scanner, url.Values{"action": {"merge"}, "into": {" " + into + " "}})
	b.want(a, http.StatusSeeOther)
	b.want(b.get(a.header.Get("Location")), 200, "Merged.", from)
	b.want(b.get(scanner), 200, "was merged into this device", "Separate")
	b.want(b.post(scanner, url.Values{"action": {"unmerge"}, "from": {from}}), http.StatusSeeOther)
	b.want(b.post("/devices/"+into, url.Values{"action": {"remove"}}), http.StatusSeeOther)
	b.want(b.get("/devices/"+into), 404)
}

func TestDevices_BulkSet(t *testing.T) {
	m := newMemory(60)
	b := browse(t, options(m)).logIn()
	form := url.Values{"back": {"/devices?q=10.20&page=2"}, "stage": {"warn"}, "owner": {"Front office"}, "deadline": {""}, "category": {""},
		"priority": {""}, "clear": {""}}
	for _, d := range m.devices[:40] {
		form.Add("id", d.ID)
	}
	a := b.post("/devices", form)
	b.want(a, http.StatusSeeOther)
	b.want(b.get(a.header.Get("Location")), 200, "40 devices changed.", "Page 2 of 2")
	for i, d := range m.devices {
		if set := d.Owner == "Front office" && d.Stage == "warn"; set != (i < 40) {
			t.Errorf("device %d: owner %q, stage %s", i, d.Owner, d.Stage)
		}
	}
	if m.devices[0].Deadline == "" {
		t.Error("a field left alone was emptied")
	}
	b.want(b.post("/devices", url.Values{"id": form["id"], "stage": {"-"}, "clear": {"owner"}, "back": {"//evil.example"}}),
		http.StatusSeeOther)
	if d := m.devices[3]; d.StageSet || d.Owner != "" {
		t.Errorf("not taken back: %+v", d)
	}
	n := len(m.history)
	b.want(b.post("/devices", url.Values{"id": form["id"], "deadline": {"soon"}, "back": {"/devices"}}), 422,
		"Is a date such as 2027-03-01", `aria-label="Select 10.20.0.1/scanner0" checked`)
	b.want(b.post("/devices", url.Values{"deadline": {"2027-01-01"}}), 422, "tick the devices")
	b.want(b.post("/devices", url.Values{"id": form["id"]}), 422, "choose what to set")
	b.want(b.post("/devices", url.Values{"id": {"10.9.9.9/gone"}, "owner": {"x"}}), 404)
	if len(m.history) != n {
		t.Error("a refused change changed something")
	}
}

func TestSessions_PageByPage(t *testing.T) {
	b := browse(t, options(newMemory(20))).logIn()
	a := b.get("/sessions")
	older := b.get(linkTo(t, a.body, "Older →"))
	b.want(older, 200, "← Latest")
	count := func(a answer) int { return strings.Count(a.body, `<td data-label="Began" class="nobr">`) }
	if count(a) != 100 || count(older) != 40 {
		t.Errorf("%d and %d sessions, want 100 and 40", count(a), count(older))
	}
	failed := b.get("/sessions?outcome=tls_failed&outcome=login_failed")
	if n := count(failed); n != 31 {
		t.Errorf("%d failed sessions, want 31", n)
	}
	b.want(b.get("/sessions?device=10.20.0.1%2Fscanner0"), 200, `of <a href="/devices/10.20.0.1/scanner0">`)
}

func TestEmptyInventory_SaysWhatToDo(t *testing.T) {
	m := &memory{now: clock}
	o := options(m)
	o.Live = func() []watch.Session { return nil }
	b := browse(t, o).logIn()
	for _, path := range []string{"/", "/devices"} {
		b.want(b.get(path), 200, "No device has connected yet", "Point one at this bridge")
	}
	b.want(b.get("/devices?q=x"), 200, "No device fits")
	b.want(b.get("/sessions"), 200, "No device is connected", "No session fits")
	b.want(b.get("/api/devices"), 200, `{"devices":[],"total":0}`)
	b.want(b.get("/api/sessions"), 200, `{"sessions":[]}`)
	b.want(b.get("/inventory.csv"), 200)
}

func TestInventoryFails_IsToldAndLogged(t *testing.T) {
	m := newMemory(3)
	b := browse(t, options(m)).logIn()
	m.err = errors.New("disk on fire at /secret/path")
	for _, path := range []string{"/", "/devices", scanner, "/sessions", "/inventory.json", "/api/totals", "/api/devices", "/api/days"} {
		a := b.get(path)
		b.want(a, 500, "The inventory cannot be used at the moment")
		if strings.Contains(a.body, "fire") {
			t.Errorf("%s tells the fault itself", path)
		}
	}
	m.err = context.DeadlineExceeded
	b.want(b.get("/devices"), 503, "took too long")
	b.want(b.get("/healthz"), 200)
	b.want(b.get("/certificates"), 200)
}

func TestExport_HalfAFileIsNotTakenForAWholeOne(t *testing.T) {
	o := options(newMemory(3))
	o.Export = func(_ context.Context, w io.Writer, _ string, _ inventory.Query) error {
		_, _ = io.WriteString(w, strings.Repeat("id;owner\n", 100_000))
		return errors.New("the store has gone")
	}
	s := httptest.NewServer(web.New(o))
	defer s.Close()
	b := another(t, s.URL).logIn()
	res, err := b.client.Get(b.url + "/inventory.csv")
	if err != nil {
		return // broken before the head came: as good
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d bytes came as a whole file", n)
	}
}

func TestExport_NamesItsFile(t *testing.T) {
	b := browse(t, options(newMemory(3))).logIn()
	a := b.get("/inventory.csv")
	b.want(a, 200, "10.20.0.1/scanner0,Facilities")
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="drawbridge-2026-11-24.csv"` {
		t.Errorf("the file is %q", got)
	}
	a = b.get("/inventory.html")
	b.want(a, 200, "3 devices")
	if a.header.Get("Content-Disposition") != "" || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("the report is not shown: %v", a.header)
	}
}

func TestDevices_AtOnce(t *testing.T) {
	m := newMemory(80)
	b := browse(t, options(m)).logIn()
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 5 {
				b.want(b.get("/devices?sort=owner"), 200)
				b.want(b.get("/"), 200)
				b.want(b.post(scanner, url.Values{"action": {"set"}, "owner": {fmt.Sprint("owner ", i)}}), http.StatusSeeOther)
			}
		}()
	}
	for range 8 {
		<-done
	}
}
