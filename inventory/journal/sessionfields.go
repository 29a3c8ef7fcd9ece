package journal

import (
	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

// sessionField takes one field of a session record or an admitted line.
func (p *Parser) sessionField(key []byte, v *fastjson.Value) error {
	s := &p.line.Session
	switch string(key) {
	case "session_id":
		text, err := v.StringBytes()
		if err == nil && s.ID == "" {
			s.ID = clean(string(text), maxName) // each is new: no other line has it
		}
		return err
	case "device":
		return p.sentence(&s.Device, v)
	case "listener":
		return name(p, &s.Listener, v)
	case "protocol":
		return name(p, &s.Protocol, v)
	case "source_ip":
		return p.address(&s.Source, v)
	case "account":
		return name(p, &s.Account, v)
	case "mailbox":
		return name(p, &s.Mailbox, v)
	case "tls_version":
		return name(p, &s.TLSVersion, v)
	case "readiness":
		return name(p, &s.Readiness, v)
	case "started_at":
		return p.time(&s.StartedAt, v)
	}
	if p.line.Message == inventory.MessageSession {
		return p.recordField(s, key, v)
	}
	return p.commonField(key, v)
}

// recordField takes one field that only a session record has.
func (p *Parser) recordField(s *inventory.SessionLine, key []byte, v *fastjson.Value) error {
	switch string(key) {
	case "tls_mode":
		return name(p, &s.TLSMode, v)
	case "source_name":
		return name(p, &s.SourceName, v)
	case "source_mac":
		return name(p, &s.SourceMAC, v)
	case "vendor":
		return name(p, &s.Vendor, v)
	case "source_shared":
		shared, err := v.Bool()
		s.SourceShared = shared
		return err
	case "hello":
		_, err := v.Object()
		p.hello = true
		return err
	case "client_id":
		_, err := v.Object()
		p.clientID = true
		return err
	case "tls_cipher":
		return name(p, &s.TLSCipher, v)
	case "tls_alert_received":
		return name(p, &s.AlertReceived, v)
	case "claimed_account":
		return name(p, &s.ClaimedAccount, v)
	case "auth_mechanism":
		return name(p, &s.AuthMechanism, v)
	}
	return p.outcomeField(s, key, v)
}

// outcomeField takes one field of how a session went on and ended.
func (p *Parser) outcomeField(s *inventory.SessionLine, key []byte, v *fastjson.Value) error {
	switch string(key) {
	case "upstream":
		return name(p, &s.Upstream, v)
	case "upstream_tls_version":
		return name(p, &s.UpstreamTLSVersion, v)
	case "upstream_auth":
		return name(p, &s.UpstreamAuth, v)
	case "upstream_says":
		return p.sentence(&s.UpstreamSays, v)
	case "stage":
		return name(p, &s.Stage, v)
	case "would_stage":
		return name(p, &s.WouldStage, v)
	case "phase":
		return name(p, &s.Phase, v)
	case "outcome":
		return name(p, &s.Outcome, v)
	case "reason":
		return p.sentence(&s.Reason, v)
	case "blockers":
		return p.blockers(&s.Blockers, v)
	case "duration_ms":
		return duration(&s.Duration, v)
	case "upstream_ms":
		_, err := v.Int64()
		s.Proven = true
		return err
	case "bytes_from_device":
		return count(&s.BytesFromDevice, v)
	case "bytes_to_device":
		return count(&s.BytesToDevice, v)
	}
	return p.commonField(key, v)
}

// maxBlockers is how many blockers of a line are kept, more than there are words for.
const maxBlockers = 32

// blockers takes a list of words as words with spaces between, "-" for an empty list.
func (p *Parser) blockers(to *string, v *fastjson.Value) error {
	values, err := v.Array()
	if err != nil || *to != "" {
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
	*to = p.words.name(joined)
	return nil
}
