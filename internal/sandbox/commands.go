package sandbox

import (
	"io"
	"strings"
	"unicode"
)

const (
	// maxCommand bounds a command line after login, as Exchange Server's default does (10,240).
	maxCommand = 10 << 10
	// maxSkipped bounds what is read of a longer one before the connection ends.
	maxSkipped = 64 << 10
	// placeholder is the tag of a NOOP that stands for a line without a tag.
	placeholder = "untagged"
)

// memoryCommands are those that the memory server knows.
var memoryCommands = map[string]bool{
	"NOOP": true, "CHECK": true, "LOGOUT": true, "CAPABILITY": true, "ENABLE": true, "CREATE": true, "DELETE": true,
	"RENAME": true, "SUBSCRIBE": true, "UNSUBSCRIBE": true, "STATUS": true, "LIST": true, "LSUB": true, "NAMESPACE": true,
	"IDLE": true, "SELECT": true, "EXAMINE": true, "CLOSE": true, "UNSELECT": true, "APPEND": true, "FETCH": true,
	"EXPUNGE": true, "STORE": true, "COPY": true, "MOVE": true, "SEARCH": true,
	"UID FETCH": true, "UID EXPUNGE": true, "UID STORE": true, "UID COPY": true, "UID MOVE": true, "UID SEARCH": true,
}

// commandReader reads what a device says after login: command lines, which it looks at, and literals, which it passes in
// pieces. Only the memory server's reading goroutine uses it, so when it is asked for more behind a
// synchronizing literal's line the server has either asked the device to go on or refused the command.
type commandReader struct {
	session *imapSession

	ready   []byte // to be read before anything else
	asked   int64  // a literal that the server may ask for; -1: none
	inside  bool   // the next line belongs to the command before
	discard bool   // the rest of this command is for nobody
	idling  bool   // the next line ends IDLE
	literal int64  // bytes of a literal to come
}

// Read fills p with a piece of what the device said.
func (r *commandReader) Read(p []byte) (int, error) {
	for {
		switch {
		case len(r.ready) > 0:
			n := copy(p, r.ready)
			r.ready = r.ready[n:]
			return n, nil
		case r.literal > 0 && r.discard:
			n, err := io.CopyN(io.Discard, r.session.reader, r.literal)
			r.literal -= n
			if err != nil {
				return 0, err
			}
		case r.literal > 0:
			n, err := r.session.reader.Read(p[:min(int64(len(p)), r.literal)])
			r.literal -= int64(n)
			return n, err
		default:
			if err := r.next(); err != nil {
				return 0, err
			}
		}
	}
}

// next reads a line, or settles what became of an announced literal.
func (r *commandReader) next() error {
	if r.asked > 0 || r.inside && r.asked == 0 {
		size := r.asked
		r.asked = -1
		r.inside = r.session.literalWanted()
		if r.inside {
			r.literal = size
			return nil
		}
	}
	line, err := readLine(r.session.reader, maxSkipped)
	if err != nil {
		return err
	}
	switch {
	case r.idling:
		r.idling, r.ready = false, line
	case r.inside:
		if !r.discard {
			r.ready = line
		}
		r.announce(line)
	default:
		r.begin(line)
	}
	return nil
}

// announce looks for a literal at the end of a line.
func (r *commandReader) announce(line []byte) {
	size, atOnce, ok := literalAtEnd([]byte(withoutEnd(line)))
	r.asked = -1
	switch {
	case !ok, r.discard && !atOnce:
		r.inside, r.discard = false, false
	case atOnce:
		r.inside, r.literal = true, size
	default:
		r.inside, r.asked = true, size
	}
}

// begin takes the first line of a command.
func (r *commandReader) begin(line []byte) {
	text := withoutEnd(line)
	tag, name := splitCommand(text)
	r.session.log(Event{Kind: Command, Text: text[:min(len(text), 512)]})
	command := r.session.decide(tag, name, text)
	r.session.expect(command)
	r.discard = command.answer != ""
	r.ready = line
	if r.discard {
		r.ready = withEnd(placeholder + " NOOP")
	}
	r.idling = !r.discard && name == "IDLE" && strings.Count(text, " ") == 1
	r.announce(line)
}

// splitCommand returns tag and name; the name is in upper case, and that of a UID command has both words.
func splitCommand(line string) (tag, name string) {
	words := strings.SplitN(line, " ", 4)
	if len(words) < 2 || words[0] == "" || strings.ContainsAny(words[0], "(){%*\"\\]+") || strings.ContainsFunc(words[0], unicode.IsControl) {
		return "", ""
	}
	name = strings.ToUpper(words[1])
	if name == "UID" && len(words) > 2 {
		name += " " + strings.ToUpper(words[2])
	}
	return words[0], name
}

// decide says which commands Exchange answers in its own way; an empty answer leaves it to the memory server.
func (s *imapSession) decide(tag, name, line string) pendingCommand {
	c := pendingCommand{name: name}
	throttle := s.faults().Throttle
	switch {
	case tag == "":
		c.answer = "* BAD Command Error. 10"
	case len(line) > maxCommand:
		c.answer = tag + " BAD Command Argument Error. 11"
	case name == "ID":
		c.answer = imapID + "\r\n" + tag + " OK ID completed."
	case name == "LOGIN" || name == "AUTHENTICATE" || name == "STARTTLS":
		c.answer = tag + " BAD Command received in Invalid state."
	case !memoryCommands[name]:
		c.answer = tag + " BAD Command Error. 12"
	case throttle == ThrottleCloses && name != "LOGOUT":
		c.answer, c.ends = tag+" BAD "+throttledCloses, true
	case throttle == ThrottleStays && name != "LOGOUT":
		c.answer = tag + " NO " + throttledStays
	case isRefusedSearch(name, line):
		c.answer = tag + " BAD Command Argument Error. 11"
	}
	return c
}

// isRefusedSearch recognises the searches that Exchange does not do.
func isRefusedSearch(name, line string) bool {
	if name != "SEARCH" && name != "UID SEARCH" {
		return false
	}
	upper := strings.ToUpper(line)
	return strings.Contains(upper, " KEYWORD ") || strings.Contains(upper, " CHARSET UTF-8")
}
