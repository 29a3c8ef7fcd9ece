package imaplogin

import (
	"strings"

	"drawbridge/proxy/login"
)

const (
	maxIDPairs = 30  // RFC 2971, section 3.3
	maxIDKey   = 30  // bytes, likewise
	maxIDValue = 256 // bytes; the RFC allows 1,024, the record shows no more than this
)

// scanner takes the arguments of a command apart.
type scanner struct {
	text     string
	literals []literal
	quirk    func(name string)
}

func (c command) scan(quirk func(string)) *scanner {
	return &scanner{text: c.args, literals: c.literals, quirk: quirk}
}

// loginArguments returns the two strings of a LOGIN (RFC 9051, section 6.2.3). Where it fails it returns what it
// understood so far.
func loginArguments(s *scanner) (name, password string, ok bool) {
	s.spaces()
	inLiteral := s.text == ""
	if name, ok = s.string(false); !ok {
		return "", "", false
	}
	if inLiteral && s.end() {
		return s.bothInOne(name)
	}
	if s.spaces() == 0 {
		return name, "", false
	}
	password, ok = s.string(true)
	return name, password, ok && s.end()
}

// bothInOne takes name and password from one literal.
func (s *scanner) bothInOne(value string) (name, password string, ok bool) {
	name, password, ok = strings.Cut(value, " ")
	if ok {
		s.quirk(quirkBothInOneLiteral)
	}
	return name, password, ok
}

// spaces skips spaces and returns how many there were.
func (s *scanner) spaces() int {
	rest := strings.TrimLeft(s.text, " ")
	n := len(s.text) - len(rest)
	if s.text = rest; n > 1 {
		s.quirk(login.QuirkExtraSpaces)
	}
	return n
}

// end reports whether nothing is left but spaces.
func (s *scanner) end() bool {
	if len(s.literals) > 0 || strings.Trim(s.text, " ") != "" {
		return false
	}
	if s.text != "" {
		s.quirk(login.QuirkExtraSpaces)
	}
	return true
}

// string reads a literal, a quoted string or what stands there unquoted; the last of them to the end of the line.
func (s *scanner) string(last bool) (string, bool) {
	switch {
	case s.text == "" && len(s.literals) > 0:
		value := s.literals[0].value
		s.text, s.literals = s.literals[0].after, s.literals[1:]
		return value, true
	case s.text == "":
		return "", false
	case s.text[0] == '"':
		return s.quoted()
	case last:
		return s.rest(), true
	}
	return s.atom(" "), true
}

// quoted reads a quoted string. A backslash quotes the two specials alone (RFC 9051, section 9: QUOTED-CHAR); before
// anything else it stands for itself, as in the domain\user of devices that do not know that it quotes.
func (s *scanner) quoted() (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s.text); i++ {
		c := s.text[i]
		if c == '"' {
			s.text = s.text[i+1:]
			return b.String(), true
		}
		if c == '\\' {
			if i+1 < len(s.text) && strings.IndexByte(`"\`, s.text[i+1]) >= 0 {
				i++
			} else {
				s.quirk(quirkBackslashInQuoted)
			}
		}
		b.WriteByte(s.text[i])
	}
	return "", false
}

// atom reads up to one of the bytes in end.
func (s *scanner) atom(end string) string {
	value := s.text
	if i := strings.IndexAny(value, end); i >= 0 {
		value = value[:i]
	}
	s.text = s.text[len(value):]
	s.noteSpecials(value)
	return value
}

// rest reads to the end of the line: a password with spaces, unquoted.
func (s *scanner) rest() string {
	value := strings.TrimRight(s.text, " ")
	s.text = s.text[len(value):]
	if strings.Contains(value, " ") {
		s.quirk(login.QuirkSpaceInPassword)
	}
	s.noteSpecials(value)
	return value
}

func (s *scanner) noteSpecials(value string) {
	for i := range len(value) {
		if value[i] != ' ' && isAtomSpecial(value[i]) {
			s.quirk(quirkUnquotedSpecials)
			return
		}
	}
}

// idArguments returns the pairs of an ID (RFC 2971, section 3.1): NIL, or a list of strings. What goes beyond its bounds
// is left out.
func idArguments(s *scanner) (map[string]string, bool) {
	s.spaces()
	if strings.EqualFold(strings.TrimSpace(s.text), "NIL") && len(s.literals) == 0 {
		return nil, true
	}
	var found bool
	if s.text, found = strings.CutPrefix(s.text, "("); !found {
		return nil, false
	}
	pairs := map[string]string{}
	for {
		s.spaces()
		if s.text, found = strings.CutPrefix(s.text, ")"); found {
			return pairs, s.end()
		}
		key, okKey := s.idString()
		s.spaces()
		value, okValue := s.idString()
		if !okKey || !okValue {
			return pairs, false
		}
		addPair(pairs, key, value)
	}
}

func addPair(pairs map[string]string, key, value string) {
	if key == "" || value == "" || len(key) > maxIDKey || len(pairs) == maxIDPairs {
		return
	}
	// Copies, so that a session does not hold the line they came in.
	pairs[strings.Clone(key)] = strings.Clone(value[:min(len(value), maxIDValue)])
}

// idString reads one string of an ID; NIL is the empty one.
func (s *scanner) idString() (string, bool) {
	if s.text != "" && s.text[0] != '"' {
		value := s.atom(" )")
		ok := value != "" && s.text != "" // a list ends with its parenthesis
		if strings.EqualFold(value, "NIL") {
			value = ""
		}
		return value, ok
	}
	return s.string(false)
}
