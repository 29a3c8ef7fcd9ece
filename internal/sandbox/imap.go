package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// imapDialog is an IMAP connection up to the login.
type imapDialog struct{ dialog }

func (d *imapDialog) run() {
	for !d.over {
		command, err := d.readCommand()
		switch {
		case errors.Is(err, errSyntax):
			d.bad(command.tag, "BAD Command Error. 12")
		case err != nil:
			return
		default:
			d.answer(command)
		}
	}
}

func (d *imapDialog) answer(c imapCommand) {
	if !d.inState(c.name) {
		d.bad(c.tag, "BAD Command received in Invalid state.")
		return
	}
	switch c.name {
	case "CAPABILITY":
		d.reply(c, d.personality().imapCapabilities(d.secure))
	case "ID":
		d.reply(c, imapID)
	case "NOOP":
		d.reply(c)
	case "LOGOUT":
		d.reply(c, imapSigningOff)
		d.over = true
	case "STARTTLS":
		d.upgrade(c.tag + " OK Begin TLS negotiation now.") // no second greeting follows
	case "LOGIN":
		d.answerLOGIN(c)
	case "AUTHENTICATE":
		d.answerAUTHENTICATE(c)
	default:
		d.bad(c.tag, "BAD Command Error. 12")
	}
}

// inState tells whether a command has its place before login; what nobody knows is left to the answer.
func (d *imapDialog) inState(name string) bool {
	switch name {
	case "STARTTLS":
		return !d.secure && d.listener.options.STARTTLS
	case "LOGIN", "AUTHENTICATE":
		return d.secure
	case "SELECT", "EXAMINE", "STATUS", "LIST", "LSUB", "APPEND", "FETCH", "UID", "SEARCH", "STORE", "COPY", "IDLE", "NAMESPACE",
		"CLOSE", "EXPUNGE":
		return false
	}
	return true
}

// reply writes untagged lines and the tagged OK, in one write.
func (d *imapDialog) reply(c imapCommand, untagged ...string) {
	d.say(append(untagged, c.tag+" OK "+c.name+" completed.")...)
}

func (d *imapDialog) bad(tag, text string) {
	tag = cmp.Or(tag, "*")
	d.errors++
	if d.errors < maxErrors {
		d.say(tag + " " + text)
		return
	}
	d.say(tag+" "+text, imapTooMany)
	d.over = true
}

