package sandbox

import (
	"bytes"
	"io"
	"slices"
)

// maxRewritten bounds what the filter holds back of a line to rewrite it; a longer line passes as it is.
const maxRewritten = 4096

// filter puts other words into the lines of an IMAP server and lets everything else pass byte for
// byte: data lines (`* 1 FETCH …`), literals of any size, the rest of a line behind a literal. It holds back one short line at most
// and is not safe for concurrent use.
type filter struct {
	out io.Writer
	// rewrite returns what is sent instead of a line, both with their line ends; nothing is an answer too.
	rewrite func(line []byte) []byte
	// literal, if set, is told of each literal before it passes and may end it early by an error, after so many bytes.
	literal func(size int64) (most int64, err error)
	// data, if set, returns what is sent instead of the beginning of a data line, up to its first literal.
	data func(start []byte) []byte

	held    []byte // the beginning of a line not yet decided about
	passing bool   // the rest of this line passes as it is
	text    bool   // and is free text, in which {5} is no literal
	tail    []byte // the last bytes of the passing line
	left    int64  // bytes of a literal still to pass
	most    int64  // how many of them may
	cut     error  // the error to end with when they did
}

// Write takes what the server says, in pieces of any size.
func (f *filter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		var n int
		var err error
		switch {
		case f.left > 0:
			n, err = f.passLiteral(p)
		case f.passing:
			n, err = f.pass(p)
		default:
			n, err = f.hold(p)
		}
		p = p[n:]
		if err != nil {
			return total - len(p), err
		}
	}
	return total, nil
}

func (f *filter) passLiteral(p []byte) (int, error) {
	n := min(int64(len(p)), f.left)
	if f.cut != nil {
		n = min(n, f.most)
	}
	if _, err := f.out.Write(p[:n]); err != nil {
		return 0, err
	}
	f.left, f.most = f.left-n, f.most-n
	if f.cut != nil && f.most <= 0 {
		return int(n), f.cut
	}
	return int(n), nil
}

// pass lets a line pass up to its end, which may announce a literal; behind the literal the same line goes on.
func (f *filter) pass(p []byte) (int, error) {
	n, ends := lineIn(p)
	if _, err := f.out.Write(p[:n]); err != nil {
		return 0, err
	}
	f.tail = append(f.tail, p[:n]...)
	f.tail = append(f.tail[:0], f.tail[max(0, len(f.tail)-32):]...)
	if ends {
		f.endLine(f.tail)
		f.tail = f.tail[:0]
	}
	return n, nil
}

// endLine decides what comes after a line that passed.
func (f *filter) endLine(tail []byte) {
	size, _, isLiteral := literalAtEnd(trimEnd(tail))
	if f.text || !isLiteral {
		f.passing, f.text = false, false
		return
	}
	f.passing, f.left, f.most, f.cut = true, size, size, nil
	if f.literal != nil {
		f.most, f.cut = f.literal(size)
	}
}

// hold collects a line until it is clear whether it is one to rewrite.
func (f *filter) hold(p []byte) (int, error) {
	n, ends := lineIn(p)
	n = min(n, maxRewritten+1-len(f.held))
	f.held = append(f.held, p[:n]...)
	ends = ends && f.held[len(f.held)-1] == '\n'
	f.text = isText(f.held)
	_, _, isLiteral := literalAtEnd(trimEnd(f.held))
	switch {
	case isData(f.held) && f.data != nil && !ends && len(f.held) <= maxRewritten:
		return n, nil
	case isData(f.held), len(f.held) > maxRewritten, ends && isLiteral && !f.text:
		return n, f.release(ends)
	case !ends:
		return n, nil
	}
	line := f.rewrite(f.held)
	f.held = nil
	if len(line) == 0 {
		return n, nil
	}
	_, err := f.out.Write(line)
	return n, err
}

// release lets what was held back pass.
func (f *filter) release(ends bool) error {
	held := f.held
	f.held, f.passing = nil, true
	if f.data != nil && isData(held) {
		held = f.data(held)
	}
	if _, err := f.out.Write(held); err != nil {
		return err
	}
	if ends {
		f.endLine(held)
		return nil
	}
	f.tail = append(f.tail[:0], held[max(0, len(held)-32):]...)
	return nil
}

// lineIn returns how many bytes of p belong to the current line, and whether it ends in p.
func lineIn(p []byte) (n int, ends bool) {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return i + 1, true
	}
	return len(p), false
}

// isData recognises `* 12 …`, the lines that carry messages and never get other words.
func isData(line []byte) bool {
	return len(line) >= 3 && line[0] == '*' && line[1] == ' ' && line[2] >= '0' && line[2] <= '9'
}

// isText recognises lines that end in free text: continuation requests, tagged and untagged status responses.
func isText(line []byte) bool {
	if len(line) == 0 || line[0] != '*' {
		return true
	}
	word, _, _ := bytes.Cut(trimEnd(line[min(2, len(line)):]), []byte(" "))
	return slices.Contains([]string{"OK", "NO", "BAD", "BYE", "PREAUTH"}, string(word))
}
