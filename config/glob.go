package config

import (
	"strings"

	"drawbridge/internal/glob"
)

// globMatches tells whether a pattern of account names fits a name.
func globMatches(pattern, name string) bool {
	p := glob.Compile(pattern)
	return p.Matches(glob.Fold(name))
}

// mayMatch tells whether a pattern may fit a name, or one of the names that a second pattern stands for. Of two patterns
// only their ends are compared, so it may say yes where no is right.
func mayMatch(pattern, name string) bool {
	if !isPattern(name) {
		return globMatches(pattern, name)
	}
	headA, tailA := ends(pattern)
	headB, tailB := ends(name)
	return (strings.HasPrefix(headA, headB) || strings.HasPrefix(headB, headA)) &&
		(strings.HasSuffix(tailA, tailB) || strings.HasSuffix(tailB, tailA))
}

// covers tells whether a pattern fits a name, or every name that a second pattern stands for. It may say no where yes is
// right.
func covers(pattern, name string) bool {
	if isPattern(name) && strings.Contains(pattern, "?") {
		return strings.EqualFold(pattern, name)
	}
	return globMatches(pattern, name) // what is wild in name is taken by a * of pattern, for nothing else fits it
}

// ends returns what stands before the first wild character and behind the last one, folded.
func ends(pattern string) (head, tail string) {
	pattern = glob.Fold(pattern)
	if !isPattern(pattern) {
		return pattern, pattern
	}
	return pattern[:strings.IndexAny(pattern, "*?")], pattern[strings.LastIndexAny(pattern, "*?")+1:]
}
