package report

import (
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"drawbridge/inventory"
)

// view is what the page's template shows.
type view struct {
	Title, Bridge, Written, Contact, Today string
	Sentences                              []string
	Tiles                                  []tile
	Trend                                  *trend
	Burndown                               *burndown
	Breakdowns                             []breakdown
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

// Sum is the cost of a row.
func (b budget) Sum(t *tally) string { return money(b.currency, t.cents) }

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
		number(int64(l.Shown)), number(int64(l.Total)))
}

func newView(r *Report) *view {
	f := newFigures(r)
	v := &view{
		Title: r.Title, Bridge: r.Bridge, Contact: r.Contact, Written: r.Now.Format("2 January 2006, 15:04 MST"),
		Today: r.today(), Sentences: sentences(r, f), Tiles: tiles(r, f), Trend: newTrend(r.Days), Burndown: newBurndown(r, f),
		Breakdowns: breakdowns(f), Clauses: linkable(r.Clauses), Notes: notes(r, f),
		Timeline: newList(r, f.dated), Quiet: newList(r, f.quiet), Evidence: newList(r, f.evidence()), Appendix: newList(r, f.listed),
	}
	v.Budget = budget{Owners: f.owners.largest(25), Priorities: f.priorities.inOrder(priorityOrder()), All: &f.all, currency: r.Currency}
	return v
}

func priorityOrder() []string {
	words := make([]string, len(inventory.Priorities))
	for i, priority := range inventory.Priorities {
		words[i] = priorityWords(priority)
	}
	return words
}

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
	versions := []string{"No TLS completed", "SSL 2", "SSL 3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}
	readiness := []string{readinessWords("obsolete"), readinessWords("legacy"), readinessWords("unknown"), readinessWords("ready")}
	return []breakdown{
		{"by-version", "By TLS version", "Latest version used", f.versions.inOrder(versions), f.all.Devices},
		{"by-readiness", "By readiness", "Readiness", f.readiness.inOrder(readiness), f.all.Devices},
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
		if n == 0 {
			return "good"
		}
		return tone
	}
	of := func(n int) string { return number(int64(n)) }
	return []tile{
		{of(f.all.Devices), "devices depend on the bridge", ""},
		{of(f.notReady), "cannot use Exchange Online directly", tone(f.notReady, "warn")},
		{of(f.weakNow), "used weak encryption in the last 30 days", tone(f.weakNow, "bad")},
		{of(f.all.Overdue), "are past their deadline", tone(f.all.Overdue, "bad")},
		{of(f.all.NoDate), "have no deadline", tone(f.all.NoDate, "warn")},
		{of(f.unowned), "have no owner", tone(f.unowned, "warn")},
		{of(len(f.quiet)), "have gone quiet", ""},
		{money(r.Currency, f.all.cents), "estimated for " + count(f.all.Estimated, "device", "devices"), ""},
	}
}

// sentences say the same as the figures to who reads only them.
func sentences(r *Report, f *figures) []string {
	if f.all.Devices == 0 {
		return []string{"No device depends on the bridge: it can be raised."}
	}
	said := []string{fmt.Sprintf("On %s, %s on the bridge to read mail. %s cannot use Exchange Online directly; %s.",
		r.Now.Format("2 January 2006"), count(f.all.Devices, "device depends", "devices depend"), capital(howMany(f.notReady, f.all.Devices)),
		directWords(f.direct))}
	if f.weakNow > 0 {
		said = append(said, fmt.Sprintf("In the last 30 days %s encryption weaker than TLS 1.2, or none.",
			count(f.weakNow, "device used", "devices used")))
	} else {
		said = append(said, "No device used encryption weaker than TLS 1.2 in the last 30 days.")
	}
	said = append(said, planSentence(f), costSentence(r, f))
	if n := len(f.quiet); n > 0 {
		said = append(said, fmt.Sprintf("%s not been seen for 30 days and may be gone already.", count(n, "device has", "devices have")))
	}
	return said
}

func directWords(direct int) string {
	switch direct {
	case 0:
		return "none could leave the bridge today as far as encryption goes"
	case 1:
		return "1 could leave the bridge as far as encryption goes"
	}
	return number(int64(direct)) + " could leave the bridge as far as encryption goes"
}

func howMany(n, all int) string {
	switch {
	case n == 0:
		return "none"
	case n == all && n > 1:
		return "all of them"
	}
	return number(int64(n))
}

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func planSentence(f *figures) string {
	if f.all.Overdue+f.all.NoDate+f.unowned == 0 {
		return "Every device has an owner and a deadline, and no deadline has passed."
	}
	var parts []string
	if f.all.Overdue > 0 {
		parts = append(parts, count(f.all.Overdue, "device is past its deadline", "devices are past their deadline"))
	}
	if f.all.NoDate > 0 {
		parts = append(parts, count(f.all.NoDate, "has none", "have none"))
		if f.all.Overdue == 0 {
			parts[0] = count(f.all.NoDate, "device has no deadline", "devices have no deadline")
		}
	}
	if f.unowned > 0 {
		parts = append(parts, "nobody owns "+number(int64(f.unowned)))
	}
	return capital(strings.Join(parts, "; ")) + "."
}

