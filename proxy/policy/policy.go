package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"drawbridge/internal/glob"
	"drawbridge/inventory"
)

// Rule gives the sessions that match it their settings, from From on and before Until; the zero time is no bound.
type Rule struct {
	Match       Match // of the zero value every session
	From, Until time.Time
	Settings
}

// Match says which sessions a rule is for: those for which all its keys hold. A key that is nil holds for all; of one
// that is a list, one entry has to fit. Listeners and upstreams are compared as they are, accounts and devices without case.
type Match struct {
	Source    []netip.Prefix
	MAC       []string // lower case, with colons
	Listener  []string
	Protocol  []string // "imap", "pop3"
	Account   []string // globs: * is any text and ? any character
	Device    []string // globs of ids such as 10.20.3.7/scanner1
	Readiness []string // "ready", "legacy", "obsolete", "unknown"
	// Blockers holds for a device that has one of them; empty, but not nil, for one that is ready and has none.
	Blockers []string
	// UpstreamPercent holds for so many of a hundred devices, always the same ones, and those of a smaller number among them.
	UpstreamPercent *int
	Not             *Match // holds where this one does not
}

// Facts are what is known of a session when it is decided.
type Facts struct {
	Source             netip.Addr
	MAC                string // empty where it is not known
	Listener, Protocol string
	Account            string // as typed
	// Listed is the name of the entry that the account counts as, where one is listed: a rule for either is for both.
	Listed    string
	Device    string // the id it has once it is verified
	Readiness string
	Blockers  []string
	Set       inventory.Plan
}

// FactsOf returns the facts of s, whose login presented account, listed as that or not at all.
func FactsOf(s *inventory.Session, account, listed string, set inventory.Plan) Facts {
	blockers := s.Blockers()
	f := Facts{
		Source: s.Source.IP, MAC: s.Source.MAC, Listener: s.Listener, Protocol: s.Protocol, Account: account, Listed: listed,
		Device: s.DeviceOf(account), Readiness: string(s.Readiness()), Blockers: make([]string, len(blockers)), Set: set,
	}
	if listed != "" {
		f.Device = s.DeviceOf(listed)
	}
	for i, b := range blockers {
		f.Blockers[i] = string(b)
	}
	return f
}

// Table is a compiled list of rules. It does not change and is safe for concurrent use.
type Table struct {
	rules           []rule
	defaultUpstream string
	zone            *time.Location
}

// rule is a Rule with its name in records.
type rule struct {
	name        string
	match       matcher
	from, until time.Time
	always      bool // neither from nor until
	settings    Settings
	gives       settingSet
}

// Compile makes a Table of rules; sessions for which none sets an upstream go to defaultUpstream, the first one of the
// configuration. Hours and dates are those of zone. The error joins all faults and names the rule and key of each.
func Compile(rules []Rule, defaultUpstream string, zone *time.Location) (*Table, error) {
	t := &Table{rules: make([]rule, 0, len(rules)), defaultUpstream: defaultUpstream, zone: zone}
	var faults []error
	if defaultUpstream == "" {
		faults = append(faults, errors.New("upstreams: at least one is needed"))
	}
	for i := range rules {
		r := &rules[i]
		name := fmt.Sprintf("rules[%d]", i)
		m, err := compileMatch(name+".match", &r.Match)
		faults = append(faults, err)
		t.rules = append(t.rules, rule{name: name, match: *m, from: r.From, until: r.Until,
			always: r.From.IsZero() && r.Until.IsZero(), settings: r.Settings, gives: r.given()})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return t, nil
}

// Decide returns what the rules say at that time of a session with these facts. It depends on nothing else.
func (t *Table) Decide(f Facts, at time.Time) Decision {
	s := newSubject(f)
	return t.decide(t.rules, s, at.In(t.zone))
}

// CutsSessions reports whether a rule of the table may end a session that is under way.
func (t *Table) CutsSessions() bool {
	for i := range t.rules {
		if cut := t.rules[i].settings.CutSessions; cut != nil && *cut {
			return true
		}
	}
	return false
}

// choice is the rule that gives each setting; nil where none does.
type choice [settings]*rule

// decide looks through rules, all of the table or those that match s.
func (t *Table) decide(rules []rule, s *subject, at time.Time) Decision {
	open := allSettings
	if s.Set.Stage != "" {
		open &^= 1 << stage
	}
	var by choice
	for i := range rules {
		r := &rules[i]
		found := r.gives & open
		if found == 0 || !r.holdsAt(at) || !r.match.holds(s) {
			continue
		}
		for one := range settings {
			if found.has(one) {
				by[one] = r
			}
		}
		if open &^= found; open == 0 {
			break
		}
	}
	return t.decision(&by, s, at)
}

func (r *rule) holdsAt(at time.Time) bool {
	return r.always || (r.from.IsZero() || !at.Before(r.from)) && (r.until.IsZero() || at.Before(r.until))
}

// decision puts together what the chosen rules give.
func (t *Table) decision(by *choice, s *subject, at time.Time) Decision {
	d := Decision{Upstream: t.defaultUpstream, Given: inventory.StageBridge, Rules: Rules{SettingUpstream: Default, SettingStage: Default}}
	for one, r := range by {
		if r != nil {
			t.take(&d, setting(one), r, s) //nolint:gosec // there are eight
			d.Rules[names[one]] = r.name
		}
	}
	if s.Set.Stage != "" {
		d.Given, d.Rules[SettingStage] = s.Set.Stage, Device
	}
	d.Stage = d.effective(at)
	if d.DryRun && d.Stage != inventory.StageBridge {
		d.Stage, d.WouldStage = inventory.StageBridge, d.Stage
	}
	return d
}

// take takes one setting from the rule that gives it.
func (t *Table) take(d *Decision, one setting, r *rule, s *subject) {
	switch from := &r.settings; one {
	case upstream:
		d.Upstream = from.Upstream
	case mailbox:
		d.Mailbox = from.Mailbox
	case stage:
		d.Given = from.Stage
	case windows:
		d.Schedule = from.Schedule
	case blockFrom:
		d.BlockFrom = from.BlockFrom.At
		if from.BlockFrom.Deadline {
			d.BlockFrom = s.Set.Begins(t.zone)
		}
	case message:
		d.Message = from.Message
	case dryRun:
		d.DryRun = *from.DryRun
	case cutSessions:
		d.CutSessions = *from.CutSessions
	}
}

// subject is the Facts in the form that matchers compare with.
type subject struct {
	Facts
	protocol, readiness, blockers wordSet
	percent                       int
}

func newSubject(f Facts) *subject {
	f.Source = inventory.PlainAddress(f.Source)
	f.Account, f.Listed, f.Device = glob.Fold(f.Account), glob.Fold(f.Listed), glob.Fold(f.Device)
	f.MAC = strings.ToLower(f.MAC)
	return &subject{
		Facts:     f,
		protocol:  setOf(protocols, f.Protocol),
		readiness: setOf(readiness[:], f.Readiness),
		blockers:  setOf(blockers[:], f.Blockers...),
		percent:   percentOf(f.Device),
	}
}
