// Package glob matches the names of accounts with the patterns that people write for them.
package glob

import (
	"strings"
	"unicode/utf8"
)

// Pattern is a compiled pattern: * stands for any text, the empty one too, and ? for one character. Nothing else has a
// meaning, backslashes (CONTOSO\scanner1) and brackets included. Case makes no difference. It is immutable; the zero
// Pattern matches the empty name alone.
type Pattern struct {
	prefix, suffix string   // before the first * and behind the last
	middle         []string // between them, each to be found behind the one before
	stars          bool     // without one prefix is all
	questions      bool     // some piece has a ? that stands for a character
}

// Compile reads a pattern. Every text is one.
func Compile(pattern string) Pattern {
	p := CompileStars(pattern)
	p.questions = strings.Contains(pattern, "?")
	return p
}

// CompileStars reads a pattern in which * alone has a meaning, and ? is a character like others.
func CompileStars(pattern string) Pattern {
	pieces := strings.Split(Fold(pattern), "*")
	last := len(pieces) - 1
	if last == 0 {
		return Pattern{prefix: pieces[0]}
	}
	p := Pattern{prefix: pieces[0], suffix: pieces[last], stars: true}
	for _, piece := range pieces[1:last] {
		if piece != "" {
			p.middle = append(p.middle, piece)
		}
	}
	return p
}

// Fold returns the form in which names are compared: lower case, so that ß is not ss.
func Fold(name string) string { return strings.ToLower(name) }

// Matches reports whether all of a name fits, which the caller has folded: once, however many patterns it asks. Without a ?
// it takes time linear in the name. Taking the first place where a piece fits leaves most for the next ones, so nothing is
// ever tried twice.
func (p *Pattern) Matches(folded string) bool {
	n, ok := p.leads(folded, p.prefix)
	if !ok || !p.stars {
		return ok && n == len(folded)
	}
	rest := folded[n:]
	for _, piece := range p.middle {
		if rest, ok = p.cutFirst(rest, piece); !ok {
			return false
		}
	}
	return p.trails(rest)
}

// leads reports whether s begins with piece, and how many bytes of s that takes.
func (p *Pattern) leads(s, piece string) (int, bool) {
	if !p.questions {
		return len(piece), strings.HasPrefix(s, piece)
	}
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
func (p *Pattern) cutFirst(s, piece string) (string, bool) {
	if !p.questions {
		_, behind, ok := strings.Cut(s, piece)
		return behind, ok
	}
	for i := range s {
		if n, ok := p.leads(s[i:], piece); ok {
			return s[i+n:], true
		}
	}
	return "", false
}

// trails reports whether s ends with the suffix.
func (p *Pattern) trails(s string) bool {
	if !p.questions {
		return strings.HasSuffix(s, p.suffix)
	}
	skip := utf8.RuneCountInString(s) - utf8.RuneCountInString(p.suffix)
	for i := range s {
		if skip == 0 {
			_, ok := p.leads(s[i:], p.suffix)
			return ok
		}
		skip--
	}
	return skip == 0 && p.suffix == ""
}
