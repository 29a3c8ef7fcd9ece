package config

import (
	"slices"

	"drawbridge/internal/glob"
)

// names are the patterns of one match's account, kept so that a single name is found at once: a file may have 100,000 of them, and
// each account without a password is held against all.
type names struct {
	exact    map[string]bool // those without * and ?, folded
	patterns []string        // the others
	compiled []glob.Pattern
}

func namesOf(list []string) *names {
	n := &names{exact: make(map[string]bool, len(list))}
	for _, pattern := range list {
		if !isPattern(pattern) {
			n.exact[glob.Fold(pattern)] = true
			continue
		}
		n.patterns = append(n.patterns, pattern)
		n.compiled = append(n.compiled, glob.Compile(pattern))
	}
	return n
}

// mayMatch tells whether one of them fits a name, or may fit one of the names that a pattern stands for.
func (n *names) mayMatch(name string) bool {
	if !isPattern(name) {
		return n.matches(glob.Fold(name))
	}
	fleet := glob.Compile(name)
	for exact := range n.exact {
		if fleet.Matches(exact) {
			return true
		}
	}
	return slices.ContainsFunc(n.patterns, func(pattern string) bool { return mayOverlap(pattern, name) })
}

// cover tells whether one of them fits a name, or all names that a pattern stands for. It may say no where yes is right.
func (n *names) cover(name string) bool {
	if !isPattern(name) {
		return n.matches(glob.Fold(name))
	}
	return slices.ContainsFunc(n.patterns, func(pattern string) bool { return covers(pattern, name) })
}

func (n *names) matches(folded string) bool {
	return n.exact[folded] || slices.ContainsFunc(n.compiled, func(p glob.Pattern) bool { return p.Matches(folded) })
}

// nameLists remembers the names of each match.
type nameLists map[*Match]*names

func (l nameLists) of(m *Match) *names {
	if l[m] == nil {
		l[m] = namesOf(m.Account)
	}
	return l[m]
}
