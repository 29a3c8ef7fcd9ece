package config

import (
	"slices"
	"strings"
	"unicode"
)

// suggest says what to write instead of an unknown key: the nearest known one, or all of them.
func suggest(key string, known []string) string {
	if near := nearest(key, known); near != "" {
		return "write " + near
	}
	if len(known) == 0 {
		return "leave it out"
	}
	known = slices.Clone(known)
	slices.Sort(known)
	return "the keys here are " + strings.Join(slices.Compact(known), ", ")
}

// parser reads one text; it says what is wrong and what to write instead.
type parser = func(text string) (string, *mistake)

// textThat reads a text of some form; a problem names what was written, at its %s.
func textThat(fits func(text string) bool, mend, problem string) parser {
	return func(text string) (string, *mistake) {
		if !fits(text) {
			return "", wrong(mend, problem, quoted(text))
		}
		return text, nil
	}
}

// maybe lets a text be empty: none.
func maybe(parse parser) parser {
	return func(text string) (string, *mistake) {
		if text == "" {
			return "", nil
		}
		return parse(text)
	}
}

// oneOf reads a word of a closed list.
func oneOf(words ...string) parser {
	fits := func(text string) bool { return slices.Contains(words, text) }
	return textThat(fits, "write "+alternatives(words), "%s is not a value of this key")
}

// isPrintable tells a text in one line that any terminal shows.
func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// isASCII tells a text of printable ASCII: SASL, IMAP and POP3 carry nothing else safely.
func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// alternatives writes a list as a person would: a, b or c.
func alternatives(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// nearest returns the known word that is most like text, or "" when none is like it.
func nearest(text string, known []string) string {
	if len(text) > maxShown {
		return ""
	}
	alike := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "_")) }
	text = alike(text)
	best, least := "", max(1, (len(text)+1)/3)+1
	for _, word := range known {
		if d := distance(text, alike(word)); d < least && d < len(word) {
			best, least = word, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, change or swap with their neighbour to turn a into b (optimal string
// alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+1)
			if a[i-1] == b[j-1] {
				row[j] = min(row[j], last[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
