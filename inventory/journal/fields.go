package journal

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"drawbridge/inventory"
)

// known is a field that a line can have and how it is read; read is nil where nothing is made of it.
type known struct {
	name string
	read reading
}

// reading reads the JSON of a value into the parser's line. Of a field that stands twice the first one counts.
type reading = func(p *Parser, l *inventory.Line, raw []byte) error

// field is one that a line can have, and what it was lately.
type field struct {
	known

	// The string, object or array that stood in a line before, and what was read of it. Most fields of most lines are as
	// in the one before.
	raw   []byte
	value string
	again bool // it stands in this line too
}

// fields are those of one kind of line, in the order in which a bridge writes them, so that the next one is found at once.
type fields struct {
	all  []field
	next int // the field that probably comes next
}

// newFields returns the fields that all lines begin with, and those that follow.
func newFields(others ...known) *fields {
	all := []field{{known: known{"msg", nil}},
		{known: known{"time", momentOf(func(l *inventory.Line) *time.Time { return &l.Time })}},
		{known: known{"bridge", nameOf(func(l *inventory.Line) *string { return &l.Bridge })}},
		{known: known{"run", nameOf(func(l *inventory.Line) *string { return &l.Run })}}}
	for _, k := range others {
		all = append(all, field{known: k})
	}
	return &fields{all: all}
}

// named returns the field of that name, nil for one that is not known. It looks for it from behind the last one on.
func (fs *fields) named(key []byte) *field {
	for range fs.all {
		f := &fs.all[fs.next]
		if fs.next++; fs.next == len(fs.all) {
			fs.next = 0
		}
		if f.name == string(key) {
			return f
		}
	}
	return nil
}

// maxRepeated bounds field.raw, in bytes.
const maxRepeated = 1 << 10

// repeats reports whether b begins with the value of a line before, which then ends where it ended there. It returns
// how long that is.
func (f *field) repeats(b []byte) (length int, ok bool) {
	f.again = len(f.raw) > 0 && bytes.HasPrefix(b, f.raw)
	return len(f.raw), f.again
}

// keep remembers what was read of raw. A number does not tell where it ends and is not kept.
func (f *field) keep(raw []byte, value string) {
	f.raw, f.value = f.raw[:0], ""
	if len(raw) <= maxRepeated && (raw[0] == '"' || raw[0] == '{' || raw[0] == '[') {
		f.raw, f.value = append(f.raw, raw...), value
	}
}

// value takes the value that begins at i, and returns where it ends. f is nil for a field that is not known.
func (p *Parser) value(f *field, line []byte, i int) (end int, err error) {
	if f == nil {
		return endOf(line, i)
	}
	if length, ok := f.repeats(line[i:]); ok {
		end = i + length
	} else if end, err = endOf(line, i); err != nil {
		return end, err
	}
	if f.read == nil {
		if !f.again {
			f.keep(line[i:end], "")
		}
		return end, nil
	}
	p.at = f
	if err := f.read(p, p.line, line[i:end]); err != nil {
		return end, fmt.Errorf("field %s: %w", f.name, err)
	}
	return end, nil
}

func endOf(line []byte, i int) (int, error) {
	end, ok := skipValue(line, i)
	if !ok {
		return end, errNotJSON
	}
	return end, nil
}

// maxCount is how many connections a line may count. A minute has fewer, and sums of such numbers stay sums.
const maxCount = math.MaxInt32

