package sandbox

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// pendingCommand is a command that the memory server has and has not answered.
type pendingCommand struct {
	name   string
	answer string // said instead of the server's answer; it may be several lines
	ends   bool   // and then the session ends with imapTooMany
}

// imapSession is a connection after login as the memory server sees it: reading gives the device's commands, where Exchange
// would refuse one a NOOP in its place, and what is written goes out in Exchange's words.
type imapSession struct {
	net.Conn // whose addresses are asked for
	*conn
	commands *commandReader
	replies  *filter

	mu      sync.Mutex // the server writes from a second goroutine during IDLE
	greeted bool       // the memory server's greeting has been swallowed
	pending []pendingCommand
	wanted  bool // a continuation request came since the last command
	errors  int
	over    bool // the last line has been said
}

func newIMAPSession(c *conn) *imapSession {
	s := &imapSession{Conn: c.raw, conn: c}
	s.commands = &commandReader{session: s}
	s.replies = &filter{out: c, rewrite: s.rewrite, literal: s.cutLiteral}
	if c.listener.options.Estimates {
		s.replies.data = estimateSize
	}
	return s
}

// Read gives the memory server what the device says. An error closes the connection: the server looks at it once and reads on.
func (s *imapSession) Read(p []byte) (int, error) {
	s.stream.SetReadDeadline(time.Now().Add(s.listener.options.Idle))
	n, err := s.commands.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.bye(imapIdled)
	}
	if err != nil {
		s.conn.close()
	}
	return n, err
}

// Write takes what the memory server says; the server never writes from two goroutines at once.
func (s *imapSession) Write(p []byte) (int, error) {
	n, err := s.replies.Write(p)
	bye, isBye := errors.AsType[errBye](err)
	switch {
	case isBye:
		s.bye(bye.line)
	case err == nil && s.isOver():
		s.conn.close()
		return n, net.ErrClosed
	}
	return n, err
}

func (s *imapSession) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// Close closes the connection with TLS's farewell.
func (s *imapSession) Close() error {
	s.conn.close()
	return nil
}

// SetDeadline and its like do nothing: every read and write sets its own deadline.
func (s *imapSession) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *imapSession) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *imapSession) SetWriteDeadline(time.Time) error { return nil }

// expect notes a command whose answer will come.
func (s *imapSession) expect(command pendingCommand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, command)
	s.wanted = false
}

// literalWanted tells whether the server asked for the literal that the last command announced, rather than refuse the command.
func (s *imapSession) literalWanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := s.wanted
	s.wanted = false
	return wanted
}

func (s *imapSession) rewrite(line []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := withoutEnd(line)
	switch {
	case !s.greeted:
		s.greeted = true
		return nil
	case strings.HasPrefix(text, "+"), strings.HasPrefix(text, "* "):
		s.wanted = s.wanted || text[0] == '+'
		return withEnd(rewriteUntagged(text, s.personality()))
	}
	return s.rewriteAnswer(text)
}

// rewriteAnswer is called with the lock held: the server answers commands in their order.
func (s *imapSession) rewriteAnswer(text string) []byte {
	if len(s.pending) == 0 {
		return withEnd(text)
	}
	command := s.pending[0]
	s.pending = s.pending[1:]
	if command.answer == "" {
		text = rewriteTagged(text, command.name)
	} else {
		text = command.answer
	}
	if isBad(text) {
		s.errors++
	}
	if command.ends || s.errors >= maxErrors {
		text += "\r\n" + imapTooMany
		s.over = true
	}
	return withEnd(text)
}

// isBad recognises a tagged BAD.
func isBad(line string) bool {
	_, rest, _ := strings.Cut(line, " ")
	return strings.HasPrefix(rest, "BAD ")
}

// cutLiteral carries ByeInLiteral out: half of the message, the line, the end.
func (s *imapSession) cutLiteral(size int64) (int64, error) {
	line := s.faults().ByeInLiteral
	if line == "" {
		return size, nil
	}
	return size / 2, errBye{line}
}

// errBye ends a session with a line.
type errBye struct{ line string }

// Error names the line.
func (e errBye) Error() string { return "ended with " + e.line }
