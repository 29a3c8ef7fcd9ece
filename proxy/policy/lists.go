package policy

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"drawbridge/internal/glob"
)

// fewEntries is up to how many entries a list is quicker looked through than looked up.
const fewEntries = 8

// nameList is a list of names and globs, such as a wave of thousands of accounts. The zero nameList is no list, which all fit.
type nameList struct {
	globs []glob.Pattern
	names map[string]struct{} // folded; what has no * and no ?, where there are many
	given bool
}

func listNames(patterns []string) nameList {
	l := nameList{given: patterns != nil}
	for _, p := range patterns {
		if len(patterns) <= fewEntries || strings.ContainsAny(p, "*?") {
			l.globs = append(l.globs, glob.Compile(p))
			continue
		}
		if l.names == nil {
			l.names = make(map[string]struct{}, len(patterns))
		}
		l.names[glob.Fold(p)] = struct{}{}
	}
	return l
}

// fits reports whether a name, which is folded, is in the list.
func (l *nameList) fits(folded string) bool {
	if !l.given {
		return true
	}
	if l.names != nil {
		if _, ok := l.names[folded]; ok {
			return true
		}
	}
	for i := range l.globs {
		if l.globs[i].Matches(folded) {
			return true
		}
	}
	return false
}

// size is how many entries the list has.
func (l *nameList) size() int { return len(l.globs) + len(l.names) }

// addressList is a list of addresses and ranges. The zero addressList is no list, which all fit.
type addressList struct {
	few     []netip.Prefix
	many    map[netip.Prefix]struct{}
	lengths []int // of the prefixes in many, each once
	given   bool
}

// listAddresses takes plain prefixes, masked.
func listAddresses(prefixes []netip.Prefix) addressList {
	l := addressList{given: prefixes != nil}
	if len(prefixes) <= fewEntries {
		l.few = prefixes
		return l
	}
	l.many = make(map[netip.Prefix]struct{}, len(prefixes))
	for _, p := range prefixes {
		l.many[p] = struct{}{}
		if !slices.Contains(l.lengths, p.Bits()) {
			l.lengths = append(l.lengths, p.Bits())
		}
	}
	return l
}

// fits reports whether a plain address is in the list.
func (l *addressList) fits(a netip.Addr) bool {
	if !l.given {
		return true
	}
	for i := range l.few {
		if l.few[i].Contains(a) {
			return true
		}
	}
	for _, bits := range l.lengths {
		p, err := a.Prefix(bits)
		if err != nil {
			continue // longer than an IPv4 address
		}
		if _, ok := l.many[p]; ok {
			return true
		}
	}
	return false
}

// size is how many entries the list has.
func (l *addressList) size() int { return len(l.few) + len(l.many) }

// percentOf places a device, whose id is folded, among a hundred: the same for ever, whatever the rules. So a canary of 20 has
// all devices of the one of 10 before it.
func percentOf(device string) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(device))
	sum := h.Sum64()
	sum ^= sum >> 32 // FNV's low bits alone follow the last bytes
	sum *= 0x9e3779b97f4a7c15
	return int(sum >> 32 * 100 >> 32) //nolint:gosec // below 100
}
