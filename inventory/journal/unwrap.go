package journal

import (
	"bytes"

	"github.com/valyala/fastjson"
)

// piece is what an envelope had in it: a line, or a piece of one.
type piece struct {
	text   []byte // of the parser: valid until it reads again
	stream string // whose pieces belong together
	more   bool   // the line goes on in the stream's next piece
}

// piece puts a line together and reads it once it is whole.
func (lr *logReader) piece(p piece, depth int) error {
	pending := lr.pieces[p.stream]
	if len(pending) > 0 && bytes.HasPrefix(p.text, begins) { // the end of what is pending never came
		lr.giveUp(p.stream)
		pending = nil
	}
	if p.more && len(pending) == 0 && !looksTorn(p.text) {
		p.more = false // of somebody else
	}
	text := append(pending, p.text...) // copied: the parser reuses what it stands in
	switch {
	case len(text) > maxLine:
		lr.pieces[p.stream] = text[:maxLine]
		lr.giveUp(p.stream)
		return nil
	case p.more:
		lr.keep(p.stream, text)
		return nil
	}
	delete(lr.pieces, p.stream)
	_, err := lr.take(bytes.TrimRight(text, "\r\n"), true, depth+1)
	return err
}

// keep keeps a line that is in pieces. Of too many streams one gives way.
func (lr *logReader) keep(stream string, text []byte) {
	if lr.pieces == nil {
		lr.pieces = make(map[string][]byte)
	}
	if _, has := lr.pieces[stream]; !has && len(lr.pieces) == maxStreams {
		for other := range lr.pieces {
			lr.giveUp(other)
			break
		}
	}
	lr.pieces[stream] = text
}

// giveUp forgets a line whose other pieces are missing.
func (lr *logReader) giveUp(stream string) {
	if looksTorn(lr.pieces[stream]) {
		lr.stats.Bad++
	}
	delete(lr.pieces, stream)
}

// giveUpAll ends the reading.
func (lr *logReader) giveUpAll() {
	for stream := range lr.pieces {
		lr.giveUp(stream)
	}
}

// Where collectors put a line: Docker's json-file driver and Fluent Bit, journald, ECS and most others, OpenTelemetry, Loki, Splunk.
var messageKeys = [...]string{"log", "MESSAGE", "message", "msg", "body", "line", "_raw"}

// Who wrote it, where lines are cut into pieces.
var streamKeys = [...]string{"stream", "container_id", "CONTAINER_ID", "_PID"}

// envelope takes out of a collector's object what is in it. journalctl -o json writes null in place of what it finds too long,
// without --all: that is withheld.
func envelope(root *fastjson.Object) (p piece, withheld bool) {
	key, v := message(root)
	switch {
	case v == nil:
		return piece{}, false
	case v.Type() == fastjson.TypeNull:
		return piece{}, key == "MESSAGE"
	}
	p.text = bytesOf(v)
	for _, k := range streamKeys {
		p.stream += word(root, k) + "\n"
	}
	p.more = goesOn(root, key, p.text)
	return p, false
}

// message finds the value that holds a line: the one that looks so, whatever its key, else one with a key of messages.
func message(root *fastjson.Object) (key string, v *fastjson.Value) {
	if own := root.Get("msg"); own != nil && own.Type() == fastjson.TypeString {
		return "msg", own // an event: what it quotes is no line, or strangers could have one quoted
	}
	root.Visit(func(k []byte, of *fastjson.Value) {
		if v == nil && holdsLine(of) {
			key, v = string(k), of
		}
	})
	if v != nil {
		return key, v
	}
	for _, key := range messageKeys {
		if v := root.Get(key); v != nil {
			return key, v
		}
	}
	return "", nil
}

// holdsLine reports whether a value is, or has in it, a line that a bridge wrote.
func holdsLine(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return bytes.IndexByte(s, '{') >= 0 && bytes.Contains(s, []byte(`msg`))
	case fastjson.TypeObject:
		found := false
		o, _ := v.Object()
		o.Visit(func(k []byte, of *fastjson.Value) { found = found || string(k) == "msg" || holdsLine(of) })
		return found
	}
	return false
}

// bytesOf is the text of a message: a string, the bytes of one in an array, as journald writes what is no UTF-8, or an object.
func bytesOf(v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return s
	case fastjson.TypeArray:
		values, _ := v.Array()
		text := make([]byte, 0, len(values))
		for _, b := range values {
			n, err := b.Uint()
			if err != nil || n > 0xff {
				return nil
			}
			text = append(text, byte(n))
		}
		return text
	case fastjson.TypeObject:
		return v.MarshalTo(nil)
	}
	return nil
}

// goesOn reports whether a message is a piece and not the last one, as each collector says it.
func goesOn(root *fastjson.Object, key string, text []byte) bool {
	switch {
	case word(root, "logtag") != "": // containerd's, by Fluent Bit
		return word(root, "logtag") == "P"
	case word(root, "partial_message") == "true": // Docker's fluentd driver
		return word(root, "partial_last") != "true"
	case word(root, "CONTAINER_PARTIAL_MESSAGE") == "true": // Docker's journald driver
		return word(root, "CONTAINER_PARTIAL_LAST") != "true"
	case word(root, "_LINE_BREAK") == "line-max": // journald itself
		return true
	case key != "log" || bytes.HasSuffix(text, []byte("\n")): // Docker's json-file driver cuts at 16 KiB
		return false
	}
	end, closed := skipNested(text, 0)
	return !closed || len(bytes.TrimSpace(text[end:])) > 0
}

// word is a string, or true, in an object; empty where it is none.
func word(root *fastjson.Object, key string) string {
	switch v := root.Get(key); {
	case v == nil:
		return ""
	case v.Type() == fastjson.TypeString:
		s, _ := v.StringBytes()
		return string(s)
	case v.Type() == fastjson.TypeTrue:
		return "true"
	}
	return ""
}