func costSentence(r *Report, f *figures) string {
	if f.all.Estimated == 0 {
		return "No device has a cost estimate yet."
	}
	sentence := fmt.Sprintf("The work on %s is estimated at %s", count(f.all.Estimated, "device", "devices"), money(r.Currency, f.all.cents))
	if n := f.all.Unestimated(); n > 0 {
		return sentence + "; " + count(n, "device has", "devices have") + " no estimate yet."
	}
	return sentence + "."
}

// notes say what the figures mean and do not.
func notes(r *Report, f *figures) []string {
	said := []string{
		"A device counts as depending on the bridge until it is blocked or removed from the inventory." + blockedWords(f.blocked),
		"Weak encryption is SSL, TLS 1.0 and TLS 1.1 (RFC 6176, RFC 7568, RFC 8996), and sessions without TLS of devices that are known to speak without it.",
		"Readiness is judged by what a device offers in its handshake. A device that is ready may still log in by password, which Exchange Online refuses.",
		"Dates are of the time zone " + r.Now.Format("MST") + "; days in the trend are UTC.",
	}
	if f.strangers > 0 {
		said = append(said, fmt.Sprintf("%s tried without ever logging in; they read no mail and are in none of the figures.", count(f.strangers, "source has", "sources have")))
	}
	if n := r.Totals.TurnedAway; n > 0 {
		said = append(said, count(n, "connection", "connections")+" got no session, since limits were reached.")
	}
	if n := r.Totals.BadLines; n > 0 {
		said = append(said, count(n, "line", "lines")+" of the records could not be read and are in none of the figures.")
	}
	return said
}

func blockedWords(n int) string {
	if n == 0 {
		return ""
	}
	return " " + count(n, "device is", "devices are") + " blocked by now."
}

// row is one device in a list.
type row struct {
	ID, Name, Vendor, Account, Mailbox, Category, Version, Readiness, Blockers, Step, Stage string
	Deadline, Owner, Priority, Cost, Note, FirstSeen, LastSeen, Sessions                    string
	Due                                                                                     string // "overdue by 3 days", "in 97 days"
	Overdue, Quiet                                                                          bool
	Weak, WeakSince, WeakLast, WeakUntil, WeakSessions                                      string
	WeakTone                                                                                string
}

func newRow(r *Report, d *inventory.Device) row {
	weak := weakUse(d)
	text := inventory.Printable
	one := row{
		ID: text(d.ID), Name: text(d.SourceName), Vendor: text(d.Vendor), Account: text(d.Account), Mailbox: text(d.Mailbox),
		Category: text(categoryWords(d.Category)), Version: text(versionName(d.TLSVersion)), Readiness: text(d.Readiness),
		Blockers: text(strings.Join(d.Blockers, ", ")), Step: text(stepWords(d.NextStep)), Stage: text(string(d.Stage)),
		Deadline: text(d.Deadline), Owner: text(d.Owner), Priority: text(d.Priority), Cost: text(d.Cost), Note: text(d.Note),
		FirstSeen: r.date(d.FirstSeen), LastSeen: r.date(d.LastSeen), Sessions: number(d.Sessions),
		Overdue: r.overdue(d), Quiet: r.quiet(d), Due: r.due(d),
		Weak: weak.String(), WeakSince: r.date(weak.first), WeakLast: r.date(weak.last), WeakSessions: number(weak.sessions),
	}
	one.WeakUntil, one.WeakTone = r.weakUntil(d, weak)
	return one
}

// weakUntil says when a device's use of weak encryption ended or will end.
func (r *Report) weakUntil(d *inventory.Device, weak use) (words, tone string) {
	switch {
	case ended(d, weak):
		return "ended " + r.date(weak.last), "good"
	case d.Stage == inventory.StageBlock:
		return "ended: blocked", "good"
	case deadline(d) == "":
		return "open", "bad"
	case r.overdue(d):
		return d.Deadline + ", overdue", "bad"
	}
	return d.Deadline, ""
}

// due says how far away a deadline is.
func (r *Report) due(d *inventory.Device) string {
	day, err := time.Parse(dateLayout, d.Deadline)
	if err != nil {
		return ""
	}
	today, _ := time.Parse(dateLayout, r.today()) // of our own making
	switch days := int(day.Sub(today).Hours() / 24); {
	case days < 0:
		return "overdue by " + count(-days, "day", "days")
	case days == 0:
		return "today"
	default:
		return "in " + count(days, "day", "days")
	}
}
