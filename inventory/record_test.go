package inventory_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

var ended = time.Date(2026, 11, 24, 12, 0, 30, 123_456_789, time.FixedZone("CET", 3600))

func printerHello() *hello.Hello {
	return &hello.Hello{
		Format: hello.FormatTLS, RecordVersion: hello.TLS10, LegacyVersion: hello.TLS10, MaxVersion: hello.TLS10,
		Suites: []uint16{0x002f, 0x0035, 0x000a, 0x0005}, Groups: []uint16{23, 24}, Signatures: []uint16{},
		ServerName: "bridge.contoso.local", ALPN: []string{"imap"}, Tickets: true,
		JA3: "0cc1e84568e471aa1d62ad4158ade6b5", JA4: "t10d040300_aaaaaaaaaaaa_bbbbbbbbbbbb",
	}
}

func bridgedSession() *inventory.Session {
	return &inventory.Session{
		Time: ended, Bridge: "bridge-1", Run: "4f2a", ID: "4f2a-1", Listener: "imaps", Protocol: "imap",
		TLSMode: "implicit",
		Source: inventory.Source{IP: netip.MustParseAddr("::ffff:10.20.3.7"), Port: 49152,
			Name: "printer7.contoso.local", MAC: "00:00:48:01:02:03", Vendor: "Seiko Epson"},
		SourceShared: true,
		Hello:        printerHello(),
		TLS: inventory.TLS{Engine: "standard", Version: hello.TLS10, Cipher: "TLS_RSA_WITH_AES_128_CBC_SHA",
			Group: "secp256r1", Completed: true, AlertSent: "internal_error", AlertReceived: "user_canceled",
			Certificate: strings.Repeat("ab", 32)},
		Login: inventory.Login{UpstreamTLS: inventory.TLS{Engine: "standard", Version: hello.TLS13, Cipher: "TLS_AES_256_GCM_SHA384",
			Completed: true}, Account: "Scanner1", ClaimedAccount: `CONTOSO\Scanner1`, Mailbox: "scans@contoso.com", AuthMechanism: "LOGIN",
			Upstream: "exchange-online", UpstreamAddress: "52.97.1.1:993", UpstreamAuth: "XOAUTH2",
			UpstreamFrontEnd: "FR0P281CA0001.DEUP281.PROD.OUTLOOK.COM", UpstreamSays: "* BYE Session invalidated - AccessTokenExpired",
			TokenLeft: 3599 * time.Second, Stage: inventory.StageBridge, WouldStage: inventory.StageWarn,
			Rules: map[string]string{"upstream": "rules[3]", "stage": "device"}, UpstreamTime: 212 * time.Millisecond},
		ClientID: map[string]string{"version": "5.1", "name": "WorkForce"},
		Phase:    inventory.PhaseRelay, Outcome: inventory.OutcomeBridged,
		Reason: "the upstream ended the session: its token had expired", EndedBy: inventory.EndedByUpstream,
		Quirks: []string{"bare_lf", "spoke_first"}, StartedAt: ended.Add(-time.Hour),
		Duration: time.Hour, HandshakeTime: 41 * time.Millisecond,
		BytesFromDevice: 321, BytesToDevice: 65_432,
	}
}

func failedSSLv3() *inventory.Session {
	return &inventory.Session{
		Time: ended, Bridge: "bridge-1", Run: "4f2a", ID: "4f2a-2", Listener: "imaps", Protocol: "imap",
		TLSMode: "implicit", Source: inventory.Source{IP: netip.MustParseAddr("fe80::1%eth0"), Port: 50000},
		Hello: &hello.Hello{Format: hello.FormatTLS, RecordVersion: hello.SSL3, LegacyVersion: hello.SSL3,
			MaxVersion: hello.SSL3, Suites: []uint16{0x0005, 0x000a}, JA3: "d41d8cd98f00b204e9800998ecf8427e"},
		TLS:   inventory.TLS{AlertSent: "handshake_failure"},
		Phase: inventory.PhaseHandshake, Outcome: inventory.OutcomeTLSFailed,
		Reason:  "the device offers SSL 3.0 at most, the listener takes TLS 1.0 or newer: replace the device",
		EndedBy: inventory.EndedByBridge, StartedAt: ended.Add(-20 * time.Millisecond), Duration: 20 * time.Millisecond,
	}
}

func plaintextOnTLSPort() *inventory.Session {
	return &inventory.Session{
		Time: ended, Bridge: "bridge-1", Run: "4f2a", ID: "4f2a-3", Listener: "pop3s", Protocol: "pop3",
		TLSMode: "implicit", Source: inventory.Source{IP: netip.MustParseAddr("10.20.3.8"), Port: 50001},
		Hello: hello.None(), Phase: inventory.PhaseHandshake, Outcome: inventory.OutcomeTLSFailed,
		Reason:  "the device spoke without TLS: switch TLS on in its settings",
		EndedBy: inventory.EndedByBridge, StartedAt: ended, Duration: time.Millisecond / 2,
	}
}

