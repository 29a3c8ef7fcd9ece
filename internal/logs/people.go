package logs

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"drawbridge/inventory"
)

// people encodes a record as one short line: what happened to whom, not all that is known of it. No inventory can be made of it.
type people struct{ zapcore.Encoder }

// Clone implements zapcore.Encoder.
func (p people) Clone() zapcore.Encoder { return people{p.Encoder.Clone()} }

// EncodeEntry implements zapcore.Encoder. The line has the record's own time.
func (p people) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	all := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(all)
	}
	record := record(all.Fields)
	if at, err := time.Parse(time.RFC3339, record.text("time")); err == nil {
		e.Time = at
	}
	e.Message += "\t" + strings.Join(record.words(e.Message), " ")
	return p.Encoder.EncodeEntry(e, nil)
}

// record is the fields of a line by their keys.
type record map[string]any

// text is a field in words, empty where the line leaves it out.
func (r record) text(key string) string {
	if v, ok := r[key]; ok {
		return fmt.Sprint(v)
	}
	return ""
}

// words are what a line of this kind tells people, in order.
func (r record) words(message string) []string {
	switch message {
	case inventory.MessageSession:
		return r.session()
	case inventory.MessageFlood:
		return r.say("%s", "device", "%s", "source_ip", "on %s", "listener", "%s connections", "count", "- %s", "reason")
	case inventory.MessageChange:
		return r.say("%s:", "device", "%s", "key", "was %q", "old", "is now %q", "new", "by %s", "by")
	case inventory.MessageNotice:
		return r.say("%s:", "event", "%s", "text")
	default:
		return r.say("%s", "event", "version %s", "version", "run %s", "run", "the run before: %s", "previous_run")
	}
}

// session says of a session who it was, how it ended and why.
func (r record) session() []string {
	words := r.say("%s", "device", "(%s)", "source_name", "on %s", "listener", "TLS %s", "tls_version", "%s", "readiness",
		"as %q", "claimed_account", "%s", "outcome", "in %s", "phase")
	if ms, ok := r["duration_ms"].(int64); ok {
		words = append(words, "after "+(time.Duration(ms)*time.Millisecond).String())
	}
	return append(words, r.say("- %s", "reason", "[%s]", "session_id")...)
}

// say puts each field that is there into its format; parts are formats and keys in turn.
func (r record) say(parts ...string) (words []string) {
	for i := 0; i+1 < len(parts); i += 2 {
		if text := r.text(parts[i+1]); text != "" {
			words = append(words, fmt.Sprintf(parts[i], text))
		}
	}
	return words
}
