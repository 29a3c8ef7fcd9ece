package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

const byDashboard = "admin by the dashboard"

// perPage is how many devices a page of the list has, and maxBulk how many are changed at once.
const (
	perPage    = 50
	maxBulk    = 200
	bulkAtOnce = 16 // changes under way: each may wait for the store
)

// devicesPage is what /devices shows.
type devicesPage struct {
	filter
	Devices         []inventory.Device
	Total, From, To int
	Strangers       int    // in the view of their own
	Previous, Next  string // links; empty: none
	Page, Pages     int
	Columns         []column
	Selects         []selection
	Bulk            form
	Clear           []choice
	Selected        map[string]bool
	Said            string // what a change came to
	SaidFault       bool
	Exports         []choice
	Here            string // this list, to come back to
}

// column is a head of the list.
type column struct {
	Label, Key, Link, Aria string // Aria: aria-sort; Key empty: it does not sort
	Class                  string
}

// selection is a filter with a list to choose from.
type selection struct {
	Key, Label string
	Choices    []choice
}

func (d *dashboard) showDevices(w http.ResponseWriter, r *http.Request) {
	p, err := d.readDevices(r.Context(), r.URL.Query())
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	if n := changedOf(r.URL.Query().Get("changed")); n > 0 {
		p.Said = devicesText(n) + " changed."
	}
	d.render(w, r, http.StatusOK, "devices", "Devices", p)
}

func (d *dashboard) readDevices(ctx context.Context, given url.Values) (*devicesPage, error) {
	p := &devicesPage{filter: parseFilter(given, d.Now().In(d.Zone)), Page: 1}
	if n, err := strconv.Atoi(given.Get("page")); err == nil && n > 1 && n < 1_000_000 {
		p.Page = n
	}
	p.withoutStrangers()
	if err := p.read(ctx, d.Reader); err != nil {
		return nil, err
	}
	var err error
	if p.Strangers, err = countStrangers(ctx, d.Reader, p.notServedSince); err != nil {
		return nil, err
	}
	p.fillLinks()
	p.fillColumns()
	p.fillSelects()
	p.Bulk = d.bulkForm(func(string) string { return "" }, nil)
	p.Clear = choices([]string{inventory.KeyOwner, inventory.KeyDeadline, inventory.KeyCost, inventory.KeyLocation, inventory.KeyModel,
		inventory.KeyAssetTag, inventory.KeyTicket, inventory.KeyNote}, "")
	return p, nil
}

// read reads the page asked for, or the last one where the list is shorter by now.
func (p *devicesPage) read(ctx context.Context, reader inventory.Reader) error {
	q := p.query
	q.Limit = perPage
	for {
		q.Offset = (p.Page - 1) * perPage
		var err error
		if p.Devices, p.Total, err = reader.Devices(ctx, q); err != nil {
			return err
		}
		p.Pages = max(1, (p.Total+perPage-1)/perPage)
		if p.Page <= p.Pages {
			break
		}
		p.Page = p.Pages
	}
	p.From, p.To = min(p.Total, q.Offset+1), q.Offset+len(p.Devices)
	return nil
}

// countStrangers tells how many there are in their own view.
func countStrangers(ctx context.Context, reader inventory.Reader, notServedSince time.Time) (total int, err error) {
	only := true
	_, total, err = reader.Devices(ctx, inventory.Query{Strangers: &only, NotServedSince: notServedSince, Limit: 1})
	return total, err
}

// OfStrangers tells whether the list is their view.
func (p *devicesPage) OfStrangers() bool { return p.values.Get("strangers") == "only" }

func (p *devicesPage) fillLinks() {
	turn := func(page int) string {
		if page == 1 {
			return p.link("/devices")
		}
		return p.link("/devices", "page", strconv.Itoa(page))
	}
	if p.Page > 1 {
		p.Previous = turn(p.Page - 1)
	}
	if p.Page < p.Pages {
		p.Next = turn(p.Page + 1)
	}
	p.Here = turn(p.Page)
	p.Exports = []choice{{Value: p.link("/inventory.csv"), Label: "CSV"}, {Value: p.link("/inventory.json"), Label: "JSON"},
		{Value: p.link("/inventory.html"), Label: "Report"}}
}

func (p *devicesPage) fillColumns() {
	for _, c := range [...]column{
		{Label: "Device", Key: "id"}, {Label: "Vendor", Key: "vendor"}, {Label: "Category", Key: "category"},
		{Label: "Readiness", Key: "readiness"}, {Label: "TLS", Key: "tls_version"}, {Label: "Next step", Key: "next_step"},
		{Label: "Stage", Key: "stage"}, {Label: "Deadline", Key: "deadline"}, {Label: "Owner", Key: "owner"},
		{Label: "Priority", Key: "priority"}, {Label: "Last seen", Key: "last_seen"}, {Label: "Sessions", Key: "sessions", Class: "num"},
	} {
		p.sortable(&c)
		p.Columns = append(p.Columns, c)
	}
}

// sortable makes a head a link that sorts by its column, and where the list is sorted by it already, the other way round.
func (p *devicesPage) sortable(c *column) {
	sorted := cmp.Or(p.query.Sort, "id")
	falling := c.Key == "last_seen" || c.Key == "sessions" // the most is what is looked for
	c.Aria = "none"
	if sorted == c.Key {
		c.Aria, falling = "ascending", true
		if p.query.Descending {
			c.Aria, falling = "descending", false
		}
	}
	desc := ""
	if falling {
		desc = "1"
	}
	c.Link = p.link("/devices", "sort", c.Key, "desc", desc)
}

