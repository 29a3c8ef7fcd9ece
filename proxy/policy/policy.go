package policy

import (
	"errors"
	"fmt"
	"net/netip"

	"drawbridge/internal/glob"
	"drawbridge/inventory"
)

// SettingUpstream is the setting that leads to an upstream.
const SettingUpstream = "upstream"

// Default stands in Decision.Rules for a setting that no rule set.
const Default = "default"

// Rule gives the sessions that match it their settings. An empty setting leaves it to the rules below.
type Rule struct {
	Match    Match // of the zero value every session
	Upstream string
}

// Match says which sessions a rule is for: those for which all its keys hold. A key that is nil holds for all; of one
// that is a list, one entry has to fit. Listeners and upstreams are compared as they are, accounts without case.
type Match struct {
	Source    []netip.Prefix
	Listener  []string
	Protocol  []string // "imap", "pop3"
	Account   []string // globs: * is any text and ? any character
	Readiness []string // "ready", "legacy", "obsolete", "unknown"
	// Blockers holds for a device that has one of them; empty, but not nil, for one that is ready and has none.
	Blockers []string
	Not      *Match // holds where this one does not
}

// Facts are what is known of a session when it is decided.
type Facts struct {
	Source             netip.Addr
	Listener, Protocol string
	Account            string // as typed
	Readiness          string
	Blockers           []string
}

// FactsOf returns the facts of s, whose login presented account.
func FactsOf(s *inventory.Session, account string) Facts {
	blockers := s.Blockers()
	f := Facts{
		Source: s.Source.IP, Listener: s.Listener, Protocol: s.Protocol, Account: account,
		Readiness: string(s.Readiness()), Blockers: make([]string, len(blockers)),
	}
	for i, b := range blockers {
		f.Blockers[i] = string(b)
	}
	return f
}

// Decision is what the rules say of a session.
type Decision struct {
	Upstream string
	Rules    map[string]string // which rule gave each setting: "rules[3]", or Default
}

// Table is a compiled list of rules. It does not change and is safe for concurrent use.
type Table struct {
	rules           []rule
	defaultUpstream string
}

// rule is a Rule with its name in records.
type rule struct {
	name     string
	match    matcher
	upstream string
}

// Compile makes a Table of rules; sessions for which none sets an upstream go to defaultUpstream, the first one of the
// configuration. The error joins all faults and names the rule and key of each.
func Compile(rules []Rule, defaultUpstream string) (*Table, error) {
	t := &Table{rules: make([]rule, 0, len(rules)), defaultUpstream: defaultUpstream}
	var faults []error
	if defaultUpstream == "" {
		faults = append(faults, errors.New("upstreams: at least one is needed"))
	}
	for i, r := range rules {
		name := fmt.Sprintf("rules[%d]", i)
		m, err := compileMatch(name+".match", &r.Match)
		faults = append(faults, err)
		t.rules = append(t.rules, rule{name, *m, r.Upstream})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return t, nil
}

// Decide returns what the rules say of a session with these facts.
func (t *Table) Decide(f Facts) Decision {
	upstream, name := t.upstream(newSubject(f))
	return Decision{Upstream: upstream, Rules: map[string]string{SettingUpstream: name}}
}

// upstream returns the upstream of s and the rule that says so.
func (t *Table) upstream(s *subject) (upstream, name string) {
	for i := range t.rules {
		r := &t.rules[i]
		if r.upstream != "" && r.match.holds(s) {
			return r.upstream, r.name
		}
	}
	return t.defaultUpstream, Default
}

// subject is the Facts in the form that matchers compare with.
type subject struct {
	Facts
	protocol, readiness, blockers wordSet
}

func newSubject(f Facts) *subject {
	f.Source = inventory.PlainAddress(f.Source)
	f.Account = glob.Fold(f.Account)
	return &subject{
		Facts:     f,
		protocol:  setOf(protocols, f.Protocol),
		readiness: setOf(readiness[:], f.Readiness),
		blockers:  setOf(blockers[:], f.Blockers...),
	}
}