func passwordInClear() *inventory.Session {
	return &inventory.Session{
		Time: ended, Bridge: "bridge-1", Run: "4f2a", ID: "4f2a-4", Listener: "imap", Protocol: "imap",
		TLSMode: "starttls", Source: inventory.Source{IP: netip.MustParseAddr("10.20.3.9"), Port: 50002},
		Hello: hello.None(), Login: inventory.Login{ClaimedAccount: "fax"}, Phase: inventory.PhaseHandshake,
		Outcome: inventory.OutcomeRefused,
		Reason:  "the password crossed the network in clear text, change it", Quirks: []string{"password_in_clear"},
		EndedBy: inventory.EndedByDevice, StartedAt: ended, Duration: time.Second,
	}
}

func TestSession_RecordsAsInTheContract(t *testing.T) {
	for name, s := range map[string]*inventory.Session{
		"bridged":           bridgedSession(),
		"failed-sslv3":      failedSSLv3(),
		"plaintext":         plaintextOnTLSPort(),
		"password-in-clear": passwordInClear(),
		"nothing-learned":   {},
		"hostile":           hostileSession(),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, line(t, zapcore.NewJSONEncoder, s)) })
	}
}

// hostileSession has the worst of everything wherever a device or an upstream has a say.
func hostileSession() *inventory.Session {
	evil := "\x1b]0;owned\x07\x00\u009b31m\u202ecod.exe\u2066\u200b\u00ad\U000e0041\xff\xc0\xaf\"\\\n\r\t\x7f" +
		strings.Repeat("é", 10<<10)
	s := passwordInClear()
	s.Source.Name, s.Source.Vendor = evil, evil
	s.Hello = &hello.Hello{Format: hello.FormatTLS, MaxVersion: 0x7f1c, ServerName: evil}
	s.ClientID = map[string]string{evil: evil, "name": "x"}
	s.ClaimedAccount, s.Mailbox, s.UpstreamFrontEnd = evil, evil, evil
	s.Account, s.UpstreamSays, s.Reason = evil, evil, evil
	return s
}

func TestSession_HostileStringsAreHarmless(t *testing.T) {
	for name, encoder := range map[string]func(zapcore.EncoderConfig) zapcore.Encoder{
		"json": zapcore.NewJSONEncoder, "console": zapcore.NewConsoleEncoder,
	} {
		got := line(t, encoder, hostileSession())
		if len(got) > 40<<10 {
			t.Errorf("%s: the record has %d bytes", name, len(got))
		}
		for _, r := range strings.TrimSuffix(strings.ReplaceAll(string(got), "\t", " "), "\n") {
			if r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u202e' || r == '\u2066' || r == '\u200b' || r > 0xffff {
				t.Errorf("%s: the record holds %U", name, r)
			}
		}
		if !bytes.HasSuffix(got, []byte("\n")) || bytes.Count(got, []byte("\n")) != 1 {
			t.Errorf("%s: the record is not one line", name)
		}
	}
}

func TestSession_CutsNames(t *testing.T) {
	s := &inventory.Session{Login: inventory.Login{ClaimedAccount: strings.Repeat("ü", 10<<10), Mailbox: strings.Repeat("ü", 256),
		UpstreamSays: strings.Repeat("x", 64<<10)}}
	got := fields(t, s)
	if n := len([]rune(got["claimed_account"].(string))); n != 256 {
		t.Errorf("claimed_account has %d characters, want 256", n)
	}
	if n := len([]rune(got["mailbox"].(string))); n != 256 {
		t.Errorf("mailbox, which has 256 characters, was cut at %d", n)
	}
	if n := len(got["upstream_says"].(string)); n != 1024 {
		t.Errorf("upstream_says has %d characters, want 1,024", n)
	}
}

func TestSession_BoundsClientID(t *testing.T) {
	s := &inventory.Session{ClientID: map[string]string{}}
	for i := range 100 {
		s.ClientID[fmt.Sprintf("%02d", i)] = "x"
	}
	if n := len(fields(t, s)["client_id"].(map[string]any)); n != 30 {
		t.Errorf("client_id has %d pairs, want 30", n)
	}
	s.ClientID = map[string]string{"\xfe": "1", "\xff": "2"}
	if got := string(line(t, zapcore.NewJSONEncoder, s)); strings.Count(got, "\ufffd") != 1 {
		t.Errorf("a key stands twice: %s", got)
	}
}

func TestSession_Device(t *testing.T) {
	v4, v6 := netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("fe80::1%eth0")
	for _, tt := range []struct {
		ip            netip.Addr
		account, want string
	}{
		{v4, "Scanner1", "10.0.0.1/scanner1"},
		{v4, "", "10.0.0.1/-"},
		{v6, "a/b", "fe80::1/a/b"},
		{netip.Addr{}, "a", ""},
	} {
		s := &inventory.Session{Source: inventory.Source{IP: tt.ip}, Login: inventory.Login{Account: tt.account}}
		if got := s.Device(); got != tt.want {
			t.Errorf("Device of %v and %q: got %q, want %q", tt.ip, tt.account, got, tt.want)
		}
	}
}

