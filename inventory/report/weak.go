package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
	"drawbridge/inventory/words"
)

// use tells when and how a device used encryption that is no longer taken for any.
type use struct {
	versions    []string // by their names in reports, the weakest first
	first, last time.Time
	sessions    int64
}

// weakUse returns a device's use of versions below TLS 1.2. Sessions without a completed handshake count where the
// device is known to speak without TLS: otherwise they are attempts that came to nothing.
func weakUse(d *inventory.Device) use {
	var u use
	inClear := slices.Contains(d.Blockers, "no_tls")
	for _, v := range d.TLSVersions {
		if !weakVersion(v.Version) && !(inClear && v.Version == "none") {
			continue
		}
		u.versions = append(u.versions, versionWord(v.Version))
		u.sessions += v.Sessions
		if u.first.IsZero() || v.FirstSeen.Before(u.first) {
			u.first = v.FirstSeen
		}
		if v.LastSeen.After(u.last) {
			u.last = v.LastSeen
		}
	}
	return u
}

// weakVersion reports whether RFC 8996 or RFC 7568 or RFC 6176 forbid a version.
func weakVersion(version string) bool {
	return version == "ssl2" || version == "ssl3" || version == "1.0" || version == "1.1"
}

// versionWord is versionName for a sentence.
func versionWord(version string) string {
	if version == "none" {
		return "no TLS"
	}
	return versionWords(version)
}

func (u use) String() string { return strings.Join(u.versions, ", ") }

// stranger reports whether a device stands for the sessions of a source without a verified login.
func stranger(d *inventory.Device) bool { return d.Account == inventory.Stranger }

// row is one device in a list.
type row struct {
	ID, Name, Vendor, Account, Mailbox, Category, Version, Readiness, Blockers, Step, Stage string
	Deadline, Owner, Priority, Cost, Note, FirstSeen, LastSeen, Sessions                    string
	Due                                                                                     string // "overdue by 3 days", "in 97 days"
	Overdue, Quiet                                                                          bool
	Weak, WeakSince, WeakLast, WeakUntil, WeakSessions                                      string
	Claimed, Reason, Advice, Then                                                           string
	WeakTone                                                                                string
}

func newRow(r *Report, d *inventory.Device) row {
	weak := weakUse(d)
	text := inventory.Printable
	one := row{
		ID: text(d.ID), Name: text(d.SourceName), Vendor: text(d.Vendor), Account: text(d.Account), Mailbox: text(d.Mailbox),
		Category: text(categoryWords(d)), Version: text(versionWords(d.TLSVersion)), Readiness: text(readinessWords(d)),
		Blockers: text(blockerWords(d)), Step: text(stepWords(d)), Stage: text(stageNow(d)),
		Deadline: text(d.Deadline), Owner: text(d.Owner), Priority: text(d.Priority), Cost: text(d.Cost), Note: text(d.Note),
		FirstSeen: r.date(d.FirstSeen), LastSeen: r.date(d.LastSeen), Sessions: words.Number(d.Sessions),
		Overdue: r.overdue(d), Quiet: r.quiet(d), Due: r.due(d),
		Weak: weak.String(), WeakSince: r.date(weak.first), WeakLast: r.date(weak.last), WeakSessions: words.Number(weak.sessions),
		Claimed: text(d.ClaimedAccount), Reason: text(reason(d)), Advice: text(advice(d)),
		Then: text(r.then(d)),
	}
	one.WeakUntil, one.WeakTone = r.weakUntil(d, weak)
	return one
}

// stageNow is the stage that holds now, with what it would be but for a dry run.
func stageNow(d *inventory.Device) string {
	if d.Outlook == nil {
		return string(d.StageNow())
	}
	return d.Outlook.StageWords()
}

// then says what comes next for a device, and when; nothing where nothing is planned.
func (r *Report) then(d *inventory.Device) string {
	if d.Outlook == nil || d.Outlook.Next == nil {
		return ""
	}
	return "then " + d.Outlook.NextWords() + " on " + r.date(d.Outlook.Next.At)
}

// weakUntil says when a device's use of weak encryption ended or will end.
func (r *Report) weakUntil(d *inventory.Device, weak use) (words, tone string) {
	switch {
	case r.ended(d, weak):
		return "ended " + r.date(weak.last), "good"
	case d.StageNow() == inventory.StageBlock:
		return "ended: blocked", "good"
	case deadline(d) == "":
		return "open", "bad"
	case r.overdue(d):
		return d.Deadline + ", overdue", "bad"
	}
	return d.Deadline, ""
}

// reason says why a device's latest session that had a reason came to nothing.
func reason(d *inventory.Device) string {
	return cmp.Or(d.LastReason, "no session told why")
}

// due says how far away a deadline is.
func (r *Report) due(d *inventory.Device) string {
	if deadline(d) == "" {
		return ""
	}
	switch days := burndown.Days(r.today(), d.Deadline); {
	case days < 0:
		return "overdue by " + words.Count(-days, "day", "days")
	case days == 0:
		return "today"
	default:
		return "in " + words.Count(days, "day", "days")
	}
}
