package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// labels are the words that are in none of the vocabularies. What is not listed is shown as it is, with spaces.
var labels = map[string]string{
	"local_ca": "Local CA", "acme": "ACME", "file": "File", "implicit": "Implicit TLS", "starttls": "STARTTLS", "cost": "Cost estimate",
	"source_mac": "MAC address", "snmp_description": "SNMP description", "imap": "IMAP", "pop3": "POP3",
}

// vocabularies are those of the contract. A word that several have means the same in each.
func vocabularies() []words.Vocabulary {
	return []words.Vocabulary{words.Readiness(), words.Stages(), words.Outcomes(), words.TLSVersions(), words.NextSteps(), words.Categories(),
		words.Blockers(), words.Priorities()}
}

// label returns a word of ours as people read it. Any string type will do.
func label(word any) string {
	s := inventory.Printable(fmt.Sprint(word))
	for _, v := range vocabularies() {
		if w, ok := v.Find(s); ok {
			return w.Label
		}
	}
	if l, ok := labels[s]; ok {
		return l
	}
	return sentence(strings.ReplaceAll(s, "_", " "))
}

// short returns the beginning of what a device sent, where the whole is told elsewhere.
func short(s string) string {
	const most = 64
	s = inventory.Printable(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// number writes n with thin separators of thousands.
func number(n any) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && c != '-' && s[i-1] != '-' && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// byteSize writes a number of bytes in two or three digits.
func byteSize(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len(units)-1 {
		f, unit = f/1024, unit+1
	}
	digits := 0
	if f < 10 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + units[unit:unit+1] + "iB"
}

// exact writes a moment as people in Options.Zone do.
func (d *dashboard) exact(t time.Time) string { return t.In(d.Zone).Format("2006-01-02 15:04:05 MST") }

// day writes the date of a moment, in Options.Zone.
func (d *dashboard) day(t time.Time) string { return t.In(d.Zone).Format(time.DateOnly) }

// ago writes how long a moment is past, or how far it is ahead.
func (d *dashboard) ago(t time.Time) string {
	since := d.Now().Sub(t)
	if since < 0 {
		return "in " + span(-since)
	}
	if since < 10*time.Second {
		return "just now"
	}
	return span(since) + " ago"
}

// span writes a duration in its largest unit.
func span(d time.Duration) string {
	for _, u := range [...]struct {
		size         time.Duration
		name, plural string
	}{
		{365 * 24 * time.Hour, "year", "s"}, {24 * time.Hour, "day", "s"}, {time.Hour, "hour", "s"}, {time.Minute, "min", ""},
		{time.Second, "s", ""},
	} {
		n := int64(d / u.size)
		if n < 1 || u.name == "year" && n < 2 { // 400 days say more than a year
			continue
		}
		if n > 1 {
			u.name += u.plural
		}
		return fmt.Sprintf("%d %s", n, u.name)
	}
	return "0 s"
}

// until writes how many days are left to a date such as 2027-03-01, in Options.Zone.
func (d *dashboard) until(date string) string {
	days, ok := d.daysLeft(date)
	switch {
	case !ok:
		return ""
	case days < -1:
		return fmt.Sprintf("%d days overdue", -days)
	case days == -1:
		return "1 day overdue"
	case days == 0:
		return "today"
	case days == 1:
		return "tomorrow"
	}
	return fmt.Sprintf("in %d days", days)
}

func (d *dashboard) daysLeft(date string) (int, bool) {
	day, err := time.ParseInLocation(time.DateOnly, date, d.Zone)
	if err != nil {
		return 0, false
	}
	return int(math.Round(day.Sub(startOfDay(d.Now().In(d.Zone))).Hours() / 24)), true // rounded: days of 23 and 25 hours
}

const readinessReady = "ready"

// troubles are the outcomes that an administrator can do something about.
var troubles = [...]inventory.Outcome{inventory.OutcomeTLSFailed, inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed,
	inventory.OutcomeProtocolError}

// order are the words of a vocabulary as another type has them.
func order[T ~string](v words.Vocabulary) []T { return typed[T](v.Words()) }

// toneClass is the class of the style sheet that colours a word.
func toneClass[T ~string](word T) string {
	for _, v := range vocabularies() {
		if w, ok := v.Find(string(word)); ok {
			return "t-" + string(w.Tone)
		}
	}
	return "t-" + string(words.Plain)
}

// choice is one option of a form's field.
type choice struct {
	Value, Label string
	Selected     bool
}

func choices[T ~string](all []T, selected string) []choice {
	list := make([]choice, len(all))
	for i, v := range all {
		list[i] = choice{string(v), label(v), string(v) == selected}
	}
	return list
}
