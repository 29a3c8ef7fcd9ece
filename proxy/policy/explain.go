package policy

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is what one rule is to a session.
type Verdict struct {
	Rule    string   `json:"rule"` // "rules[3]"
	Matches bool     `json:"matches"`
	Why     string   `json:"why,omitempty"`     // why it does not match: the first key that does not hold, and what the session has instead
	Gives   []string `json:"gives,omitempty"`   // the settings that it has
	Decides []string `json:"decides,omitempty"` // of them, those that no rule above it gave
}

// Explain returns the decision, and for every rule, in order, whether it matches and what it decides.
func (t *Table) Explain(f Facts, at time.Time) (Decision, []Verdict) {
	d := t.Decide(f, at)
	s := newSubject(f)
	verdicts := make([]Verdict, len(t.rules))
	for i := range t.rules {
		r := &t.rules[i]
		v := Verdict{Rule: r.name, Why: r.why(s, at.In(t.zone))}
		v.Matches = v.Why == ""
		for one := range settings {
			if r.gives.has(one) {
				v.Gives = append(v.Gives, names[one])
			}
			if d.Rules[names[one]] == r.name {
				v.Decides = append(v.Decides, names[one])
			}
		}
		verdicts[i] = v
	}
	return d, verdicts
}

const hour = "2006-01-02 15:04 MST"

// why says why r is not for s at that time; empty: it is.
func (r *rule) why(s *subject, at time.Time) string {
	switch {
	case !r.from.IsZero() && at.Before(r.from):
		return "it holds from " + r.from.In(at.Location()).Format(hour) + " on"
	case !r.until.IsZero() && !at.Before(r.until):
		return "it held until " + r.until.In(at.Location()).Format(hour)
	}
	return r.match.why(s)
}

// why names the first key of m that does not hold for s; empty: all hold.
func (m *matcher) why(s *subject) string {
	for _, key := range []struct {
		fits bool
		why  string
	}{
		{m.protocol.fits(s.protocol), "protocol: it is " + s.Protocol},
		{m.readiness.fits(s.readiness), "readiness: it is " + s.Readiness},
		{m.fitsBlockers(s), "blockers: " + s.blockersText()},
		{m.fitsPercent(s), fmt.Sprintf("upstream_percent: the device is number %d of 0 to 99, and the first %d are meant", s.percent, m.percent)},
		{m.fitsListener(s), "listener: it is " + s.Listener},
		{m.fitsMAC(s), "mac: " + known(s.MAC)},
		{m.fitsAccount(s), "account: " + s.accountText() + noneOf(m.account.size())},
		{m.fitsDevice(s), "device: " + known(s.Device) + noneOf(m.device.size())},
		{m.source.fits(s.Source), "source: " + s.Source.String() + noneOf(m.source.size())},
		{m.not == nil || !m.not.holds(s), "not: all that stands there holds"},
	} {
		if !key.fits {
			return key.why
		}
	}
	return ""
}

func (m *matcher) fitsBlockers(s *subject) bool {
	return m.blockers.fits(s.blockers) && (!m.noBlockers || s.blockers == 0 && s.Readiness == readiness[0])
}

func (s *subject) blockersText() string {
	if s.blockers == 0 {
		return "it has none, and is " + s.Readiness
	}
	return "it has " + strings.Join(s.Blockers, ", ")
}

func (s *subject) accountText() string {
	if s.Listed != "" && s.Listed != s.Account {
		return s.Account + " (listed as " + s.Listed + ")"
	}
	return known(s.Account)
}

func known(text string) string {
	if text == "" {
		return "it is not known"
	}
	return text
}

// noneOf says that something fits none of n entries.
func noneOf(n int) string {
	if n == 1 {
		return " does not fit the entry"
	}
	return fmt.Sprintf(" fits none of the %d entries", n)
}
