package policy

import (
	"strings"
	"unicode/utf8"
)

// glob is a compiled pattern: * stands for any text, the empty one too, and ? for one character. Nothing else has a
// meaning, backslashes (CONTOSO\scanner1) and brackets included.
type glob struct {
	prefix, suffix string   // before the first * and behind the last
	middle         []string // between them, each to be found behind the one before
	exact          bool     // there is no *: prefix is all
	questions      bool     // some piece has a ?
}

func compileGlob(pattern string) glob {
	pieces := strings.Split(pattern, "*")
	g := glob{prefix: pieces[0], questions: strings.Contains(pattern, "?")}
	if len(pieces) == 1 {
		g.exact = true
		return g
	}
	last := len(pieces) - 1
	g.suffix = pieces[last]
	for _, piece := range pieces[1:last] {
		if piece != "" {
			g.middle = append(g.middle, piece)
		}
	}
	return g
}

// matches reports whether all of s fits. Without a ? it takes time linear in s.
func (g *glob) matches(s string) bool {
	if g.questions {
		return g.matchesCharacters(s)
	}
	if g.exact {
		return s == g.prefix
	}
	if len(s) < len(g.prefix)+len(g.suffix) || !strings.HasSuffix(s, g.suffix) || !strings.HasPrefix(s, g.prefix) {
		return false
	}
	s = s[len(g.prefix) : len(s)-len(g.suffix)]
	for _, piece := range g.middle {
		_, behind, ok := strings.Cut(s, piece)
		if !ok {
			return false
		}
		s = behind
	}
	return true
}

// matchesCharacters is matches for pieces with a ?. Taking the first place where a piece fits leaves most for the next
// ones, so nothing is ever tried twice.
func (g *glob) matchesCharacters(s string) bool {
	n, ok := leads(s, g.prefix)
	if !ok || g.exact {
		return ok && n == len(s)
	}
	s = s[n:]
	for _, piece := range g.middle {
		if s, ok = cutFirst(s, piece); !ok {
			return false
		}
	}
	return trails(s, g.suffix)
}

// leads reports whether s begins with piece, and how many bytes of s that takes.
func leads(s, piece string) (int, bool) {
	n := 0
	for _, want := range piece {
		got, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || want != '?' && want != got {
			return 0, false
		}
		n += size
	}
	return n, true
}

// cutFirst returns what is behind the first place in s where piece fits.
func cutFirst(s, piece string) (string, bool) {
	for i := range s {
		if n, ok := leads(s[i:], piece); ok {
			return s[i+n:], true
		}
	}
	return "", false
}

// trails reports whether s ends with piece.
func trails(s, piece string) bool {
	skip := utf8.RuneCountInString(s) - utf8.RuneCountInString(piece)
	for i := range s {
		if skip == 0 {
			_, ok := leads(s[i:], piece)
			return ok
		}
		skip--
	}
	return skip == 0 && piece == ""
}
