package sandbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// popTransaction is POP3's transaction state (RFC 1939, section 5) over a maildrop.
type popTransaction struct {
	dialog
	drop *maildrop
}

func (t *popTransaction) run() {
	for !t.over {
		line, err := t.readText(Command, t.listener.options.Idle, maxPOPCommand)
		if err != nil {
			return
		}
		word, argument, _ := strings.Cut(line, " ")
		word = strings.ToUpper(word)
		if t.throttled(word) {
			continue
		}
		t.answer(word, strings.TrimSpace(argument))
	}
}

func (t *popTransaction) throttled(word string) bool {
	throttle := t.faults().Throttle
	switch {
	case throttle == ThrottleOff || word == "QUIT":
		return false
	case throttle == ThrottleCloses:
		t.over = true
		t.say("-ERR " + throttledCloses)
	default:
		t.say("-ERR " + throttledStays)
	}
	return true
}

func (t *popTransaction) refuse(line string) {
	t.errors++
	t.say(line)
	if t.errors >= maxErrors {
		t.over = true
	}
}

func (t *popTransaction) answer(word, argument string) {
	switch word {
	case "STAT":
		count, size := t.drop.total()
		t.say(fmt.Sprintf("+OK %d %d", count, size))
	case "LIST":
		t.list(argument, func(m popMessage) string { return strconv.FormatInt(m.size, 10) })
	case "UIDL":
		t.list(argument, func(m popMessage) string { return fmt.Sprintf("%08d", m.uid) })
	case "RETR":
		t.retrieve(argument, -1)
	case "TOP":
		t.top(argument)
	case "DELE":
		if i, ok := t.find(argument); ok {
			t.drop.messages[i].deleted = true
			t.say("+OK")
		}
	case "RSET":
		t.drop.reset()
		t.say("+OK")
	case "NOOP":
		t.say("+OK")
	case "CAPA":
		t.say("+OK", strings.Join(t.personality().popCapabilities(true), "\r\n"), ".")
	case "QUIT":
		t.quit()
	case "USER", "PASS", "AUTH", "STLS":
		t.refuse(popState)
	default:
		t.refuse(popGarbage)
	}
}

// list answers LIST and UIDL, for one message or all.
func (t *popTransaction) list(argument string, describe func(popMessage) string) {
	if argument != "" {
		if i, ok := t.find(argument); ok {
			t.say(fmt.Sprintf("+OK %d %s", i+1, describe(t.drop.messages[i])))
		}
		return
	}
	lines := []string{"+OK"}
	for i, m := range t.drop.messages {
		if !m.deleted {
			lines = append(lines, fmt.Sprintf("%d %s", i+1, describe(m)))
		}
	}
	t.say(append(lines, ".")...)
}

// find returns the index of the message a number names, or refuses.
func (t *popTransaction) find(number string) (int, bool) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(t.drop.messages) || t.drop.messages[n-1].deleted {
		t.refuse("-ERR The specified message is out of range.")
		return 0, false
	}
	return n - 1, true
}

func (t *popTransaction) top(argument string) {
	number, lines, _ := strings.Cut(argument, " ")
	n, err := strconv.Atoi(strings.TrimSpace(lines))
	if err != nil || n < 0 {
		t.refuse(popGarbage)
		return
	}
	t.retrieve(number, n)
}

// retrieve sends a message, or its header and so many lines; lines -1 stands for all.
func (t *popTransaction) retrieve(number string, lines int) {
	i, ok := t.find(number)
	if !ok {
		return
	}
	body, size, done, err := t.drop.open(i)
	if err != nil {
		t.refuse("-ERR Server Unavailable. 15")
		return
	}
	defer done()
	out := bufio.NewWriterSize(t.conn, 32<<10)
	out.WriteString("+OK\r\n")
	dots := &dotWriter{out: out, lines: lines}
	if line := t.faults().ByeInLiteral; line != "" {
		io.CopyN(dots, body, size/2)
		out.Flush()
		t.over = true
		t.bye(line)
		return
	}
	_, err = io.Copy(dots, body)
	if err != nil || dots.finish() != nil || out.Flush() != nil {
		t.over = true
	}
}

// quit is the update state: deletions happen now (RFC 1939, section 6).
func (t *popTransaction) quit() {
	t.over = true
	if err := t.drop.update(); err != nil {
		t.say("-ERR Server Unavailable. 15")
		return
	}
	t.say(popSigningOff)
}

// dotWriter byte-stuffs a message (RFC 1939, section 3) and otherwise leaves each byte as it is, bare line feeds too.
type dotWriter struct {
	out   *bufio.Writer
	lines int // how many lines of the body are wanted (TOP); below 0: all

	middle bool // not at the beginning of a line
	carry  bool // the last byte was a CR
	filled bool // the current line has something besides its end
	body   bool // the header is over
	sent   int  // lines of the body so far
}

// Write takes a piece of the message; what TOP does not want is dropped.
func (d *dotWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && (d.lines < 0 || !d.body || d.sent < d.lines) {
		n, _ := lineIn(p)
		if p[0] == '.' && !d.middle {
			d.out.WriteByte('.') // a failure comes back with the next write
		}
		if _, err := d.out.Write(p[:n]); err != nil {
			return 0, err
		}
		d.note(p[:n])
		p = p[n:]
	}
	return total, nil
}

// note keeps count of a line, or of a piece of one.
func (d *dotWriter) note(piece []byte) {
	last := piece[len(piece)-1]
	d.middle, d.carry = last != '\n', last == '\r'
	d.filled = d.filled || len(bytes.Trim(piece, "\r\n")) > 0
	if d.middle {
		return
	}
	if d.body {
		d.sent++
	}
	d.body = d.body || !d.filled
	d.filled = false
}

// finish ends the last line if the message did not, and says the dot.
func (d *dotWriter) finish() error {
	if d.middle {
		if !d.carry {
			d.out.WriteByte('\r')
		}
		d.out.WriteByte('\n')
	}
	_, err := d.out.WriteString(".\r\n")
	return err
}
