package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"drawbridge/inventory"
)

// sessionField is a field of a session record and how it is read; read is nil where nothing is made of it.
type sessionField struct {
	name string
	read reading

	// The string, object or array that stood in a line before, and what was read of it. Most fields of most lines are as
	// in the one before.
	raw   []byte
	value string
	again bool // it stands in this line too
}

// maxRepeated bounds sessionField.raw, in bytes.
const maxRepeated = 1 << 10

// repeats reports whether b begins with the value of a line before, which then ends where it ended there. It returns
// how long that is.
func (f *sessionField) repeats(b []byte) (length int, ok bool) {
	f.again = len(f.raw) > 0 && bytes.HasPrefix(b, f.raw)
	return len(f.raw), f.again
}

// keep remembers what was read of raw. A number does not tell where it ends and is not kept.
func (f *sessionField) keep(raw []byte, value string) {
	f.raw, f.value = f.raw[:0], ""
	if len(raw) <= maxRepeated && (raw[0] == '"' || raw[0] == '{' || raw[0] == '[') {
		f.raw, f.value = append(f.raw, raw...), value
	}
}

// sessionFields are the fields of a session record in its order, which are those of an admitted line too. A record of
// ours has them in this order, so that the next one is found at once.
func sessionFields() []sessionField {
	fields := []struct {
		name string
		read reading
	}{
		{"msg", nil}, {"time", readTime}, {"bridge", readBridge}, {"run", readRun}, {"session_id", readID},
		{"device", sentenceOf(func(s *inventory.SessionLine) *string { return &s.Device })},
		{"listener", nameOf(func(s *inventory.SessionLine) *string { return &s.Listener })},
		{"protocol", nameOf(func(s *inventory.SessionLine) *string { return &s.Protocol })},
		{"tls_mode", nameOf(func(s *inventory.SessionLine) *string { return &s.TLSMode })},
		{"source_ip", readSource}, {"source_port", nil},
		{"source_name", nameOf(func(s *inventory.SessionLine) *string { return &s.SourceName })},
		{"source_mac", nameOf(func(s *inventory.SessionLine) *string { return &s.SourceMAC })},
		{"vendor", nameOf(func(s *inventory.SessionLine) *string { return &s.Vendor })},
		{"source_shared", readShared}, {"hello", readHello}, {"tls_engine", nil},
		{"tls_version", nameOf(func(s *inventory.SessionLine) *string { return &s.TLSVersion })},
		{"tls_cipher", nameOf(func(s *inventory.SessionLine) *string { return &s.TLSCipher })},
		{"tls_group", nil}, {"tls_resumed", nil}, {"tls_alert_sent", nil},
		{"tls_alert_received", nameOf(func(s *inventory.SessionLine) *string { return &s.AlertReceived })},
		{"certificate", nil}, {"client_id", readClientID},
		{"account", nameOf(func(s *inventory.SessionLine) *string { return &s.Account })},
		{"claimed_account", nameOf(func(s *inventory.SessionLine) *string { return &s.ClaimedAccount })},
		{"mailbox", nameOf(func(s *inventory.SessionLine) *string { return &s.Mailbox })},
		{"auth_mechanism", nameOf(func(s *inventory.SessionLine) *string { return &s.AuthMechanism })},
		{"upstream", nameOf(func(s *inventory.SessionLine) *string { return &s.Upstream })},
		{"upstream_address", nil},
		{"upstream_tls_version", nameOf(func(s *inventory.SessionLine) *string { return &s.UpstreamTLSVersion })},
		{"upstream_tls_cipher", nil},
		{"upstream_auth", nameOf(func(s *inventory.SessionLine) *string { return &s.UpstreamAuth })},
		{"upstream_front_end", nil},
		{"upstream_says", sentenceOf(func(s *inventory.SessionLine) *string { return &s.UpstreamSays })},
		{"token_left_s", nil},
		{"stage", nameOf(func(s *inventory.SessionLine) *inventory.Stage { return &s.Stage })},
		{"would_stage", nameOf(func(s *inventory.SessionLine) *inventory.Stage { return &s.WouldStage })},
		{"rules", nil},
		{"phase", nameOf(func(s *inventory.SessionLine) *inventory.Phase { return &s.Phase })},
		{"outcome", nameOf(func(s *inventory.SessionLine) *inventory.Outcome { return &s.Outcome })},
		{"reason", sentenceOf(func(s *inventory.SessionLine) *string { return &s.Reason })},
		{"ended_by", nil}, {"quirks", nil},
		{"readiness", nameOf(func(s *inventory.SessionLine) *string { return &s.Readiness })},
		{"blockers", readBlockers}, {"started_at", readStartedAt}, {"duration_ms", readDuration}, {"handshake_ms", nil},
		{"upstream_ms", readProven},
		{"bytes_from_device", countOf(func(s *inventory.SessionLine) *int64 { return &s.BytesFromDevice })},
		{"bytes_to_device", countOf(func(s *inventory.SessionLine) *int64 { return &s.BytesToDevice })},
	}
	all := make([]sessionField, len(fields))
	for i, f := range fields {
		all[i] = sessionField{name: f.name, read: f.read}
	}
	return all
}

