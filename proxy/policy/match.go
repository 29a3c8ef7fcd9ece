package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"drawbridge/internal/glob"
	"drawbridge/internal/protocol"
)

// The words that a match may use.
var (
	protocols = protocol.Names()
	readiness = [...]string{"ready", "legacy", "obsolete", "unknown"}
	blockers  = [...]string{"no_tls", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"}
)

// matcher is a compiled Match.
type matcher struct {
	protocol, readiness, blockers wordSet // empty where the key is not set
	noBlockers                    bool
	listener                      []string
	account                       []glob.Pattern
	source                        []netip.Prefix
	not                           *matcher
}

// compileMatch compiles m, whose place in the configuration is where. It returns all faults, joined.
func compileMatch(where string, m *Match) (*matcher, error) {
	c := &matcher{
		protocol:   setOf(protocols, m.Protocol...),
		readiness:  setOf(readiness[:], m.Readiness...),
		blockers:   setOf(blockers[:], m.Blockers...),
		noBlockers: m.Blockers != nil && len(m.Blockers) == 0,
		listener:   m.Listener,
	}
	faults := []error{
		emptyList(where+".source", m.Source),
		emptyList(where+".listener", m.Listener),
		emptyList(where+".account", m.Account),
		checkWords(where+".protocol", m.Protocol, protocols),
		checkWords(where+".readiness", m.Readiness, readiness[:]),
	}
	if len(m.Blockers) > 0 {
		faults = append(faults, checkWords(where+".blockers", m.Blockers, blockers[:]))
	}
	for _, p := range m.Source {
		plain, err := plainPrefix(where+".source", p)
		faults = append(faults, err)
		c.source = append(c.source, plain)
	}
	for _, pattern := range m.Account {
		c.account = append(c.account, glob.Compile(pattern))
	}
	if m.Not != nil {
		not, err := compileNot(where+".not", m.Not)
		faults = append(faults, err)
		c.not = not
	}
	return c, errors.Join(faults...)
}

// compileNot compiles what is negated: without a key it would hold for every session, and its rule for none.
func compileNot(where string, m *Match) (*matcher, error) {
	if m.Source == nil && m.Listener == nil && m.Protocol == nil && m.Account == nil && m.Readiness == nil &&
		m.Blockers == nil && m.Not == nil {
		return nil, fmt.Errorf("%s: it has no key, so the rule would match no session: name one, or leave it out", where)
	}
	return compileMatch(where, m)
}

// emptyList refuses a list without an entry: no session fits it, and it reads as if all did.
func emptyList[T any](where string, list []T) error {
	if list != nil && len(list) == 0 {
		return fmt.Errorf("%s: the list is empty: name what the rule is for, or leave it out", where)
	}
	return nil
}

func checkWords(where string, words, known []string) error {
	for _, w := range words {
		if !slices.Contains(known, w) {
			return fmt.Errorf("%s: %q is none of %s", where, w, strings.Join(known, ", "))
		}
	}
	return emptyList(where, words)
}

// plainPrefix returns p as addresses of sessions are compared with it: IPv4 never mapped into IPv6.
func plainPrefix(where string, p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return p, fmt.Errorf("%s: it holds an entry that is no address or range", where)
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("%s: %s is wider than all of IPv4: write 0.0.0.0/0 or ::/0", where, p)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// holds reports whether all keys hold for s. What is looked at quickest comes first.
func (m *matcher) holds(s *subject) bool {
	return m.fitsWords(s) && m.fitsListener(s) && m.fitsAccount(s) && m.fitsSource(s) &&
		(m.not == nil || !m.not.holds(s))
}

func (m *matcher) fitsWords(s *subject) bool {
	if m.noBlockers && (s.blockers != 0 || s.Readiness != readiness[0]) {
		return false
	}
	return m.protocol.fits(s.protocol) && m.readiness.fits(s.readiness) && m.blockers.fits(s.blockers)
}

func (m *matcher) fitsListener(s *subject) bool {
	return m.listener == nil || slices.Contains(m.listener, s.Listener)
}

func (m *matcher) fitsSource(s *subject) bool {
	if m.source == nil {
		return true
	}
	for i := range m.source {
		if m.source[i].Contains(s.Source) {
			return true
		}
	}
	return false
}

func (m *matcher) fitsAccount(s *subject) bool {
	if m.account == nil {
		return true
	}
	for i := range m.account {
		if m.account[i].Matches(s.Account) {
			return true
		}
	}
	return false
}

// wordSet is a set of the words of one key, a bit each.
type wordSet uint8

// setOf returns the set of those words that are known.
func setOf(known []string, words ...string) wordSet {
	var set wordSet
	for _, w := range words {
		if i := slices.Index(known, w); i >= 0 {
			set |= 1 << i
		}
	}
	return set
}

// fits reports whether one word of the key is among those of a session; without words the key is not set.
func (w wordSet) fits(of wordSet) bool { return w == 0 || w&of != 0 }
