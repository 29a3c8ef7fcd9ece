package pop3login

import (
	"bytes"
	"strings"
	"sync"

	"drawbridge/proxy/login"
)

// shape is what an +OK to a command looks like. An -ERR is one line, whatever it answers (RFC 1939, section 3).
type shape byte

const (
	shapeUnknown shape = iota
	oneLine
	manyLines
)

// shapes are the commands whose answers are known (RFC 1939, sections 5 to 7; RFC 2449, section 5).
var shapes = map[string]shape{
	"STAT": oneLine, "DELE": oneLine, "NOOP": oneLine, "RSET": oneLine, "QUIT": oneLine, "LAST": oneLine,
	"RETR": manyLines, "TOP": manyLines, "CAPA": manyLines,
}

const (
	// maxPending is how many commands a device may pipeline before the thread is lost.
	maxPending = 1 << 10
	// maxCommandHead is how much of a command is looked at, in bytes.
	maxCommandHead = 64
	// maxContentHead is how much of a line of content is looked at: enough to tell the dot that ends it.
	maxContentHead = 4
)

// relayed is what a device makes of the session after its login: which commands wait for their answers, and whether the
// upstream is in the middle of an answer of many lines. Whoever lies about line endings makes it lose the thread.
type relayed struct {
	commands login.Lines // of the device's goroutine
	replies  login.Lines // of the upstream's goroutine, as is all below but what mu guards
	inside   bool        // an answer of many lines is under way
	bare     bool        // its last line ended in a bare line feed
	refused  bool        // the last line was an -ERR
	asked    bool        // and answered a command

	mu      sync.Mutex
	pending []shape
	lost    bool
}

// FromDevice notes which commands will be answered.
func (l *device) FromDevice(p []byte) {
	r := &l.relayed
	for r.commands.Keep = maxCommandHead; len(p) > 0; {
		if _, p = r.commands.Next(p); r.commands.Whole {
			r.await(shapeOf(&r.commands), r.commands.CRLF())
		}
	}
}

// shapeOf tells what the answer to a command looks like.
func shapeOf(command *login.Lines) shape {
	text, whole := command.Text()
	word, argument, found := strings.Cut(string(text), " ")
	word = strings.ToUpper(word)
	switch {
	case !whole || bytes.IndexByte(text, '\r') >= 0:
		return shapeUnknown
	case word != "LIST" && word != "UIDL":
		return shapes[word]
	case !found:
		return manyLines
	case argument != "" && strings.Trim(argument, "0123456789") == "":
		return oneLine
	}
	return shapeUnknown
}

func (r *relayed) await(s shape, clean bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost = r.lost || !clean || len(r.pending) == maxPending; r.lost {
		r.pending = nil
		return
	}
	r.pending = append(r.pending, s)
}

// answered is the command that is answered next; false where none waits.
func (r *relayed) answered() (s shape, waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return shapeUnknown, false
	}
	s = r.pending[0]
	r.pending = append(r.pending[:0], r.pending[1:]...)
	return s, true
}

func (r *relayed) loseThread() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost, r.pending = true, nil
}

func (r *relayed) hasLost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// FromUpstream follows the answers.
func (l *device) FromUpstream(p []byte) {
	r := &l.relayed
	if r.hasLost() {
		return
	}
	for len(p) > 0 {
		r.replies.Keep = login.MaxLast
		if r.inside {
			r.replies.Keep = maxContentHead
		}
		if _, p = r.replies.Next(p); !r.replies.Whole {
			return
		}
		understood := r.status
		if r.inside {
			understood = r.content
		}
		if !understood() {
			r.loseThread()
			return
		}
	}
}

// status is the first line of an answer, or one that nobody asked for: an upstream may end a session by one.
func (r *relayed) status() (understood bool) {
	line := r.replies.Head()
	r.refused = bytes.HasPrefix(line, []byte("-ERR"))
	s, waits := r.answered()
	if r.asked = waits; r.refused {
		return r.replies.CRLF()
	}
	r.inside, r.bare = s == manyLines, false
	return r.replies.CRLF() && waits && s != shapeUnknown && bytes.HasPrefix(line, []byte("+OK"))
}

// content is a line of an answer of many lines. A dot alone ends it, where all agree on what a line is.
func (r *relayed) content() (understood bool) {
	text, whole := r.replies.Text()
	last := whole && string(text) == "."
	clean := r.replies.CRLF() && !r.bare
	r.inside, r.bare = !last, !r.replies.CRLF()
	return !last || clean
}

// Last notes whether the device said goodbye, and returns the -ERR with which the upstream ended the session.
func (l *device) Last(upstreamEnded bool) (said string) {
	r := &l.relayed
	command, _ := r.commands.Text()
	command = bytes.TrimSpace(command)
	if l.notes.LoggedOut = strings.EqualFold(string(command), "QUIT"); l.notes.LoggedOut || !upstreamEnded || r.hasLost() || r.inside {
		return ""
	}
	if _, waits := r.answered(); waits && r.asked { // nothing was said to the command that came behind the refused one
		return ""
	}
	if line, whole := r.replies.Text(); whole && r.refused {
		return string(line)
	}
	return ""
}