// fieldOf returns the field that is named key, nil for one that is not known. It looks for it from behind the last one on.
func (p *Parser) fieldOf(key []byte) *sessionField {
	for range p.fields {
		f := &p.fields[p.next]
		if p.next++; p.next == len(p.fields) {
			p.next = 0
		}
		if f.name == string(key) {
			return f
		}
	}
	return nil
}

// sessionField takes the value of a session record or an admitted line that begins at i, and returns where it ends. Field
// f is nil for one that is not known.
func (p *Parser) sessionField(f *sessionField, line []byte, i int) (end int, err error) {
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
	if err := f.read(p, &p.line.Session, line[i:end]); err != nil {
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

// reading reads the JSON of a value. Of a field that stands twice the first one counts.
type reading = func(p *Parser, s *inventory.SessionLine, raw []byte) error

func nameOf[T ~string](of func(*inventory.SessionLine) *T) reading {
	return func(p *Parser, s *inventory.SessionLine, raw []byte) error { return readText(p, of(s), raw, maxName) }
}

func sentenceOf(of func(*inventory.SessionLine) *string) reading {
	return func(p *Parser, s *inventory.SessionLine, raw []byte) error {
		return readText(p, of(s), raw, maxSentence)
	}
}

func countOf(of func(*inventory.SessionLine) *int64) reading {
	return func(_ *Parser, s *inventory.SessionLine, raw []byte) error { return readNumber(of(s), raw) }
}

func readText[T ~string](p *Parser, to *T, raw []byte, limit int) error {
	text, err := p.text(raw, limit)
	if err == nil && *to == "" {
		*to = T(text)
	}
	return err
}

func readTime(p *Parser, _ *inventory.SessionLine, raw []byte) error {
	return readMoment(&p.line.Time, raw)
}

func readStartedAt(_ *Parser, s *inventory.SessionLine, raw []byte) error {
	return readMoment(&s.StartedAt, raw)
}

func readBridge(p *Parser, _ *inventory.SessionLine, raw []byte) error {
	return readText(p, &p.line.Bridge, raw, maxName)
}

func readRun(p *Parser, _ *inventory.SessionLine, raw []byte) error {
	return readText(p, &p.line.Run, raw, maxName)
}

// readID does not keep the id for other lines: each has its own.
func readID(_ *Parser, s *inventory.SessionLine, raw []byte) error {
	text, err := unquote(raw)
	if err == nil && s.ID == "" {
		s.ID = clean(text, maxName)
	}
	return err
}

func readSource(p *Parser, s *inventory.SessionLine, raw []byte) error {
	text, err := p.text(raw, maxName)
	if err != nil || s.Source.IsValid() {
		return err
	}
	ip, err := netip.ParseAddr(text)
	s.Source = inventory.PlainAddress(ip)
	return err
}

func readShared(_ *Parser, s *inventory.SessionLine, raw []byte) error {
	s.SourceShared = string(raw) == "true"
	if !s.SourceShared && string(raw) != "false" {
		return errType
	}
	return nil
}

func readHello(p *Parser, s *inventory.SessionLine, raw []byte) error {
	return p.keep(&s.Hello, raw)
}

func readClientID(p *Parser, s *inventory.SessionLine, raw []byte) error {
	return p.keep(&s.ClientID, raw)
}

// keep takes an object as it stands.
func (p *Parser) keep(to *string, raw []byte) error {
	if raw[0] != '{' {
		return errType
	}
	if *to != "" {
		return nil
	}
	if p.at.again {
		*to = p.at.value
		return nil
	}
	var err error
	if *to, err = p.objects.object(raw); err == nil {
		p.at.keep(raw, *to)
	}
	return err
}

func readDuration(_ *Parser, s *inventory.SessionLine, raw []byte) error {
	var n int64
	err := readNumber(&n, raw)
	if n > math.MaxInt64/int64(time.Millisecond) {
		return errNegative
	}
	if s.Duration == 0 {
		s.Duration = time.Duration(n) * time.Millisecond
	}
	return err
}

func readProven(_ *Parser, s *inventory.SessionLine, raw []byte) error {
	var n int64
	s.Proven = true
	return readNumber(&n, raw)
}

// readBlockers takes a list of words as words with spaces between, "-" for an empty list.
func readBlockers(p *Parser, s *inventory.SessionLine, raw []byte) error {
	if raw[0] != '[' {
		return errType
	}
	if s.Blockers != "" {
		return nil
	}
	if p.at.again {
		s.Blockers = p.at.value
		return nil
	}
	var err error
	if s.Blockers, err = p.objects.decode(raw, maxName, joinWords); err == nil {
		p.at.keep(raw, s.Blockers)
	}
	return err
}

// joinWords reads the JSON of a list of words.
func joinWords(raw []byte) (string, error) {
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", errType
	}
	if len(list) == 0 {
		return inventory.NoBlockers, nil
	}
	return strings.Join(list, " "), nil
}
