package imaplogin

import (
	"bytes"
	"math"
	"strings"
	"sync/atomic"

	"drawbridge/proxy/login"
)

// beforeID are the commands after which an ID may still come right after login.
var beforeID = map[string]bool{"CAPABILITY": true, "NOOP": true, "NAMESPACE": true, "ENABLE": true}

// maxCommandHead is how much of a device's line is looked at after login, in bytes.
const maxCommandHead = maxTag + 32

// relayed is what a device makes of the session after its login.
type relayed struct {
	early []byte // what the device said first, until its ID was found
	shown int    // how much of it was looked at, in bytes
	found bool   // nothing of it is of interest any more

	commands login.Lines // of the device's goroutine
	answers  answers     // of the upstream's goroutine
	lost     atomic.Bool
}

// FromDevice looks for an ID in what the device says first after login, and for what makes the stream another one.
func (l *device) FromDevice(p []byte) {
	r := &l.relayed
	if !r.found {
		first := p[:min(len(p), login.MaxFirst-r.shown)]
		r.shown += len(first)
		r.found = !l.lookForID(first) || r.shown == login.MaxFirst
	}
	for r.commands.Keep = maxCommandHead; len(p) > 0; {
		if _, p = r.commands.Next(p); r.commands.Whole && compresses(r.commands.Head()) {
			r.lost.Store(true)
		}
	}
}

// compresses reports whether a line asks for compression (RFC 4978). In a literal it only looks so, which does not hurt.
func compresses(line []byte) bool {
	_, command, _ := bytes.Cut(line, []byte(" "))
	_, found := login.CutPrefixFold(string(bytes.TrimLeft(command, " ")), "COMPRESS")
	return found
}

// lookForID reports whether an ID may still come. Literals make it lose the thread.
func (l *device) lookForID(p []byte) bool {
	r := &l.relayed
	r.early = append(r.early, p...)
	for {
		line, rest, whole := bytes.Cut(r.early, []byte("\n"))
		if !whole {
			return true
		}
		r.early = rest
		if !l.firstLine(strings.TrimSuffix(string(line), "\r")) {
			r.early = nil
			return false
		}
	}
}

// firstLine looks at one command and reports whether an ID may still come.
func (l *device) firstLine(line string) bool {
	quiet := &device{notes: &login.Notes{}} // how a device writes after login is not noted
	c := quiet.parseCommand(line)
	if c.word != "ID" {
		return beforeID[c.word]
	}
	if pairs, ok := idArguments(c.scan(quiet.notes.Quirk)); ok && len(pairs) > 0 {
		l.notes.ClientID = pairs
	}
	return false
}

// FromUpstream follows the upstream's responses.
func (l *device) FromUpstream(p []byte) {
	if r := &l.relayed; !r.lost.Load() && !r.answers.follow(p) {
		r.lost.Store(true)
	}
}

// Last notes whether the device said goodbye, and returns the BYE with which the upstream ended the session, whoever closed
// first: it is said for nothing else.
func (l *device) Last(bool) (said string) {
	r := &l.relayed
	r.early = nil
	command, _ := r.commands.Text()
	words := strings.Fields(string(command))
	l.notes.LoggedOut = len(words) == 2 && strings.EqualFold(words[1], "LOGOUT")
	if l.notes.LoggedOut || r.lost.Load() {
		return ""
	}
	return r.answers.bye()
}

// kind is what a response of an upstream is (RFC 9051, section 7).
type kind byte

const (
	kindForeign kind = iota // none that we know
	kindText                // status or continuation: free text, which has no literals
	kindData                // what may have literals and quoted strings
)

// answers follows an upstream's responses from literal to literal. A response that is none of RFC 9051's, or whose end is not
// certain, ends that.
type answers struct {
	line    login.Lines
	inside  bool  // the line goes on behind a literal
	literal int64 // bytes of it that are to come
	kind    kind  // of the line that has ended
	syntax  syntax
}

// follow takes what the upstream says next, and reports whether it was understood.
func (a *answers) follow(p []byte) bool {
	for a.line.Keep = login.MaxLast; len(p) > 0; {
		if a.literal > 0 {
			n := min(a.literal, int64(len(p)))
			a.literal, p = a.literal-n, p[n:]
			continue
		}
		var piece []byte
		piece, p = a.line.Next(p)
		a.syntax.read(piece)
		if a.line.Whole && !a.endLine() {
			return false
		}
	}
	return true
}

// endLine decides what comes behind a line: a literal that it announces, or the next response.
func (a *answers) endLine() (understood bool) {
	s := a.syntax
	if a.kind = kindData; !a.inside {
		a.kind = kindOf(a.line.Head())
	}
	if a.syntax, a.inside = (syntax{}), s.brace == braceClosed; a.inside {
		a.literal = s.number
	}
	switch {
	case !a.line.CRLF():
		return false
	case a.kind == kindText:
		return !a.inside // text may say {7}, and some code could mean it
	}
	return a.kind == kindData && !s.odd && !s.quoted && s.brace != braceOpen
}

// bye is the BYE that ended it; "" where the last thing said is another.
func (a *answers) bye() string {
	if line, whole := a.line.Text(); whole && a.kind == kindText && len(line) >= 6 && strings.EqualFold(string(line[:6]), "* BYE ") {
		return string(line)
	}
	return ""
}

// kindOf tells what a response is by its first words.
func kindOf(line []byte) kind {
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	word, _, _ := bytes.Cut(rest, []byte(" "))
	status := isStatus(string(word))
	switch {
	case string(tag) == "+":
		return kindText
	case string(tag) == untagged && !status && len(word) > 0 && isAlphanumeric(word[0]):
		return kindData
	case string(tag) == untagged && status, status && isTag(string(tag)):
		return kindText
	}
	return kindForeign
}

func isStatus(word string) bool {
	switch strings.ToUpper(word) {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// syntax is how far a line of data has come: outside quotes a brace announces a literal, at the line's end (RFC 9051, section 9:
// literal; RFC 3516: literal8).
type syntax struct {
	quoted, escaped bool
	brace           brace
	number          int64
	odd             bool // something that stands in no response
}

type brace byte

const (
	braceNone brace = iota
	braceOpen
	braceClosed
)

func (s *syntax) read(piece []byte) {
	for _, c := range piece {
		switch {
		case s.quoted:
			s.inQuotes(c)
		case s.brace != braceNone:
			s.announce(c)
		case c == '"':
			s.quoted = true
		case c == '{':
			s.brace, s.number = braceOpen, -1
		}
	}
}

func (s *syntax) inQuotes(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case c == '\\':
		s.escaped = true
	case c == '"':
		s.quoted = false
	}
}

// announce reads {n} and the end of its line.
func (s *syntax) announce(c byte) {
	const most = math.MaxInt64/10 - 1
	switch {
	case s.brace == braceOpen && '0' <= c && c <= '9' && s.number < most:
		s.number = max(s.number, 0)*10 + int64(c-'0')
	case s.brace == braceOpen && c == '}' && s.number >= 0:
		s.brace = braceClosed
	case s.brace == braceClosed && (c == '\r' || c == '\n'):
	default:
		s.brace, s.odd = braceNone, true
	}
}
