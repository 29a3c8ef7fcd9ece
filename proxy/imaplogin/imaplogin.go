// Package imaplogin is IMAP as far as login, from both ends: the device's half, the upstream's half.
// After login it knows no more of the protocol than where a response ends.
//
// It takes what real devices do: bare line feeds, any case, spaces where none belong, names and passwords that should
// have been quoted, both of them in one literal. What it tolerates it notes as a quirk.
//
// It follows RFC 3501 and 9051 (IMAP), 2971 (ID), 4616 (PLAIN), 4959 (initial responses), 5530 (response codes) and 7888
// (literals without waiting).
package imaplogin

import (
	"context"

	"drawbridge/proxy/login"
)

// device is the device's half of one IMAP login.
type device struct {
	conn     *login.Conn
	greeting login.Greeting
	notes    *login.Notes
	greeted  bool
	tag      string // of the login that waits for its answer; "": none does
	word     string // LOGIN or AUTHENTICATE, whichever waits
	relayed  relayed
}

// Dialect is IMAP from both ends, as far as login.
func Dialect() login.Dialect {
	return login.Dialect{NewLogin: New, NewUpstreamHalf: NewUpstream}
}

// New starts the device's half of an IMAP login.
func New(conn *login.Conn, greeting login.Greeting, n *login.Notes) login.Login {
	return &device{conn: conn, greeting: greeting, notes: n}
}

// Read greets the device the first time, and answers its commands until it has presented credentials.
func (l *device) Read(ctx context.Context) (login.Credentials, error) {
	if err := l.greet(); err != nil {
		return login.Credentials{}, err
	}
	for {
		c, err := l.readCommand()
		if err != nil {
			return login.Credentials{}, err
		}
		credentials, done, err := l.do(ctx, c)
		if done || err != nil {
			return credentials, err
		}
	}
}

// greet sends the greeting with our capabilities, so that a device need not ask (RFC 9051, section 7.1).
func (l *device) greet() error {
	if l.greeted {
		return nil
	}
	l.greeted = true
	if l.conn.SpokeFirst() {
		l.notes.Quirk(login.QuirkSpokeFirst)
	}
	return l.say("* OK [CAPABILITY " + l.capabilities() + "] " + string(l.greeting))
}

// handler answers one command. It returns credentials and true when they are complete.
type handler func(l *device, ctx context.Context, c command) (login.Credentials, bool, error)

// handlers are the commands that a device may give before login (RFC 9051, sections 6.1 and 6.2), by their words.
var handlers = map[string]handler{
	"CAPABILITY":     (*device).capability,
	"ID":             (*device).id,
	"NOOP":           (*device).noop,
	"LOGOUT":         (*device).logout,
	"STARTTLS":       (*device).startTLS,
	wordLogin:        (*device).login,
	wordAuthenticate: (*device).authenticate,
}

func (l *device) do(ctx context.Context, c command) (login.Credentials, bool, error) {
	if c.tag == untagged {
		return login.Credentials{}, false, l.bad(c, "A command starts with a tag.")
	}
	var handle handler
	handle, c.known = handlers[c.word]
	switch {
	case !c.known:
		return login.Credentials{}, false, l.bad(c, "Command is not valid in this state.")
	case c.refused && !(c.word == wordLogin && !l.conn.Secure()):
		return login.Credentials{}, false, l.bad(c, "This literal is not taken here.")
	}
	return handle(l, ctx, c)
}

// say sends one line.
func (l *device) say(line string) error { return l.conn.WriteString(line + "\r\n") }

// answer sends the tagged answer to c, after the untagged lines.
func (l *device) answer(c command, text string, lines ...string) error {
	var all string
	for _, line := range lines {
		all += "* " + line + "\r\n"
	}
	return l.say(all + c.tag + " " + text)
}

// bad answers a bad command and counts it.
func (l *device) bad(c command, text string) error {
	return l.reject(c, "BAD "+text)
}

// reject answers a command that counts as a bad one.
func (l *device) reject(c command, answer string) error {
	l.tag = ""
	if err := l.answer(c, answer); err != nil {
		return err
	}
	if !c.known {
		return l.conn.BadCommand("", c.size)
	}
	return l.conn.BadCommand(c.word, c.size)
}
