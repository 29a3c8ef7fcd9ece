package inventory

import (
	"maps"
	"slices"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
)

// MarshalLogObject writes the session record: the fields of the contract in its order, without those that were not
// learned. What devices and upstreams sent is made Printable; then names are cut at 256 characters and sentences at 1,024, of
// lists the first 128 entries are written, and less of all that where the record would have more than 8 KiB as a line.
func (s *Session) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	b, _ := s.fit()
	return (&bounded{s, b}).MarshalLogObject(enc)
}

// bounded is the record of a session by some bounds.
type bounded struct {
	*Session
	bounds bounds
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (s *bounded) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r := &record{enc: enc, bounds: s.bounds}
	s.writeIdentity(r)
	s.writeSource(r)
	s.writeTLS(r)
	s.writeLogin(r)
	s.writeUpstream(r)
	s.writeDecision(r)
	s.writeEnd(r)
	s.writeReadiness(r)
	s.writeFigures(r)
	return r.err
}

func (s *Session) writeIdentity(r *record) {
	r.time("time", s.Time)
	r.text("bridge", s.Bridge)
	r.text("run", s.Run)
	r.text("session_id", s.ID)
	r.text("device", s.Device())
	r.text("listener", s.Listener)
	r.text("protocol", s.Protocol)
	r.text("tls_mode", s.TLSMode)
}

func (s *Session) writeSource(r *record) {
	r.address("source_ip", s.Source.IP)
	r.count("source_port", int64(s.Source.Port))
	r.name("source_name", s.Source.Name)
	r.name("source_mac", s.Source.MAC)
	r.name("vendor", s.Source.Vendor)
	if s.SourceShared {
		r.flag("source_shared", true)
	}
}

func (s *Session) writeTLS(r *record) {
	if s.Hello != nil {
		r.object("hello", &helloRecord{s.Hello, r.bounds})
	}
	r.text("tls_engine", s.TLS.Engine)
	r.version("tls_version", s.TLS.Version)
	r.text("tls_cipher", s.TLS.Cipher)
	r.text("tls_group", s.TLS.Group)
	if s.TLS.Completed {
		r.flag("tls_resumed", s.TLS.Resumed)
	}
	r.text("tls_alert_sent", s.TLS.AlertSent)
	r.text("tls_alert_received", s.TLS.AlertReceived)
	r.text("certificate", s.TLS.Certificate)
}

func (s *Session) writeLogin(r *record) {
	if len(s.ClientID) > 0 {
		r.object("client_id", clientID{s.ClientID, r.bounds.id})
	}
	r.text("account", accountName(s.Account))
	r.name("claimed_account", s.ClaimedAccount)
	r.name("mailbox", s.Mailbox)
	r.text("auth_mechanism", s.AuthMechanism)
}

func (s *Session) writeUpstream(r *record) {
	r.text("upstream", s.Upstream)
	r.text("upstream_address", s.UpstreamAddress)
	r.version("upstream_tls_version", s.UpstreamTLS.Version)
	r.text("upstream_tls_cipher", s.UpstreamTLS.Cipher)
	r.text("upstream_auth", s.UpstreamAuth)
	r.name("upstream_front_end", s.UpstreamFrontEnd)
	r.sentence("upstream_says", s.UpstreamSays)
	if s.TokenLeft != 0 {
		r.enc.AddInt64("token_left_s", int64(s.TokenLeft/time.Second))
	}
}

func (s *Session) writeDecision(r *record) {
	r.text("stage", string(s.Stage))
	r.text("would_stage", string(s.WouldStage))
	if len(s.Rules) > 0 {
		r.object("rules", sortedPairs(s.Rules))
	}
}

func (s *Session) writeEnd(r *record) {
	r.text("phase", string(s.Phase))
	r.text("outcome", string(s.Outcome))
	r.sentence("reason", s.Reason)
	r.text("ended_by", string(s.EndedBy))
	if len(s.Quirks) > 0 {
		r.array("quirks", (*words[string])(&s.Quirks))
	}
}

// writeReadiness writes an empty list of blockers where a hello was seen that has none: that much was learned.
func (s *Session) writeReadiness(r *record) {
	r.text("readiness", string(s.Readiness()))
	blockers := s.Blockers()
	if len(blockers) > 0 || s.Readiness() != hello.Unknown {
		r.array("blockers", (*words[hello.Blocker])(&blockers))
	}
}

// writeFigures writes how long the session took and what it carried. A handshake may take less than a millisecond, and
// a session inside TLS may carry nothing: those zeros were learned.
func (s *Session) writeFigures(r *record) {
	r.time("started_at", s.StartedAt)
	r.enc.AddInt64("duration_ms", s.Duration.Milliseconds())
	r.millis("handshake_ms", s.HandshakeTime)
	r.millis("upstream_ms", s.UpstreamTime)
	if s.TLS.Completed || s.BytesFromDevice != 0 || s.BytesToDevice != 0 {
		r.enc.AddInt64("bytes_from_device", s.BytesFromDevice)
		r.enc.AddInt64("bytes_to_device", s.BytesToDevice)
	}
}

// sortedPairs writes words of our own by the order of their keys.
type sortedPairs map[string]string

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (p sortedPairs) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for _, key := range slices.Sorted(maps.Keys(p)) {
		enc.AddString(key, p[key])
	}
	return nil
}

// clientID writes what a device says of itself, by the order of its keys.
type clientID struct {
	pairs  map[string]string
	halved int // how often its bounds are
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c clientID) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	most, length := maxClientID>>c.halved, maxName>>c.halved
	written := make(map[string]bool, min(len(c.pairs), most))
	for _, key := range slices.Sorted(maps.Keys(c.pairs)) {
		name := shown(key, length)
		if written[name] { // keys that differ in what cannot be shown
			continue
		}
		if len(written) == most {
			break
		}
		written[name] = true
		enc.AddString(name, shown(c.pairs[key], length))
	}
	return nil
}
