package imaplogin

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"drawbridge/proxy/login"
)

const (
	untagged = "*" // stands for the tag of a command that has none we could echo

	wordLogin        = "LOGIN"
	wordAuthenticate = "AUTHENTICATE"

	maxTag      = 64
	maxLiterals = 64 // of one command: an ID may have many
	// maxCommand bounds a whole command, lines and literals.
	maxCommand = login.MaxTokenLine
)

// The quirks of how devices write their commands.
const (
	quirkBothInOneLiteral  = "both_in_one_literal"
	quirkUnquotedSpecials  = "unquoted_specials"   // LOGIN CONTOSO\anna 100%
	quirkBackslashInQuoted = "backslash_in_quoted" // LOGIN "CONTOSO\anna" …
)

// command is a command as it came: tag, word in upper case, and arguments.
type command struct {
	tag, word string
	size      int       // of its first line, in bytes
	known     bool      // word is one of handlers
	args      string    // the text behind the word, up to the first literal
	literals  []literal // each with the text behind it
	// refused says that the command announces a literal that we did not ask for. It ends there.
	refused bool
}

type literal struct{ value, after string }

// readCommand reads one command with its literals. A literal that does not wait (RFC 7888) is read whatever the command
// is, so that its bytes are never taken for commands; one that waits is asked for only where it may come.
func (l *device) readCommand() (command, error) {
	line, err := l.conn.ReadLine(login.MaxTokenLine)
	if err != nil {
		return command{}, err
	}
	c := l.parseCommand(string(line))
	if len(line) > login.MaxLine && !c.carriesToken() {
		return command{}, login.ErrLongLine
	}
	return c, l.readLiterals(&c, len(line))
}

// parseCommand takes a line apart. It understands lines that are no commands, too: their tag is untagged.
func (l *device) parseCommand(line string) command {
	trimmed := strings.TrimLeft(line, " ")
	tag, rest, _ := strings.Cut(trimmed, " ")
	word := strings.TrimLeft(rest, " ")
	if len(trimmed) < len(line) || len(word) < len(rest) {
		l.notes.Quirk(login.QuirkExtraSpaces)
	}
	args := ""
	if i := strings.IndexByte(word, ' '); i >= 0 {
		word, args = word[:i], word[i:]
	}
	if !isTag(tag) {
		tag = untagged
	}
	return command{tag: tag, word: strings.ToUpper(word), size: len(line), args: args}
}

// isTag reports whether a tag can be echoed (RFC 9051, section 9: tag).
func isTag(s string) bool {
	if s == "" || len(s) > maxTag {
		return false
	}
	for i := range len(s) {
		if s[i] == '+' || isAtomSpecial(s[i]) {
			return false
		}
	}
	return true
}

// isAtomSpecial reports whether c cannot stand in a string without quotes (RFC 9051, section 9: ASTRING-CHAR).
func isAtomSpecial(c byte) bool {
	return c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\`, c) >= 0
}

// carriesToken reports whether the line may be as long as tokens make it.
func (c command) carriesToken() bool {
	if c.word != wordAuthenticate {
		return false
	}
	mechanism, _, _ := strings.Cut(strings.TrimLeft(c.args, " "), " ")
	return strings.EqualFold(mechanism, login.MechanismXOAUTH2)
}

// readLiterals reads the literals that c announces, and the lines behind them.
func (l *device) readLiterals(c *command, size int) error {
	end := &c.args
	for {
		text, n, waits, found := cutLiteral(*end)
		if !found {
			return nil
		}
		*end = text
		if waits && (n > login.MaxLiteral || !l.asksForLiterals(*c)) {
			c.refused = true
			return nil
		}
		next, err := l.readLiteral(n, waits)
		if err != nil {
			return err
		}
		if size += n + len(next.after); size > maxCommand || len(c.literals) == maxLiterals {
			return &login.ProtocolError{Problem: fmt.Sprintf("the device sent a command of more than %d bytes, or %d literals, before login: "+
				"check that it is set to this listener's protocol", maxCommand, maxLiterals)}
		}
		c.literals = append(c.literals, next)
		end = &c.literals[len(c.literals)-1].after
	}
}

// asksForLiterals reports whether a literal that waits may come: never a password's in clear text.
func (l *device) asksForLiterals(c command) bool {
	return c.tag != untagged && (c.word == "ID" || c.word == wordLogin && l.conn.Secure())
}

func (l *device) readLiteral(n int, waits bool) (literal, error) {
	if waits {
		if err := l.say("+ Ready for literal data"); err != nil {
			return literal{}, err
		}
	}
	value, err := l.conn.ReadLiteral(n)
	if err != nil {
		return literal{}, err
	}
	after, err := l.conn.ReadLine(login.MaxLine)
	return literal{string(value), string(after)}, err
}

// cutLiteral cuts the announcement of a literal, {n} or {n+}, from the end of a line. A number beyond all bounds comes
// out as one that is beyond ours.
func cutLiteral(line string) (text string, n int, waits, found bool) {
	inside, closed := strings.CutSuffix(line, "}")
	open := strings.LastIndexByte(inside, '{')
	if !closed || open < 1 || !strings.ContainsRune(" (", rune(line[open-1])) {
		return line, 0, false, false
	}
	digits, atOnce := strings.CutSuffix(inside[open+1:], "+")
	if digits == "" || len(bytes.Trim([]byte(digits), "0123456789")) > 0 {
		return line, 0, false, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > login.MaxLiteral {
		n = login.MaxLiteral + 1
	}
	return line[:open], n, !atOnce, true
}
