package journal

import (
	"bytes"
	"errors"
)

var errNotFound = errors.New("a field is not where it should be")

// findObjects sets hello and clientID, where asked for, to the bytes of the objects of those names in line, a JSON object
// of which only the nesting is looked at: that it is JSON was seen before. Of two the first one counts.
func findObjects(line []byte, wantHello, wantClientID bool, hello, clientID *[]byte) error {
	if findPlainly(line, wantHello, wantClientID, hello, clientID) {
		return nil
	}
	i := skipSpace(line, 0) + 1 // behind the brace
	for i < len(line) {
		i = skipSpace(line, i)
		keyEnd, ok := skipString(line, i)
		if !ok {
			return errNotFound
		}
		key := line[i:keyEnd]
		i = skipSpace(line, skipSpace(line, keyEnd)+1) // behind the colon
		end, ok := skipValue(line, i)
		if !ok {
			return errNotFound
		}
		switch string(key) {
		case `"hello"`:
			take(&wantHello, hello, line[i:end])
		case `"client_id"`:
			take(&wantClientID, clientID, line[i:end])
		}
		if !wantHello && !wantClientID {
			return nil
		}
		i = skipSpace(line, end) + 1 // behind the comma
	}
	return errNotFound // its key is written with escapes, as no bridge does
}

// findPlainly is findObjects for a line as a bridge writes it, several times as fast. Behind a comma a quote can only
// begin a string, or what follows would be no JSON; and where no bracket stands before it, it is not nested.
func findPlainly(line []byte, wantHello, wantClientID bool, hello, clientID *[]byte) bool {
	i, ok := 1, len(line) > 0 && line[0] == '{'
	if ok && wantHello {
		*hello, i, ok = nextObject(line, i, `,"hello":{`)
	}
	if ok && wantClientID {
		*clientID, _, ok = nextObject(line, i, `,"client_id":{`)
	}
	return ok
}

// nextObject returns the object behind start, if nothing nested stands between i and it, and where it ends.
func nextObject(line []byte, i int, start string) (object []byte, end int, ok bool) {
	n := bytes.Index(line[i:], []byte(start))
	if n < 0 || bytes.IndexByte(line[i:i+n], '{') >= 0 || bytes.IndexByte(line[i:i+n], '[') >= 0 {
		return nil, 0, false
	}
	begin := i + n + len(start) - 1
	end, ok = skipNested(line, begin)
	return line[begin:end:end], end, ok
}

func take(want *bool, to *[]byte, value []byte) {
	if *want {
		*want, *to = false, value
	}
}

// skipSpace returns where the next token begins.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the offset behind the string that begins at i.
func skipString(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
	}
	return i, false
}

// skipValue returns the offset behind the value that begins at i.
func skipValue(b []byte, i int) (end int, ok bool) {
	if i >= len(b) {
		return i, false
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ' ' && b[i] != '\t' && b[i] != '\n' && b[i] != '\r' {
		i++
	}
	return i, i > start
}

// skipNested returns the offset behind the object or array that begins at i.
func skipNested(b []byte, i int) (end int, ok bool) {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, ok := skipString(b, i)
			if !ok {
				return end, false
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return i, false
}
