package journal

import (
	"bytes"
	"regexp"

	"drawbridge/inventory"
)

const (
	maxDepth   = 4  // envelopes around a line
	maxTries   = 16 // lines looked for in what cannot be read
	maxStreams = 16 // that may have lines in pieces at once
)

// begins is how a bridge begins a line.
var begins = []byte(`{"msg":"`)

// take reads what stands on one line: objects with anything before, between and behind them. done is how far it was read; of a
// line that is not whole, since it goes on, the rest is to be taken again with what follows.
func (lr *logReader) take(line []byte, whole bool, depth int) (done int, err error) {
	if whole {
		if known, err := lr.simple(line, depth); known || err != nil {
			return len(line), err
		}
	}
	at, torn := 0, false
	for tries := 0; tries < maxTries; {
		i := objectIn(line, at)
		if i < 0 {
			break
		}
		end, closed := skipNested(line, i)
		if !closed && !whole {
			return at, nil
		}
		fits := false
		if closed {
			if fits, err = lr.object(line[i:end], depth); err != nil {
				return end, err
			}
		}
		next := end
		if !fits { // another line may begin in this one
			tries++
			if j := bytes.Index(line[i+1:end], begins); j >= 0 {
				next = i + 1 + j
			}
			i = next
		}
		torn = torn || looksTorn(line[at:i])
		at = next
	}
	if whole && (torn || looksTorn(line[at:])) {
		lr.stats.Bad++
	}
	return at, nil
}

// simple reads a line that is as a bridge or a container's runtime writes it.
func (lr *logReader) simple(line []byte, depth int) (known bool, err error) {
	if bytes.HasPrefix(line, begins) {
		if ok, bad := lr.parser.Parse(line, &lr.line); bad == nil && ok {
			return true, lr.hand()
		}
		return false, nil
	}
	if bytes.Contains(line, forPeople) {
		lr.stats.Console++
		return true, nil
	}
	if p := criLine.FindSubmatchIndex(line[:min(len(line), maxPrefix)]); p != nil && depth < maxDepth {
		return true, lr.piece(piece{text: line[p[1]:], stream: string(line[p[2]:p[3]]), more: line[p[4]] == 'P'}, depth)
	}
	return false, nil
}

// forPeople is what log.format: console writes of a session before its words.
var forPeople = []byte("\tinfo\tsession\t")

// maxPrefix is how long what CRI puts before a line can be, in bytes.
const maxPrefix = 80

// criLine is what the container runtime interface puts before a line, which it cuts at 16 KiB: P, a piece, or F, the last one.
var criLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ (stdout|stderr) ([PF])(?::\S*)? `)

// hand hands the line on that was read.
func (lr *logReader) hand() error {
	if err := lr.each(&lr.line); err != nil {
		return err
	}
	lr.stats.Lines++
	return nil
}

// object reads an object that is a line or has one in it. It reports false where the object is no JSON, or a line that is bad.
func (lr *logReader) object(text []byte, depth int) (fits bool, err error) {
	if done, bad := lr.parser.quick(text, &lr.line); done {
		if bad != nil {
			return false, nil
		}
		return true, lr.hand()
	}
	root, bad := lr.parser.object(text)
	if bad != nil {
		return false, nil
	}
	lr.line = inventory.Line{}
	switch ok, bad := lr.parser.known(root, text, &lr.line); {
	case bad != nil:
		return false, nil
	case ok:
		return true, lr.hand()
	case depth == maxDepth:
		return !looksTorn(text), nil
	}
	p, withheld := envelope(root)
	if withheld {
		lr.stats.Withheld++
		return true, nil
	}
	return true, lr.piece(p, depth)
}

// objectIn returns where the next object begins from at on: a brace and a key.
func objectIn(line []byte, at int) int {
	for {
		i := bytes.IndexByte(line[at:], '{')
		if i < 0 {
			return -1
		}
		at += i
		if key := skipSpace(line, at+1); key < len(line) && line[key] == '"' {
			return at
		}
		at++
	}
}

// looksTorn reports whether text, which was not read, may be a part of a line of ours.
func looksTorn(text []byte) bool {
	return bytes.Contains(text, []byte(`":`)) && (bytes.ContainsAny(text, "{}") || bytes.Contains(text, []byte(`"msg"`)))
}
