package report

import (
	"strings"
	"time"

	"drawbridge/inventory"
)

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
	case r.ended(d, weak):
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
