package journal

import (
	"math"
	"time"

	"drawbridge/inventory"
)

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
	)
}

func floodFields() *fields {
	return newFields(
		known{"source_ip", readPrefix},
		known{"listener", nameOf(func(l *inventory.Line) *string { return &l.Flood.Listener })},
		known{"reason", sentenceOf(func(l *inventory.Line) *string { return &l.Flood.Reason })},
		known{"count", countOf(func(l *inventory.Line) *int { return &l.Flood.Count }, maxCount)},
		known{"sessions", countOf(func(l *inventory.Line) *int { return &l.Flood.Sessions }, maxCount)},
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
