// Package pop3login is POP3 as far as login, from both ends: the device's half, the upstream's half.
// After login it knows no more of the protocol than where an answer ends.
//
// It takes what real devices do: bare line feeds, any case, spaces where none belong, speaking before the greeting, and
// AUTH without a mechanism. It follows RFC 1939 (POP3), 2449 (CAPA and response codes), 2595 (STLS), 3206 (AUTH and SYS
// codes), 5034 (AUTH) and 4616 (PLAIN).
package pop3login

import (
	"context"
	"strings"

	"drawbridge/proxy/login"
)

// device is the device's half of one POP3 login.
type device struct {
	conn     *login.Conn
	greeting login.Greeting
	notes    *login.Notes
	greeted  bool
	user     string // what the last USER said
	word     string // of the command under way, where it is known by name
	size     int    // of its line, in bytes
	relayed  relayed
}

// Dialect is POP3 from both ends, as far as login.
func Dialect() login.Dialect {
	return login.Dialect{NewLogin: New, NewUpstreamHalf: NewUpstream}
}

// New starts the device's half of a POP3 login.
func New(conn *login.Conn, greeting login.Greeting, n *login.Notes) login.Login {
	return &device{conn: conn, greeting: greeting, notes: n}
}

// Read greets the device the first time, and answers its commands until it has presented credentials.
func (l *device) Read(ctx context.Context) (login.Credentials, error) {
	if err := l.greet(); err != nil {
		return login.Credentials{}, err
	}
	for {
		line, err := l.conn.ReadCommand(isAuth)
		if err != nil {
			return login.Credentials{}, err
		}
		c, done, err := l.command(ctx, line)
		if done || err != nil {
			return c, err
		}
	}
}

func (l *device) greet() error {
	if l.greeted {
		return nil
	}
	l.greeted = true
	if l.conn.SpokeFirst() {
		l.notes.Quirk(login.QuirkSpokeFirst)
	}
	return l.say("+OK " + string(l.greeting))
}

// command is what a device may say before it is logged in.
type command func(l *device, ctx context.Context, args string) (login.Credentials, bool, error)

// commands are the words of the AUTHORIZATION state (RFC 1939, section 4), and NOOP, which devices send there too.
var commands = map[string]command{
	"CAPA": (*device).capa,
	"NOOP": (*device).noop,
	"QUIT": (*device).quit,
	"STLS": (*device).stls,
	"USER": (*device).userName,
	"PASS": (*device).pass,
	"AUTH": (*device).auth,
}

// command answers one line. It returns credentials and true when they are complete.
func (l *device) command(ctx context.Context, line string) (login.Credentials, bool, error) {
	word, args, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	word = strings.ToUpper(strings.TrimSpace(word))
	do, known := commands[word]
	if l.word, l.size = word, len(line); !known {
		l.word = ""
	}
	switch {
	case word == login.MechanismAPOP:
		return login.Credentials{}, false, l.apop(args)
	case !known:
		return login.Credentials{}, false, l.bad(notValid)
	}
	return do(l, ctx, args)
}

// isAuth reports whether a line is AUTH, which may carry a token.
func isAuth(line []byte) bool {
	_, found := login.CutPrefixFold(strings.TrimLeft(string(line), " "), "AUTH ")
	return found
}

// say sends one line.
func (l *device) say(line string) error { return l.conn.WriteString(line + "\r\n") }

// bad answers a bad command and counts it.
func (l *device) bad(text string) error {
	if err := l.say("-ERR " + text); err != nil {
		return err
	}
	return l.conn.BadCommand(l.word, l.size)
}
