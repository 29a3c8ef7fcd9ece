package inventory

import (
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// How much of what others sent a record holds, in characters after they are escaped, and how many entries of a list. They are
// halved where a record would have more than maxRecord bytes.
const (
	maxRecord   = 8 << 10
	maxName     = 256
	maxSentence = 1024
	maxList     = 128
	maxClientID = 30 // pairs of an IMAP ID (RFC 2971, section 3.3)
)

// bounds are how often the bounds of a record are halved: first those of the IMAP ID, which is the longest and the least of what
// a record tells, then the others. The zero value halves none. Account and device, which must read alike in every record, are
// not concerned.
type bounds struct{ id, rest int }

// tightest is enough for the longest record that there can be.
var tightest = bounds{4, 4}

func (b bounds) tighter() bounds {
	if b.id < tightest.id {
		return bounds{b.id + 1, b.rest}
	}
	return bounds{b.id, b.rest + 1}
}

func (b bounds) name(text string) string     { return shown(text, maxName>>b.rest) }
func (b bounds) sentence(text string) string { return shown(text, maxSentence>>b.rest) }
func (b bounds) list() int                   { return maxList >> b.rest }

// fit returns the first bounds by which the record of s is no longer than maxRecord, and how long it is then, in bytes with its
// newline. To know that is to write it.
func (s *Session) fit() (bounds, int) {
	for b := (bounds{}); ; b = b.tighter() {
		if size := lineSize(MessageSession, &bounded{s, b}); size <= maxRecord || b == tightest {
			return b, size
		}
	}
}

// lineSize returns how long a line is in log and journal.
func lineSize(message string, line zapcore.ObjectMarshaler) int {
	buf, err := zapcore.NewJSONEncoder(LineEncoding()).EncodeEntry(zapcore.Entry{Message: message}, []zapcore.Field{zap.Inline(line)})
	if err != nil { // no line of ours has one
		return maxRecord
	}
	defer buf.Free()
	return buf.Len()
}

// shown returns s Printable and at most limit characters long, without a part of an escape at its end.
func shown(s string, limit int) string {
	some := cut(s, limit) // what is escaped is no shorter
	all := Printable(some)
	short := cut(all, limit)
	if len(short) == len(all) && len(some) == len(s) {
		return all
	}
	return short[:len(short)-partOfEscape(short)]
}

// partOfEscape returns how many bytes of an escape that is not whole s ends with.
func partOfEscape(s string) int {
	for n := 1; n <= min(len(s), 9); n++ {
		c := s[len(s)-n]
		if c >= utf8.RuneSelf {
			return 0
		}
		if c != '\\' {
			continue
		}
		switch {
		case n == 1, s[len(s)-n+1] == 'u' && n < 6, s[len(s)-n+1] == 'U':
			return n
		}
		return 0
	}
	return 0
}
