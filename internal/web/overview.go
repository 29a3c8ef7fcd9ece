package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"drawbridge/internal/watch"
	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// overviewPage is what / shows.
type overviewPage struct {
	Totals                     inventory.Totals
	Open                       int64 // devices that are not blocked
	Blocked                    int64
	Strangers                  int                // that are not served not
	NotServed                  int                // sources all of whose sessions of the last 7 days failed
	Unserved                   []inventory.Device // the first of them
	FailingDevices             int                // others whose latest session did not get through
	Ready                      int64              // by their encryption
	Span                       int                // days
	Spans                      []int              // to choose from
	Sessions, PlanPlot         plot
	Readiness, Versions, Steps []share
	Stages, Categories         []share
	Plan                       plan
	Upstreams                  []watch.Upstream
	Failing                    []watch.Upstream // whose last session failed
	HasLive                    bool
	Live                       int
	Failures                   []sessionRow
	Today                      string // such as 2026-11-24
	SoonDay                    string // the day after the last that is soon
	Soon                       int    // devices due from today until then
}

// overviewSpans are the spans of days that the overview shows. Rows of days are kept for 400 days.
var overviewSpans = [...]int{30, 90, 400}

// overviewFailures is how many of the latest failed sessions the overview shows, overviewUnserved how many sources that are not served.
const (
	overviewFailures = 6
	overviewUnserved = 5
)

func (d *dashboard) showOverview(w http.ResponseWriter, r *http.Request) {
	page, err := d.readOverview(r)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	d.render(w, r, http.StatusOK, "overview", "Overview", page)
}

func (d *dashboard) readOverview(r *http.Request) (*overviewPage, error) {
	ctx := r.Context()
	p := &overviewPage{Span: overviewSpan(r.URL.Query().Get("days")), Spans: overviewSpans[:]}
	var err error
	if p.Totals, err = d.Reader.Totals(ctx); err != nil {
		return nil, err
	}
	days, err := d.Reader.Days(ctx, "", d.Now().AddDate(0, 0, -p.Span))
	if err != nil {
		return nil, err
	}
	if p.Plan, err = d.readPlan(ctx); err != nil {
		return nil, err
	}
	if err = p.readTrouble(ctx, d.Reader, d.Now().Add(-inventory.NotServedAfter)); err != nil {
		return nil, err
	}
	failed, err := d.Reader.Sessions(ctx, inventory.SessionQuery{Outcomes: troubles[:], Limit: overviewFailures})
	if err != nil {
		return nil, err
	}
	p.Failures = sessionRows(failed)
	p.Sessions = plotDays(days, p.Span, d.Now())
	p.PlanPlot = plotPlan(p.Plan)
	p.fillSoon(startOfDay(d.Now().In(d.Zone)))
	p.fillShares()
	d.fillLive(p)
	return p, nil
}

// readTrouble finds who is not served since a time, who fails, and who is a stranger.
func (p *overviewPage) readTrouble(ctx context.Context, r inventory.Reader, since time.Time) (err error) {
	q := inventory.Query{NotServed: true, NotServedSince: since, Limit: overviewUnserved, Sort: "last_seen", Descending: true}
	if p.Unserved, p.NotServed, err = r.Devices(ctx, q); err != nil {
		return err
	}
	if p.Strangers, err = countStrangers(ctx, r, since); err != nil {
		return err
	}
	_, p.FailingDevices, err = r.Devices(ctx, inventory.Query{Failing: true, NotServedSince: since, Limit: 1})
	return err
}

// Wrong tells whether anything asks to be looked at first.
func (p *overviewPage) Wrong() bool {
	return len(p.Failing) > 0 || p.Plan.Overdue > 0 || p.NotServed > 0 || p.FailingDevices > 0
}

// overviewSoon is how many days ahead a deadline is soon.
const overviewSoon = 30

// fillSoon counts the devices that are due soon; those overdue are not among them.
func (p *overviewPage) fillSoon(today time.Time) {
	end := today.AddDate(0, 0, overviewSoon+1)
	p.Today, p.SoonDay = today.Format(time.DateOnly), end.Format(time.DateOnly)
	for _, s := range p.Plan.Ahead {
		if s.Date < p.SoonDay {
			p.Soon += s.Due
		}
	}
}

func startOfDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

func (d *dashboard) fillLive(p *overviewPage) {
	if d.Upstreams != nil {
		p.Upstreams = d.Upstreams()
		for _, u := range p.Upstreams {
			if u.LastFailure.After(u.LastServed) {
				p.Failing = append(p.Failing, u)
			}
		}
	}
	if d.Live != nil {
		p.HasLive, p.Live = true, len(d.Live())
	}
}

func overviewSpan(given string) int {
	if n, _ := strconv.Atoi(given); slices.Contains(overviewSpans[:], n) {
		return n
	}
	return overviewSpans[0]
}

func (p *overviewPage) fillShares() {
	t := p.Totals
	p.Ready, p.Blocked = t.Readiness[readinessReady], int64(p.Plan.Blocked)
	p.Open = max(0, t.Devices-p.Blocked)
	p.Readiness = shares(t.Readiness, words.Readiness().Words(), devicesLink[string]("readiness"), toneClass[string])
	p.Versions = shares(t.Versions, words.TLSVersions().Words(), devicesLink[string]("tls_version"), versionClass)
	p.Steps = shares(t.Steps, order[inventory.NextStep](words.NextSteps()), devicesLink[inventory.NextStep]("next_step"), func(inventory.NextStep) string { return "step" })
	p.Categories = shares(t.Categories, order[inventory.Category](words.Categories()), devicesLink[inventory.Category]("category"),
		func(inventory.Category) string { return "step" })
	p.Stages = shares(t.Stages, order[inventory.Stage](words.Stages()), devicesLink[inventory.Stage]("stage"), toneClass[inventory.Stage])
}

// devicesLink returns where a row of figures leads: to the devices it counts, which are those that logged in.
func devicesLink[K ~string](key string) func(K) string {
	return func(k K) string {
		return "/devices?" + url.Values{key: {string(k)}, "strangers": {"none"}}.Encode()
	}
}