func (d *imapDialog) answerLOGIN(c imapCommand) {
	if len(c.arguments) != 2 {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	d.logIn(c, Login{Mechanism: mechanismLOGIN, User: c.arguments[0], Password: c.arguments[1]})
}

func (d *imapDialog) answerAUTHENTICATE(c imapCommand) {
	response, err := d.saslResponse(c)
	if err != nil {
		d.over = true
		return
	}
	if response == "*" {
		d.say(c.tag + " NO AUTHENTICATE failed.")
		return
	}
	if len(c.arguments) == 0 {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	login, err := parseSASL(strings.ToUpper(c.arguments[0]), response)
	if err != nil {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	d.logIn(c, login)
}

// saslResponse returns the initial response or asks for one (RFC 4959).
func (d *imapDialog) saslResponse(c imapCommand) (string, error) {
	if len(c.arguments) != 1 {
		return strings.Join(c.arguments[min(1, len(c.arguments)):], " "), nil
	}
	return d.ask(d.personality().imapContinuation())
}

// logIn answers a login and, if it was taken, lives the session to its end.
func (d *imapDialog) logIn(c imapCommand, login Login) {
	faults := d.faults()
	verdict, ok := d.try(login, faults)
	if !ok {
		return
	}
	if answer, ends := d.refusal(c, login, verdict, faults); answer != "" {
		d.reject(login, answer, verdict.why)
		d.over = ends
		return
	}
	d.enter(c, login, verdict)
}

// refusal is the whole answer that is not a success, or nothing; and whether the connection ends with it.
func (d *imapDialog) refusal(c imapCommand, login Login, v verdict, faults *Faults) (answer string, ends bool) {
	switch {
	case strings.HasPrefix(faults.LoginRefusal, "* "):
		return faults.LoginRefusal, true
	case faults.LoginRefusal != "":
		return c.tag + " " + faults.LoginRefusal, false
	case faults.Throttle == ThrottleCloses:
		return c.tag + " BAD " + throttledCloses + "\r\n" + imapTooMany, true
	case faults.Throttle == ThrottleStays:
		return c.tag + " NO " + throttledStays, false
	case d.personality() == TCPProxy && login.Mechanism != mechanismXOAUTH2:
		return c.tag + " NO Basic authentication is disabled.\r\n" + imapSigningOff, true
	case v.mailbox == nil:
		return c.tag + " NO " + c.name + " failed.", false
	}
	return "", false
}

func (d *imapDialog) enter(c imapCommand, login Login, verdict verdict) {
	d.over = true
	entered := verdict.mailbox.enter(IMAP, d.listener.options.MaxSessions)
	if entered {
		defer verdict.mailbox.leave(IMAP)
	}
	login.OK = true
	d.log(Event{Kind: LoginAnswered, Login: login, Text: "OK " + c.name + " completed.", Why: verdict.why})
	if d.writeLine(c.tag+" OK "+c.name+" completed.") != nil {
		return
	}
	if !entered || verdict.notConnected || d.faults().NotConnected {
		d.runNotConnected()
		return
	}
	stop := d.endAfter(verdict.life, imapExpired)
	defer stop()
	d.listener.exchange.memory.serve(verdict.mailbox, newIMAPSession(d.conn))
}

// runNotConnected is a session whose login was told OK and whose mailbox is not open.
func (d *imapDialog) runNotConnected() {
	for refused := 0; refused < 2; {
		c, err := d.readCommand()
		if err != nil {
			return
		}
		d.log(Event{Kind: Command, Text: c.tag + " " + c.name})
		switch c.name {
		case "CAPABILITY":
			d.reply(c, d.personality().imapCapabilitiesAfterLogin())
		case "NOOP":
			d.reply(c)
		case "LOGOUT":
			d.reply(c, imapSigningOff)
			return
		default:
			refused++
			d.say(c.tag + " BAD User is authenticated but not connected.")
		}
	}
	d.say(imapTooMany)
}

// maxLoginLiteral bounds a literal before login.
const maxLoginLiteral = 8 << 10

var errSyntax = errors.New("not an IMAP command")

// imapCommand is a command before login: a tag, its name in upper case, and its arguments with quotes and literals resolved.
type imapCommand struct {
	tag, name string
	arguments []string
}

// readCommand reads a command with its literals (RFC 9051, section 4.3). An error that is errSyntax
// leaves the connection usable; the tag is then set if there was one.
func (d *imapDialog) readCommand() (imapCommand, error) {
	line, err := d.readLine()
	if err != nil {
		return imapCommand{}, err
	}
	var words []string
	for {
		more, size, err := splitWords(line)
		words = append(words, more...)
		if err != nil || size < 0 {
			return newCommand(words, err)
		}
		value, err := d.readLiteral(size, strings.HasSuffix(line, "+}"))
		if err != nil {
			return imapCommand{}, err
		}
		words = append(words, value)
		if line, err = d.readLine(); err != nil {
			return imapCommand{}, err
		}
	}
}

func newCommand(words []string, err error) (imapCommand, error) {
	var c imapCommand
	if len(words) > 0 {
		c.tag = words[0]
	}
	if err != nil || len(words) < 2 {
		return c, errSyntax
	}
	c.name, c.arguments = strings.ToUpper(words[1]), words[2:]
	return c, nil
}

func (d *imapDialog) readLiteral(size int64, atOnce bool) (string, error) {
	if size > maxLoginLiteral {
		return "", fmt.Errorf("literal of %d bytes before login", size)
	}
	if !atOnce {
		if err := d.writeLine("+ Ready for additional command text."); err != nil {
			return "", err
		}
	}
	d.stream.SetReadDeadline(time.Now().Add(d.listener.options.LoginIdle))
	value := make([]byte, size)
	if _, err := io.ReadFull(d.reader, value); err != nil {
		return "", fmt.Errorf("read a literal: %w", err)
	}
	d.log(Event{Kind: Received, Text: string(value)})
	return string(value), nil
}

// splitWords splits a line at spaces and parentheses and unquotes. A size of 0 or more says that a literal follows.
func splitWords(line string) (words []string, size int64, err error) {
	if n, _, ok := literalAtEnd([]byte(line)); ok {
		size, line = n, line[:strings.LastIndexByte(line, '{')]
	} else {
		size = -1
	}
	for {
		line = strings.TrimLeft(line, " ()")
		if line == "" {
			return words, size, nil
		}
		var word string
		if line[0] == '"' {
			word, line, err = unquote(line[1:])
		} else {
			end := strings.IndexAny(line+" ", " ()\"")
			word, line = line[:end], line[end:]
		}
		if err != nil {
			return words, -1, err
		}
		words = append(words, word)
	}
}

func unquote(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", errSyntax
}

// literalAtEnd recognises `{123}`, `{123+}` and `~{123}` at the end of a line without its line end.
// It has 24 bytes at most, which is more than the largest number takes.
func literalAtEnd(line []byte) (size int64, atOnce, ok bool) {
	text := string(line[max(0, len(line)-24):])
	text, ok = strings.CutSuffix(text, "}")
	if !ok {
		return 0, false, false
	}
	text, atOnce = strings.CutSuffix(text, "+")
	open := strings.LastIndexByte(text, '{')
	if open < 0 {
		return 0, false, false
	}
	digits := text[open+1:]
	if strings.TrimLeft(digits, "0123456789") != "" {
		return 0, false, false
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	return size, atOnce, err == nil
}
