package advice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"drawbridge/inventory"
)

// Bounds of the evidence.
const (
	maxEvidence = 6
	maxSentence = 200 // characters
)

// needed is the score below which a guess is none.
const needed = 2

// sign is a row of categories.csv: what it counts for a category that a field of a device has a text in it.
type sign struct {
	category int // index into inventory.Categories
	score    int
	field    string
	pattern  pattern
	what     string // ends the sentence
}

var signFields = []string{"vendor", "name", "client", "os", "snmp", "stack"}

// addSign takes a row of categories.csv: category, score, field, pattern, what, comment.
func (a *Advisor) addSign(row []string) error {
	category := slices.Index(inventory.Categories[:], inventory.Category(row[0]))
	score, err := strconv.Atoi(row[1])
	if category < 0 || err != nil || score < 1 || score > 9 || !slices.Contains(signFields, row[2]) || row[4] == "" {
		return fmt.Errorf("%q is no sign of a category", row)
	}
	p, err := parsePattern(row[3])
	if err != nil {
		return err
	}
	a.signs = append(a.signs, sign{category, score, row[2], p, row[4]})
	return nil
}

// hit is a sign that a device has.
type hit struct {
	*sign
	where string // in which name
	whole string // what was seen, as sent
	found string // the text in it
}

// guess is what a device seems to be, and why.
type guess struct {
	category inventory.Category
	rivals   [2]inventory.Category // equally likely, where category is unknown for that reason
	hits     []hit                 // for category, for the rivals, or too weak ones; at most the first eight of all
}

// guess adds up the signs. The category with the highest score wins if it has enough of it and no other has as much.
func (a *Advisor) guess(s *seen) guess {
	var scores [len(inventory.Categories)]int
	var buf [8]hit
	hits := buf[:0]
	for i := range a.signs {
		h, ok := a.signs[i].seenIn(s)
		if !ok {
			continue
		}
		scores[h.category] += h.score
		if len(hits) < cap(hits) {
			hits = append(hits, h)
		}
	}
	best, second := twoHighest(scores[:])
	g := guess{category: inventory.Categories[best]}
	switch {
	case scores[best] < needed:
		g.category = inventory.CategoryUnknown
		g.hits = slices.Clone(hits)
	case scores[best] == scores[second]:
		g.category = inventory.CategoryUnknown
		g.rivals = [2]inventory.Category{inventory.Categories[best], inventory.Categories[second]}
		g.hits = keep(hits, best, second)
	default:
		g.hits = keep(hits, best, best)
	}
	return g
}

// twoHighest returns the indices of the highest and the second highest of scores, the first ones among equals.
func twoHighest(scores []int) (best, second int) {
	second = -1
	for i, n := range scores {
		switch {
		case i == 0:
		case n > scores[best]:
			best, second = i, best
		case second < 0 || n > scores[second]:
			second = i
		}
	}
	return best, second
}

func keep(hits []hit, a, b int) []hit {
	return slices.DeleteFunc(slices.Clone(hits), func(h hit) bool { return h.category != a && h.category != b })
}

// seenIn looks for the sign in what the device showed.
func (g *sign) seenIn(s *seen) (hit, bool) {
	if g.field == "stack" {
		return hit{sign: g, whole: s.stack.Programs}, !s.stack.Suites && g.pattern.allFound(s.programs, programSeparator)
	}
	if shown, sent := s.field(g.field); g.field != "name" {
		return g.in("", shown, sent)
	}
	if h, ok := g.in("host name", s.host, s.d.SourceName); ok {
		return h, true
	}
	if h, ok := g.in("login", s.login, s.d.Account); ok {
		return h, true
	}
	return g.in("mailbox", s.mailbox, s.d.Mailbox)
}

func (g *sign) in(where string, t text, whole string) (hit, bool) {
	found := g.pattern.find(t)
	if found == "" {
		return hit{}, false
	}
	return hit{g, where, whole, found}, true
}

// evidence returns at most maxEvidence sentences: whether a person set the category, the signs, and the stack.
func (g *guess) evidence(s *seen) []string {
	list := make([]string, 0, maxEvidence)
	if s.d.CategorySet {
		list = append(list, "A person set this category.")
	}
	switch {
	case g.rivals[0] != "":
		list = append(list, "Its signs speak for "+string(g.rivals[0])+" and "+string(g.rivals[1])+" alike.")
	case len(g.hits) == 0:
		list = append(list, "Nothing that it showed of itself tells what kind of device it is.")
	case g.category == inventory.CategoryUnknown:
		list = append(list, "What it showed of itself is too little to tell what kind of device it is.")
	}
	for _, h := range g.hits {
		if len(list) < maxEvidence-1 { // one is for the stack
			list = append(list, clip(h.sentence(), maxSentence))
		}
	}
	if text := s.stack.sentence(); text != "" {
		list = append(list, clip(text, maxSentence))
	}
	return list
}

func (h *hit) sentence() string {
	switch h.field {
	case "vendor":
		return "Its network card is registered to " + quote(h.whole) + ", " + h.what + "."
	case "client":
		return "It calls itself " + quote(h.whole) + ", " + h.what + "."
	case "os":
		return "It says that it runs on " + quote(h.whole) + ", " + h.what + "."
	case "snmp":
		return "SNMP describes it as " + quote(around(h.whole, h.found)) + ": " + h.what + "."
	case "stack":
		return "Its TLS is that of " + h.whole + ", " + h.what + "."
	}
	return "Its " + h.where + " " + quote(h.whole) + " has " + quote(h.found) + " in it, " + h.what + "."
}

// around returns the part of a long description that has found in it.
func around(whole, found string) string {
	i := max(0, indexFold(whole, found)-8)
	for i > 0 && i < len(whole) && !utf8.RuneStart(whole[i]) {
		i--
	}
	if i == 0 || i >= len(whole) {
		return whole
	}
	return "…" + whole[i:]
}

// sentence says what the hello tells of the program behind it, or "".
func (s Stack) sentence() string {
	if s.Name == "" {
		return ""
	}
	programs := s.Programs
	if list := strings.SplitN(programs, programSeparator, maxPrograms+1); len(list) > maxPrograms {
		programs = strings.Join(list[:maxPrograms], programSeparator) + " and others"
	}
	if s.Suites {
		return "It offers the cipher suites of " + s.Name + ", as " + programs + " did when measured."
	}
	return "Its TLS hello is that of " + s.Name + ", as " + programs + " sent it when measured."
}

// maxPrograms is how many programs a sentence names.
const maxPrograms = 3
