package report

import (
	"fmt"
	"iter"
	"net/url"

	"drawbridge/inventory/words"
)

// view is what the page's template shows.
type view struct {
	Title, Bridge, Written, Contact, Today string
	Sentences                              []string
	Tiles                                  []tile
	Trend                                  *trend
	Burndown                               *progress
	Breakdowns                             []breakdown
	NotServed                              list
	Timeline, Quiet, Evidence, Appendix    list
	Budget                                 budget
	Clauses                                []Clause
	Notes                                  []string
}

// tile is one figure in large type. Tone is "", "good", "warn" or "bad".
type tile struct{ Value, Label, Tone string }

// breakdown is the devices by one question.
type breakdown struct {
	ID, Title, Word string
	Rows            []*tally
	total           int
}

// Percent is the share of a row, for its bar.
func (b breakdown) Percent(t *tally) int { return percent(int64(t.Devices), int64(b.total)) }

func percent(part, whole int64) int {
	if whole == 0 {
		return 0
	}
	return int((100*part + whole/2) / whole)
}

// budget is what the work is estimated to cost.
type budget struct {
	Owners, Priorities []*tally
	All                *tally
	currency           string
}

// Sum is the cost of a row, as far as it was estimated.
func (b budget) Sum(t *tally) string {
	if t.Estimated == 0 {
		return "–"
	}
	return money(b.currency, t.cents)
}

// list is a list of devices, cut at a limit.
type list struct {
	Total, Shown int
	Rows         iter.Seq[row]
}

// Cut tells what a list leaves out; empty if it is whole.
func (l list) Cut() string {
	if l.Shown == l.Total {
		return ""
	}
	return fmt.Sprintf("This list ends after %s of %s devices. The CSV export has all of them.",
		words.Number(l.Shown), words.Number(l.Total))
}

func newView(r *Report) *view {
	f := newFigures(r)
	v := &view{
		Title: r.Title, Bridge: r.Bridge, Contact: r.Contact, Written: r.Now.Format("2 January 2006, 15:04 MST"),
		Today: r.today(), Sentences: sentences(r, f), Tiles: tiles(r, f), Trend: newTrend(r.Days), Burndown: newProgress(r),
		Breakdowns: breakdowns(f), Clauses: linkable(r.Clauses), Notes: notes(r, f),
		NotServed: newList(r, f.notServed), Timeline: newList(r, f.timeline),
		Quiet: newList(r, f.quiet), Evidence: newList(r, f.evidence()), Appendix: newList(r, f.listed),
	}
	v.Budget = budget{Owners: f.owners.largest(25), Priorities: f.priorities.inOrder(priorityOrder()), All: &f.all, currency: r.Currency}
	return v
}

func priorityOrder() []string { return append(words.Priorities().Labels(), noPriority) }

func newList(r *Report, indexes []int) list {
	shown := indexes[:min(len(indexes), r.Limit)]
	return list{Total: len(indexes), Shown: len(shown), Rows: func(yield func(row) bool) {
		for _, i := range shown {
			if !yield(newRow(r, &r.Devices[i])) {
				return
			}
		}
	}}
}

func breakdowns(f *figures) []breakdown {
	return []breakdown{
		{"by-version", "By TLS version", "Latest version used", f.versions.inOrder(words.TLSVersions().Labels()), f.all.Devices},
		{"by-readiness", "By readiness", "Readiness", f.readiness.inOrder(words.Readiness().Labels()), f.all.Devices},
		{"by-step", "By next step", "Next step", f.steps.largest(20), f.all.Devices},
		{"by-owner", "By owner", "Owner", f.owners.largest(25), f.all.Devices},
		{"by-vendor", "By vendor", "Vendor", f.vendors.largest(15), f.all.Devices},
		{"by-category", "By category", "Category", f.categories.largest(20), f.all.Devices},
	}
}

// linkable drops addresses that are not of the web.
func linkable(clauses []Clause) []Clause {
	kept := make([]Clause, len(clauses))
	for i, c := range clauses {
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" {
			c.URL = ""
		}
		kept[i] = c
	}
	return kept
}

func tiles(r *Report, f *figures) []tile {
	tone := func(n int, tone string) string {
		switch {
		case n > 0:
			return tone
		case len(f.listed) > 0:
			return "good"
		}
		return "" // of nothing, nothing is good
	}
	of := func(n int) string { return words.Number(n) }
	cost := tile{money(r.Currency, f.all.cents), "estimated for " + words.Count(f.all.Estimated, "device", "devices"), ""}
	if f.all.Estimated == 0 {
		cost = tile{"–", "no cost estimated yet", ""}
	}
	return []tile{
		{of(f.all.Devices), "devices depend on the bridge", ""},
		{of(len(f.notServed)), "sources are not served", tone(len(f.notServed), "bad")},
		{of(f.overdue), "are past their deadline", tone(f.overdue, "bad")},
		{of(f.notReady), "lack the encryption that Exchange Online takes", tone(f.notReady, "warn")},
		{of(f.weakNow), "used weak encryption in the last 30 days", tone(f.weakNow, "bad")},
		{of(f.all.NoDate), "have no deadline", tone(f.all.NoDate, "warn")},
		{of(f.unowned), "have no owner", tone(f.unowned, "warn")},
		{of(len(f.quiet)), "have gone quiet", ""},
		cost,
	}
}
