// Package imaplogin speaks IMAP as far as login, with the device as its server and with the upstream as its client.
// After login it knows nothing more of the protocol.
//
// It takes what real devices do: bare line feeds, any case, spaces where none belong, names and passwords that should
// have been quoted, both of them in one literal. What it tolerates it notes as a quirk.
//
// It follows RFC 3501 and 9051 (IMAP), 2971 (ID), 4616 (PLAIN), 4959 (initial responses), 5530 (response codes) and 7888
// (literals without waiting).
package imaplogin

import (
	"context"

	"drawbridge/proxy"
)

// login is one IMAP login.
type login struct {
	device   *proxy.Conn
	greeting proxy.Greeting
	notes    *proxy.Notes
	greeted  bool
	tag      string // of the login that waits for its answer; "": none does
	word     string // LOGIN or AUTHENTICATE, whichever waits

	upstream *upstream
	early    []byte // what the device said first after login, until its ID was found
}

// New starts the device's side of an IMAP login. It is a proxy.NewLogin.
func New(device *proxy.Conn, greeting proxy.Greeting, n *proxy.Notes) proxy.Login {
	return &login{device: device, greeting: greeting, notes: n}
}

// Read greets the device the first time, and answers its commands until it has presented credentials.
func (l *login) Read(ctx context.Context) (proxy.Credentials, error) {
	if err := l.greet(); err != nil {
		return proxy.Credentials{}, err
	}
	for {
		c, err := l.readCommand()
		if err != nil {
			return proxy.Credentials{}, err
		}
		credentials, done, err := l.do(ctx, c)
		if done || err != nil {
			return credentials, err
		}
	}
}

// greet sends the greeting with our capabilities, so that a device need not ask (RFC 9051, section 7.1).
func (l *login) greet() error {
	if l.greeted {
		return nil
	}
	l.greeted = true
	if l.device.SpokeFirst() {
		l.notes.Quirk(proxy.QuirkSpokeFirst)
	}
	return l.say("* OK [CAPABILITY " + l.capabilities() + "] " + string(l.greeting))
}

// handler answers one command. It returns credentials and true when they are complete.
type handler func(l *login, ctx context.Context, c command) (proxy.Credentials, bool, error)

// handlers are the commands that a device may give before login (RFC 9051, sections 6.1 and 6.2), by their words.
var handlers = map[string]handler{
	"CAPABILITY":     (*login).capability,
	"ID":             (*login).id,
	"NOOP":           (*login).noop,
	"LOGOUT":         (*login).logout,
	"STARTTLS":       (*login).startTLS,
	wordLogin:        (*login).login,
	wordAuthenticate: (*login).authenticate,
}

func (l *login) do(ctx context.Context, c command) (proxy.Credentials, bool, error) {
	if c.tag == untagged {
		return proxy.Credentials{}, false, l.bad(c, "A command starts with a tag.")
	}
	handle, known := handlers[c.word]
	switch {
	case !known:
		return proxy.Credentials{}, false, l.bad(c, "Command is not valid in this state.")
	case c.refused && !(c.word == wordLogin && !l.device.Secure()):
		return proxy.Credentials{}, false, l.bad(c, "This literal is not taken here.")
	}
	return handle(l, ctx, c)
}

// say sends one line.
func (l *login) say(line string) error { return l.device.WriteString(line + "\r\n") }

// answer sends the tagged answer to c, after the untagged lines.
func (l *login) answer(c command, text string, lines ...string) error {
	var all string
	for _, line := range lines {
		all += "* " + line + "\r\n"
	}
	return l.say(all + c.tag + " " + text)
}

// bad answers a bad command and counts it.
func (l *login) bad(c command, text string) error {
	return l.reject(c, "BAD "+text)
}

// reject answers a command that counts as a bad one.
func (l *login) reject(c command, answer string) error {
	l.tag = ""
	if err := l.answer(c, answer); err != nil {
		return err
	}
	return l.device.BadCommand()
}