// sessionFields are the fields of a session record, which are those of an admitted line too.
func sessionFields() *fields {
	return newFields(
		known{"session_id", readID},
		known{"device", sentenceOf(func(l *inventory.Line) *string { return &l.Session.Device })},
		known{"listener", nameOf(func(l *inventory.Line) *string { return &l.Session.Listener })},
		known{"protocol", nameOf(func(l *inventory.Line) *string { return &l.Session.Protocol })},
		known{"tls_mode", nameOf(func(l *inventory.Line) *string { return &l.Session.TLSMode })},
		known{"source_ip", readSource}, known{"source_port", nil},
		known{"source_name", nameOf(func(l *inventory.Line) *string { return &l.Session.SourceName })},
		known{"source_mac", nameOf(func(l *inventory.Line) *string { return &l.Session.SourceMAC })},
		known{"vendor", nameOf(func(l *inventory.Line) *string { return &l.Session.Vendor })},
		known{"source_shared", readShared},
		known{"hello", objectOf(func(l *inventory.Line) *string { return &l.Session.Hello })},
		known{"tls_engine", nil},
		known{"tls_version", nameOf(func(l *inventory.Line) *string { return &l.Session.TLSVersion })},
		known{"tls_cipher", nameOf(func(l *inventory.Line) *string { return &l.Session.TLSCipher })},
		known{"tls_group", nil}, known{"tls_resumed", nil}, known{"tls_alert_sent", nil},
		known{"tls_alert_received", nameOf(func(l *inventory.Line) *string { return &l.Session.AlertReceived })},
		known{"certificate", nil}, known{"client_id", objectOf(func(l *inventory.Line) *string { return &l.Session.ClientID })},
		known{"account", nameOf(func(l *inventory.Line) *string { return &l.Session.Account })},
		known{"claimed_account", nameOf(func(l *inventory.Line) *string { return &l.Session.ClaimedAccount })},
		known{"mailbox", nameOf(func(l *inventory.Line) *string { return &l.Session.Mailbox })},
		known{"auth_mechanism", nameOf(func(l *inventory.Line) *string { return &l.Session.AuthMechanism })},
		known{"upstream", nameOf(func(l *inventory.Line) *string { return &l.Session.Upstream })},
		known{"upstream_address", nil},
		known{"upstream_tls_version", nameOf(func(l *inventory.Line) *string { return &l.Session.UpstreamTLSVersion })},
		known{"upstream_tls_cipher", nil},
		known{"upstream_auth", nameOf(func(l *inventory.Line) *string { return &l.Session.UpstreamAuth })},
		known{"upstream_front_end", nil},
		known{"upstream_says", sentenceOf(func(l *inventory.Line) *string { return &l.Session.UpstreamSays })},
		known{"token_left_s", nil},
		known{"stage", nameOf(func(l *inventory.Line) *inventory.Stage { return &l.Session.Stage })},
		known{"would_stage", nameOf(func(l *inventory.Line) *inventory.Stage { return &l.Session.WouldStage })},
		known{"rules", nil},
		known{"phase", nameOf(func(l *inventory.Line) *inventory.Phase { return &l.Session.Phase })},
		known{"outcome", nameOf(func(l *inventory.Line) *inventory.Outcome { return &l.Session.Outcome })},
		known{"reason", sentenceOf(func(l *inventory.Line) *string { return &l.Session.Reason })},
		known{"ended_by", nil}, known{"quirks", nil},
		known{"readiness", nameOf(func(l *inventory.Line) *string { return &l.Session.Readiness })},
		known{"blockers", readBlockers},
		known{"started_at", momentOf(func(l *inventory.Line) *time.Time { return &l.Session.StartedAt })},
		known{"duration_ms", readDuration}, known{"handshake_ms", nil}, known{"upstream_ms", readProven},
		known{"bytes_from_device", countOf(func(l *inventory.Line) *int64 { return &l.Session.BytesFromDevice }, math.MaxInt64)},
		known{"bytes_to_device", countOf(func(l *inventory.Line) *int64 { return &l.Session.BytesToDevice }, math.MaxInt64)},
		known{"count", countOf(func(l *inventory.Line) *int { return &l.Session.Count }, maxCount)},
	)
}

func floodFields() *fields {
	return newFields(
		known{"source_ip", readPrefix},
		known{"device", sentenceOf(func(l *inventory.Line) *string { return &l.Flood.Device })},
		known{"listener", nameOf(func(l *inventory.Line) *string { return &l.Flood.Listener })},
		known{"reason", sentenceOf(func(l *inventory.Line) *string { return &l.Flood.Reason })},
		known{"count", countOf(func(l *inventory.Line) *int { return &l.Flood.Count }, maxCount)},
		known{"sessions", countOf(func(l *inventory.Line) *int { return &l.Flood.Sessions }, maxCount)},
		known{"admitted", countOf(func(l *inventory.Line) *int { return &l.Flood.Admitted }, maxCount)},
		known{"bytes_from_device", countOf(func(l *inventory.Line) *int64 { return &l.Flood.BytesFromDevice }, math.MaxInt64)},
		known{"bytes_to_device", countOf(func(l *inventory.Line) *int64 { return &l.Flood.BytesToDevice }, math.MaxInt64)},
		known{"first", momentOf(func(l *inventory.Line) *time.Time { return &l.Flood.First })},
		known{"last", momentOf(func(l *inventory.Line) *time.Time { return &l.Flood.Last })},
	)
}

func changeFields() *fields {
	return newFields(
		known{"device", sentenceOf(func(l *inventory.Line) *string { return &l.Change.Device })},
		known{"key", nameOf(func(l *inventory.Line) *string { return &l.Change.Key })},
		known{"old", sentenceOf(func(l *inventory.Line) *string { return &l.Change.Old })},
		known{"new", sentenceOf(func(l *inventory.Line) *string { return &l.Change.New })},
		known{"by", sentenceOf(func(l *inventory.Line) *string { return &l.Change.By })},
	)
}

func bridgeFields() *fields {
	return newFields(
		known{"event", nameOf(func(l *inventory.Line) *inventory.BridgeEvent { return &l.Start.Event })},
		known{"version", nameOf(func(l *inventory.Line) *string { return &l.Start.Version })},
		known{"configuration_hash", nameOf(func(l *inventory.Line) *string { return &l.Start.ConfigurationHash })},
		known{"listeners", readListeners},
		known{"previous_run", nameOf(func(l *inventory.Line) *inventory.PreviousRun { return &l.Start.PreviousRun })},
		known{"journal", nameOf(func(l *inventory.Line) *string { return &l.Start.Journal })},
		known{"previous", nameOf(func(l *inventory.Line) *string { return &l.Start.Previous })},
	)
}
