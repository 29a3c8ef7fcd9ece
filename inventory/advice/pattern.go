package advice

import (
	"errors"
	"slices"
	"strings"
)

// pattern is one or more texts of which one must be found: a whole word or words, the start of a word where * follows,
// the end of one where * precedes, anything where both do. Digits end a word: scan finds scan2.
type pattern []piece

type piece struct {
	text        string
	bytes       byteSet
	left, right bool // a word must begin and end there
}

// text is something that a device showed, in lower case, and the bytes in it: nearly every piece has one that it lacks.
type text struct {
	string
	bytes byteSet
}

func newText(s string) text { return text{s, bytesOf(s)} }

// byteSet has a bit for each letter of ASCII, one for its digits, and one for all other bytes.
type byteSet uint32

func bytesOf(s string) byteSet {
	var set byteSet
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			set |= 1 << (c - 'a')
		case c >= '0' && c <= '9':
			set |= 1 << 26
		default:
			set |= 1 << 27
		}
	}
	return set
}

// parsePattern reads texts with | between them, in lower case.
func parsePattern(s string) (pattern, error) {
	var p pattern
	for text := range strings.SplitSeq(s, "|") {
		core := strings.Trim(text, "*")
		if core == "" || core != strings.ToLower(core) || strings.Contains(core, "*") {
			return nil, errors.New("a pattern is a text in lower case, with * before or behind it")
		}
		p = append(p, piece{core, bytesOf(core), text[0] != '*', text[len(text)-1] != '*'})
	}
	return p, nil
}

// find returns the text of p that is in t, or "".
func (p pattern) find(t text) string {
	for i := range p {
		if w := &p[i]; w.bytes&^t.bytes == 0 && w.in(t.string) {
			return w.text
		}
	}
	return ""
}

func (w *piece) in(s string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], w.text)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(w.text)
		if (!w.left || start == 0 || !letter(s[start-1])) && (!w.right || end == len(s) || !letter(s[end])) {
			return true
		}
		from = start + 1
	}
}

// letter takes every byte beyond ASCII for a letter: ä is one.
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 0x80 }

// version is the first numbers of a version, as in 10.0.17763. Its zero value is none.
type version struct {
	parts [3]int
	known bool
}

// parseVersion reads the first up to three numbers of s, each at most a million: more is no version.
func parseVersion(s string) version {
	var v version
	s = s[:min(len(s), maxSeen)]
	i := strings.IndexAny(s, "0123456789")
	if i < 0 {
		return v
	}
	part := 0
	for _, c := range []byte(s[i:]) {
		switch {
		case c >= '0' && c <= '9':
			v.parts[part] = min(v.parts[part]*10+int(c-'0'), 1e6)
			v.known = true
		case c == '.' && part < len(v.parts)-1:
			part++
		default:
			return v
		}
	}
	return v
}

func (v version) below(w version) bool { return slices.Compare(v.parts[:], w.parts[:]) < 0 }

// indexFold returns where the ASCII text of found begins in s, whatever its case, or -1.
func indexFold(s, found string) int {
	for i := 0; i+len(found) <= len(s) && i < maxSeen; i++ {
		if strings.EqualFold(s[i:i+len(found)], found) {
			return i
		}
	}
	return -1
}
