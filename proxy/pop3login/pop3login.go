// Package pop3login speaks POP3 as far as login, with the device as its server and with the upstream as its client.
// After login it knows nothing more of the protocol.
//
// It takes what real devices do: bare line feeds, any case, spaces where none belong, speaking before the greeting, and
// AUTH without a mechanism. It follows RFC 1939 (POP3), 2449 (CAPA and response codes), 2595 (STLS), 3206 (AUTH and SYS
// codes), 5034 (AUTH) and 4616 (PLAIN).
package pop3login

import (
	"context"
	"strings"

	"drawbridge/proxy"
)

// login is one POP3 login. The zero command state is that of a fresh session; user is what the last USER said.
type login struct {
	device   *proxy.Conn
	greeting proxy.Greeting
	notes    *proxy.Notes
	greeted  bool
	user     string

	upstream *proxy.Conn
	token    bool // the login was by token, so the mailbox must be proven
}

// New starts the device's side of a POP3 login. It is a proxy.NewLogin.
func New(device *proxy.Conn, greeting proxy.Greeting, n *proxy.Notes) proxy.Login {
	return &login{device: device, greeting: greeting, notes: n}
}

// Read greets the device the first time, and answers its commands until it has presented credentials.
func (l *login) Read(ctx context.Context) (proxy.Credentials, error) {
	if err := l.greet(); err != nil {
		return proxy.Credentials{}, err
	}
	for {
		line, err := l.device.ReadCommand(isAuth)
		if err != nil {
			return proxy.Credentials{}, err
		}
		c, done, err := l.command(ctx, line)
		if done || err != nil {
			return c, err
		}
	}
}

func (l *login) greet() error {
	if l.greeted {
		return nil
	}
	l.greeted = true
	if l.device.SpokeFirst() {
		l.notes.Quirk(proxy.QuirkSpokeFirst)
	}
	return l.say("+OK " + string(l.greeting))
}

// command is what a device may say before it is logged in.
type command func(l *login, ctx context.Context, args string) (proxy.Credentials, bool, error)

// commands are the words of the AUTHORIZATION state (RFC 1939, section 4), and NOOP, which devices send there too.
var commands = map[string]command{
	"CAPA": (*login).capa,
	"NOOP": (*login).noop,
	"QUIT": (*login).quit,
	"STLS": (*login).stls,
	"USER": (*login).userName,
	"PASS": (*login).pass,
	"AUTH": (*login).auth,
}

// command answers one line. It returns credentials and true when they are complete.
func (l *login) command(ctx context.Context, line string) (proxy.Credentials, bool, error) {
	word, args, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	word = strings.ToUpper(strings.TrimSpace(word))
	do, known := commands[word]
	if !known {
		return proxy.Credentials{}, false, l.bad("Command is not valid in this state.")
	}
	return do(l, ctx, args)
}

// isAuth reports whether a line is AUTH, which may carry a token.
func isAuth(line []byte) bool {
	_, found := proxy.CutPrefixFold(strings.TrimLeft(string(line), " "), "AUTH ")
	return found
}

// say sends one line.
func (l *login) say(line string) error { return l.device.WriteString(line + "\r\n") }

// bad answers a bad command and counts it.
func (l *login) bad(text string) error {
	if err := l.say("-ERR " + text); err != nil {
		return err
	}
	return l.device.BadCommand()
}
