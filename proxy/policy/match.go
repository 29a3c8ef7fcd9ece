package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"drawbridge/internal/protocol"
)

// The words that a match may use.
var (
	protocols = protocol.Names()
	readiness = [...]string{"ready", "legacy", "obsolete", "unknown"}
	blockers  = [...]string{"no_tls", "no_login", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"}
)

// Blockers returns the words of a match's key of that name.
func Blockers() []string { return slices.Clone(blockers[:]) }

// matcher is a compiled Match.
type matcher struct {
	protocol, readiness, blockers wordSet // empty where the key is not set
	noBlockers                    bool
	listener, mac                 []string
	account, device               nameList
	source                        addressList
	percent                       int // devices of a hundred; -1 where the key is not set
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
		mac:        m.MAC,
		account:    listNames(m.Account),
		device:     listNames(m.Device),
		percent:    -1,
	}
	faults := []error{
		emptyList(where+".source", m.Source),
		emptyList(where+".listener", m.Listener),
		emptyList(where+".account", m.Account),
		emptyList(where+".mac", m.MAC),
		emptyList(where+".device", m.Device),
		checkWords(where+".protocol", m.Protocol, protocols),
		checkWords(where+".readiness", m.Readiness, readiness[:]),
	}
	if len(m.Blockers) > 0 {
		faults = append(faults, checkWords(where+".blockers", m.Blockers, blockers[:]))
	}
	var plain []netip.Prefix
	for _, p := range m.Source {
		one, err := plainPrefix(where+".source", p)
		faults = append(faults, err)
		plain = append(plain, one)
	}
	c.source = listAddresses(plain)
	if m.UpstreamPercent != nil {
		c.percent = *m.UpstreamPercent
		faults = append(faults, checkPercent(where+".upstream_percent", c.percent))
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
	if m.Source == nil && m.MAC == nil && m.Listener == nil && m.Protocol == nil && m.Account == nil && m.Device == nil &&
		m.Readiness == nil && m.Blockers == nil && m.UpstreamPercent == nil && m.Not == nil {
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

func checkPercent(where string, percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("%s: %d is no percentage: write 0 to 100", where, percent)
	}
	return nil
}

// holds reports whether all keys hold for s. What is looked at quickest comes first.
func (m *matcher) holds(s *subject) bool {
	return m.fitsWords(s) && m.fitsPercent(s) && m.fitsListener(s) && m.fitsMAC(s) && m.fitsAccount(s) && m.fitsDevice(s) &&
		m.source.fits(s.Source) && (m.not == nil || !m.not.holds(s))
}

func (m *matcher) fitsWords(s *subject) bool {
	if m.noBlockers && (s.blockers != 0 || s.Readiness != readiness[0]) {
		return false
	}
	return m.protocol.fits(s.protocol) && m.readiness.fits(s.readiness) && m.blockers.fits(s.blockers)
}

func (m *matcher) fitsPercent(s *subject) bool { return m.percent < 0 || s.percent < m.percent }

func (m *matcher) fitsListener(s *subject) bool {
	return m.listener == nil || slices.Contains(m.listener, s.Listener)
}

func (m *matcher) fitsMAC(s *subject) bool { return m.mac == nil || slices.Contains(m.mac, s.MAC) }

func (m *matcher) fitsAccount(s *subject) bool {
	return m.account.fits(s.Account) || s.Listed != "" && m.account.fits(s.Listed)
}

func (m *matcher) fitsDevice(s *subject) bool { return m.device.fits(s.Device) }

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
