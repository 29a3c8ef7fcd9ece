package login

import "bytes"

// Observer is what a Login may be besides: it is shown copies of what is relayed, and can neither delay nor change a byte. What
// it learns it leaves in its Notes. Whatever it does not understand for certain makes it lose the thread for good: then it
// says nothing, so that content is never told as protocol.
type Observer interface {
	// FromDevice is given all that the device says after login, before the upstream reads it. It keeps no part of p.
	FromDevice(p []byte)
	// FromUpstream is given all that the upstream says after login, before the device reads it. It may run beside
	// FromDevice. It keeps no part of p.
	FromUpstream(p []byte)
	// Last is called when the relay has ended; upstreamEnded says that the upstream's end came first. It returns the line with
	// which the upstream ended the session, "" where there was none.
	Last(upstreamEnded bool) (said string)
}

// How much an Observer looks at or keeps, in bytes.
const (
	MaxFirst = 4 << 10 // of what the device says first, where it may tell who it is
	MaxLast  = 512     // of a line with which the upstream ends a session
)

// Lines follows one direction of a stream piece by piece and keeps of the line under way, or the last one, the first bytes
// only. Its zero value keeps none.
type Lines struct {
	Keep  int    // how many bytes of a line are kept
	Whole bool   // the line has come to its end
	size  int64  // of the line so far, its ending included
	head  []byte // its first bytes
	ends  [2]byte
}

// Next takes p up to the end of a line. piece is what was taken, rest what comes behind it.
func (l *Lines) Next(p []byte) (piece, rest []byte) {
	if l.Whole {
		l.Whole, l.size, l.head, l.ends = false, 0, l.head[:0], [2]byte{}
	}
	n := bytes.IndexByte(p, '\n') + 1
	if l.Whole = n > 0; !l.Whole {
		n = len(p)
	}
	piece, rest = p[:n], p[n:]
	l.size += int64(n)
	if room := l.Keep - len(l.head); room > 0 {
		l.head = append(l.head, piece[:min(room, n)]...)
	}
	switch {
	case n > 1:
		l.ends = [2]byte(piece[n-2:])
	case n == 1:
		l.ends = [2]byte{l.ends[1], piece[0]}
	}
	return piece, rest
}

// CRLF reports whether the line has come to its end by CRLF.
func (l *Lines) CRLF() bool { return l.ends == [2]byte{'\r', '\n'} }

// Head is the line's first bytes without its ending, which is one: a line of a mail may end in carriage returns of its own. It is
// valid until Next.
func (l *Lines) Head() []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(l.head, []byte("\n")), []byte("\r"))
}

// Text is the whole line without its ending; false where it has not come to its end, or is longer than what is kept.
func (l *Lines) Text() (text []byte, whole bool) {
	if !l.Whole || l.size > int64(len(l.head)) {
		return nil, false
	}
	return l.Head(), true
}
