package journal

import (
	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

// sessionField is a field of a session record and how it is read; read is nil where nothing is made of it.
type sessionField struct {
	name string
	read func(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error
}

// sessionFields are the fields of a session record in its order, which are those of an admitted line too. A record of
// ours has them in this order, so that the next one is found at once.
func sessionFields() []sessionField {
	return []sessionField{
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
}

// sessionField takes one field of a session record or an admitted line. It looks for it from behind the last one on.
func (p *Parser) sessionField(key []byte, v *fastjson.Value) error {
	for range p.fields {
		f := &p.fields[p.next]
		if p.next++; p.next == len(p.fields) {
			p.next = 0
		}
		if f.name != string(key) {
			continue
		}
		if f.read == nil {
			return nil
		}
		return f.read(p, &p.line.Session, v)
	}
	return nil
}

type reading = func(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error

func nameOf[T ~string](of func(*inventory.SessionLine) *T) reading {
	return func(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error { return name(p, of(s), v) }
}

func sentenceOf(of func(*inventory.SessionLine) *string) reading {
	return func(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error { return p.sentence(of(s), v) }
}

func countOf(of func(*inventory.SessionLine) *int64) reading {
	return func(_ *Parser, s *inventory.SessionLine, v *fastjson.Value) error { return count(of(s), v) }
}

func readTime(p *Parser, _ *inventory.SessionLine, v *fastjson.Value) error {
	return p.time(&p.line.Time, v)
}

func readBridge(p *Parser, _ *inventory.SessionLine, v *fastjson.Value) error {
	return name(p, &p.line.Bridge, v)
}

func readRun(p *Parser, _ *inventory.SessionLine, v *fastjson.Value) error {
	return name(p, &p.line.Run, v)
}

func readStartedAt(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	return p.time(&s.StartedAt, v)
}

// readID does not keep the id for other lines: each has its own.
func readID(_ *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	text, err := v.StringBytes()
	if err == nil && s.ID == "" {
		s.ID = clean(string(text), maxName)
	}
	return err
}

func readSource(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	return p.address(&s.Source, v)
}

func readShared(_ *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	shared, err := v.Bool()
	s.SourceShared = shared
	return err
}

func readHello(p *Parser, _ *inventory.SessionLine, v *fastjson.Value) error {
	_, err := v.Object()
	p.hello = true
	return err
}

func readClientID(p *Parser, _ *inventory.SessionLine, v *fastjson.Value) error {
	_, err := v.Object()
	p.clientID = true
	return err
}

func readDuration(_ *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	return duration(&s.Duration, v)
}

func readProven(_ *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	_, err := v.Int64()
	s.Proven = true
	return err
}

// maxBlockers is how many blockers of a line are kept, more than there are words for.
const maxBlockers = 32

// readBlockers takes a list of words as words with spaces between, "-" for an empty list.
func readBlockers(p *Parser, s *inventory.SessionLine, v *fastjson.Value) error {
	values, err := v.Array()
	if err != nil || s.Blockers != "" {
		return err
	}
	joined := p.words.scratch[:0]
	for i, value := range values[:min(len(values), maxBlockers)] {
		word, err := value.StringBytes()
		if err != nil {
			return err
		}
		if i > 0 {
			joined = append(joined, ' ')
		}
		joined = append(joined, word...)
	}
	if len(joined) == 0 {
		joined = append(joined, '-')
	}
	p.words.scratch = joined[:0]
	s.Blockers = p.words.name(joined)
	return nil
}