func (p *devicesPage) fillSelects() {
	add := func(key, text string, list []choice) {
		p.Selects = append(p.Selects, selection{key, text, list})
	}
	at := p.values.Get
	add("readiness", "Readiness", choices(words.Readiness().Words(), at("readiness")))
	add("next_step", "Next step", choices(words.NextSteps().Words(), at("next_step")))
	add("stage", "Stage", choices(words.Stages().Words(), at("stage")))
	add("tls_version", "TLS used", choices(words.TLSVersions().Words(), at("tls_version")))
	add("blocker", "Blocker", choices(words.Blockers().Words(), at("blocker")))
	add("category", "Category", choices(inventory.Categories[:], at("category")))
	add("strangers", "Logged in", []choice{
		{"none", "Verified logins only", at("strangers") == "none"}, {"only", "Strangers only", at("strangers") == "only"},
		{"all", "Strangers too", at("strangers") == "all"},
	})
	add("served", "Served", []choice{
		{"no", "Not served", at("served") == "no"}, {"failing", "Latest session failed", at("served") == "failing"},
	})
	add("quiet_days", "Not seen for", []choice{
		{"7", "7 days", at("quiet_days") == "7"}, {"30", "30 days", at("quiet_days") == "30"}, {"90", "90 days", at("quiet_days") == "90"},
	})
}

// bulkForm is the settings form for many devices: a field left alone changes nothing.
func (d *dashboard) bulkForm(typed func(string) string, err error) form {
	var f form
	for _, key := range [...]string{
		inventory.KeyStage, inventory.KeyDeadline, inventory.KeyOwner, inventory.KeyCategory, inventory.KeyPriority,
		inventory.KeyLocation, inventory.KeyModel, inventory.KeyTicket,
	} {
		one := d.field(key, typed(key))
		one.Hint = ""
		if one.Kind == "select" {
			one.Choices[0] = choice{unset, one.Choices[0].Label, typed(key) == unset}
			one.Choices = append([]choice{{"", "Leave as it is", typed(key) == ""}}, one.Choices...)
		}
		f.Fields = append(f.Fields, one)
	}
	f.show(err)
	return f
}

// unset is the value of a bulk form's list that takes a setting back.
const unset = "-"

// postDevices changes the devices that are ticked.
func (d *dashboard) postDevices(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		d.fail(w, r, http.StatusBadRequest, "The form could not be read: select fewer devices.")
		return
	}
	m, err := readMove(r.PostForm)
	if err == nil {
		err = m.check()
	}
	ask := false
	if err == nil {
		ask, err = d.mustAsk(r.Context(), &m)
	}
	switch {
	case err != nil:
		d.showRefusedBulk(w, r, m.back, err)
	case ask:
		d.preview(w, r, &m, "/migration")
	default:
		d.setBulk(w, r, &m)
	}
}

// setBulk makes the change and leads back to the list.
func (d *dashboard) setBulk(w http.ResponseWriter, r *http.Request, m *move) {
	edits := make([]edit, len(m.ids))
	for i, id := range m.ids {
		edits[i] = edit{id, m.values}
	}
	if err := d.setAll(r.Context(), edits); err != nil {
		d.showRefusedBulk(w, r, m.back, err)
		return
	}
	http.Redirect(w, r, withChanged(m.back, len(m.ids)), http.StatusSeeOther)
}

// withChanged returns back to the list, which then says how many devices were changed.
func withChanged(back string, n int) string {
	u, err := url.Parse(back)
	if err != nil || u.Path != "/devices" {
		u = &url.URL{Path: "/devices"}
	}
	v := u.Query()
	v.Set("changed", strconv.Itoa(n))
	u.RawQuery = v.Encode()
	return u.String()
}

func bulkSettings(v url.Values) map[string]string {
	values := formSettings(v)
	for key, value := range values {
		switch value {
		case "":
			delete(values, key)
		case unset:
			values[key] = ""
		}
	}
	if key := v.Get("clear"); slices.Contains(inventory.Settings[:], key) {
		values[key] = ""
	}
	return values
}

// showRefusedBulk shows the list again, with what was typed and ticked.
func (d *dashboard) showRefusedBulk(w http.ResponseWriter, r *http.Request, back string, refusal error) {
	if _, ok := refused(refusal); !ok {
		d.failReading(w, r, refusal)
		return
	}
	given := url.Values{}
	if u, err := url.Parse(back); err == nil {
		given = u.Query()
	}
	p, err := d.readDevices(r.Context(), given)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	p.Bulk = d.bulkForm(r.PostForm.Get, refusal)
	p.Said, p.SaidFault = sentence(refusal.Error()), true
	p.Selected = make(map[string]bool)
	for _, id := range r.PostForm["id"] {
		p.Selected[id] = true
	}
	d.render(w, r, http.StatusUnprocessableEntity, "devices", "Devices", p)
}

// setAll sets many devices, several at a time since each waits for the store. The first device is changed alone, so that a value
// which is refused changes nothing.
func (d *dashboard) setAll(ctx context.Context, edits []edit) error {
	if err := d.set(ctx, edits[0].ID, edits[0].Values, byDashboard); err != nil {
		return err
	}
	errs := make([]error, len(edits))
	turns := make(chan struct{}, bulkAtOnce)
	var all sync.WaitGroup
	for i, e := range edits[1:] {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			errs[i] = d.set(ctx, e.ID, e.Values, byDashboard)
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("set device %s: %w", edits[i+1].ID, err)
		}
	}
	return nil
}
