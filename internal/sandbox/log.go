package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EventKind says what an [Event] tells.
type EventKind string

// The kinds of events, in the order in which a session has them.
const (
	Accepted        EventKind = "accepted"         // a TCP connection was taken
	Handshake       EventKind = "handshake"        // TLS is up: TLS is set
	HandshakeFailed EventKind = "handshake_failed" // Text is the error
	Received        EventKind = "received"         // Text is a line that came before the login was done
	LoginTried      EventKind = "login_tried"      // Login is set, the answer is not yet given
	LoginAnswered   EventKind = "login_answered"   // Login and Text (the answer without its tag) are set
	Command         EventKind = "command"          // Text is the line of a command after login, literals left out
	Closed          EventKind = "closed"           // the connection is gone
)

// Login is one attempt to log in, with its secret in clear text: it only ever holds made-up secrets.
type Login struct {
	User      string
	Mechanism string // LOGIN, PLAIN, XOAUTH2, or USER for POP3's USER and PASS
	Password  string // empty with XOAUTH2
	Token     string // only with XOAUTH2
	OK        bool   // whether it was told OK; always false in LoginTried
}

// TLSInfo is what a finished handshake settled.
type TLSInfo struct {
	Version    uint16 // as in crypto/tls
	Suite      uint16 // as in crypto/tls
	ServerName string // empty if the peer sent none
	Resumed    bool
}

// Event is one thing that happened at the stand-in.
type Event struct {
	Kind     EventKind
	At       time.Time
	Listener string // the listener's name
	Conn     uint64 // numbers connections from 1, over all listeners
	Remote   string // address and port of the peer
	TLS      TLSInfo
	Login    Login
	Text     string
	Why      string // in LoginAnswered: what was wrong with a token, which no peer is told
}

// Log keeps what reached the stand-in, up to 65,536 events. It is safe for concurrent use.
type Log struct{ record *record[Event] }

func newLog() *Log { return &Log{newRecord[Event]()} }

func (l *Log) add(e Event) { l.record.add(e) }

// Events returns a copy of what happened so far, oldest first; with kinds, only those.
func (l *Log) Events(kinds ...EventKind) []Event {
	return l.record.matching(func(e Event) bool { return len(kinds) == 0 || slices.Contains(kinds, e.Kind) })
}

// Count returns how many events of a kind there are: Count(Accepted) is the number of connections so far.
func (l *Log) Count(kind EventKind) int {
	return len(l.Events(kind))
}

// Logins returns the attempts to log in so far, oldest first, as they came in.
func (l *Log) Logins() []Login {
	var logins []Login
	for _, e := range l.Events(LoginTried) {
		logins = append(logins, e.Login)
	}
	return logins
}

// Contains tells whether a peer ever sent text: in a line before login, in credentials, or in a command line after login.
func (l *Log) Contains(text string) bool {
	return slices.ContainsFunc(l.Events(), func(e Event) bool {
		return strings.Contains(e.Text, text) || strings.Contains(e.Login.User, text) ||
			strings.Contains(e.Login.Password, text) || strings.Contains(e.Login.Token, text)
	})
}

// Wait returns the first event, past or to come, that match accepts. It ends with an error when ctx does.
func (l *Log) Wait(ctx context.Context, match func(Event) bool) (Event, error) {
	return l.record.wait(ctx, match)
}

// WaitCount returns when there are at least n events of a kind. It ends with an error when ctx does.
func (l *Log) WaitCount(ctx context.Context, kind EventKind, n int) error {
	if err := l.record.waitCount(ctx, n, func(e Event) bool { return e.Kind == kind }); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}