func TestSession_Blockers(t *testing.T) {
	modern := &hello.Hello{Format: hello.FormatTLS, MaxVersion: hello.TLS12, Suites: []uint16{0xc02f},
		Signatures: []uint16{0x0401}}
	for name, tt := range map[string]struct {
		session   inventory.Session
		readiness string
		blockers  any
	}{
		"none of a device that is ready": {inventory.Session{Hello: modern}, "ready", []any{}},
		"absent where no hello was seen": {inventory.Session{}, "unknown", nil},
		"a token is no password": {inventory.Session{Hello: modern, Login: inventory.Login{AuthMechanism: "XOAUTH2"}}, "ready",
			[]any{}},
		"a token after one in clear is it": {inventory.Session{Hello: modern, Login: inventory.Login{AuthMechanism: "XOAUTH2"},
			Quirks: []string{"password_in_clear"}}, "ready", []any{}},
		"a password": {inventory.Session{Hello: modern, Login: inventory.Login{AuthMechanism: "PLAIN"}}, "ready",
			[]any{"password_login"}},
		"in their order": {inventory.Session{Hello: printerHello(), Login: inventory.Login{AuthMechanism: "USER"}, TLSMode: "starttls"}, "legacy",
			[]any{"tls_version", "key_exchange", "password_login", "starttls_port"}},
		"without TLS": {inventory.Session{Hello: hello.None(), TLSMode: "starttls"}, "unknown",
			[]any{"no_tls", "starttls_port"}},
		"without a hello": {inventory.Session{TLSMode: "starttls"}, "unknown", []any{"starttls_port"}},
	} {
		got := fields(t, &tt.session)
		if got["readiness"] != tt.readiness {
			t.Errorf("%s: readiness %v, want %v", name, got["readiness"], tt.readiness)
		}
		if !reflect.DeepEqual(got["blockers"], tt.blockers) {
			t.Errorf("%s: blockers %v, want %v", name, got["blockers"], tt.blockers)
		}
	}
}

func TestSession_KeepsZerosThatWereLearned(t *testing.T) {
	s := &inventory.Session{TLS: inventory.TLS{Completed: true}, HandshakeTime: time.Microsecond}
	got := fields(t, s)
	for _, key := range []string{"bytes_from_device", "bytes_to_device", "handshake_ms", "duration_ms"} {
		if got[key] != float64(0) {
			t.Errorf("%s: got %v, want 0", key, got[key])
		}
	}
	if got["tls_resumed"] != false {
		t.Errorf("tls_resumed: got %v, want false", got["tls_resumed"])
	}
}

func TestLines_AreWrittenAsDocumented(t *testing.T) {
	flood := inventory.FloodLine{Time: ended, Bridge: "bridge-1", Run: "4f2a",
		Source: netip.MustParsePrefix("10.20.3.7/32"), Listener: "imaps", Reason: "not in \x1b allow",
		Count: 17, Sessions: 3, First: ended.Add(-time.Minute), Last: ended}
	network := flood
	network.Source = netip.MustParsePrefix("2001:db8:0:1::/64")
	start := inventory.BridgeLine{Time: ended, Bridge: "bridge-1", Run: "4f2a", Event: inventory.BridgeStart,
		Version: "0.1.0", ConfigurationHash: "c0ffee", Listeners: []string{"imaps", "pop3s"},
		PreviousRun: inventory.PreviousCrashed, Journal: "0c5d7a3e91b2f486", Previous: "4f29"}
	change := inventory.ChangeLine{Bridge: "bridge-1", Run: "4f2a", Change: inventory.Change{Time: ended,
		Device: "10.20.3.7/scanner1", Key: inventory.KeyNote, Old: "by the lift", New: "moved\x1b to\nward 3",
		By: "root by drawbridge device"}}
	for name, object := range map[string]zapcore.ObjectMarshaler{
		"flood": &flood, "flood-network": &network, "flood-rest": &inventory.FloodLine{Count: 1}, "start": &start,
		"admitted": &inventory.AdmittedLine{Time: ended, Session: bridgedSession()}, "change": &change, "bridge-empty": &inventory.BridgeLine{},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, line(t, zapcore.NewJSONEncoder, object)) })
	}
}

// line encodes object as log and journal do.
func line(t testing.TB, encoder func(zapcore.EncoderConfig) zapcore.Encoder, object zapcore.ObjectMarshaler) []byte {
	t.Helper()
	buf, err := encoder(inventory.LineEncoding()).EncodeEntry(
		zapcore.Entry{Message: "x", Time: time.Now()}, []zapcore.Field{zap.Inline(object)})
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func fields(t testing.TB, object zapcore.ObjectMarshaler) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(line(t, zapcore.NewJSONEncoder, object), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func BenchmarkSession_MarshalLogObject(b *testing.B) {
	enc := zapcore.NewJSONEncoder(inventory.LineEncoding())
	field := []zapcore.Field{zap.Inline(bridgedSession())}
	b.ReportAllocs()
	for b.Loop() {
		buf, err := enc.EncodeEntry(zapcore.Entry{Message: "session"}, field)
		if err != nil {
			b.Fatal(err)
		}
		buf.Free()
	}
}
