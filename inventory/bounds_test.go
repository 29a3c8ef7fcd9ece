package inventory_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// maxRecord is how long a record may be in bytes, by the contract.
const maxRecord = 8 << 10

// largest is a session of a hello with all that fits into one, and with text wherever somebody else has a say.
func largest(text string, account string) *inventory.Session {
	s := bridgedSession()
	s.Account, s.Mailbox = account, account
	s.Source = inventory.Source{IP: netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666"), Port: 65535,
		Name: text, MAC: text, Vendor: text}
	codes := make([]uint16, 32767)
	for i := range codes {
		codes[i] = uint16(i) //nolint:gosec // 16 bits
	}
	s.Hello = &hello.Hello{Format: hello.FormatTLS, RecordVersion: hello.SSL3, MaxVersion: hello.TLS12, ServerName: text,
		Suites: codes, Groups: codes, Signatures: codes, JA3: strings.Repeat("f", 32), JA4: strings.Repeat("f", 36)}
	s.ClientID = map[string]string{}
	for i := range 30 {
		s.ClientID[text+string(rune('A'+i))] = text
	}
	s.ClaimedAccount, s.UpstreamFrontEnd, s.UpstreamSays, s.Reason = text, text, text, text
	return s
}

func TestSession_RecordIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"control characters":   strings.Repeat("\x01", 255),
		"backslashes":          strings.Repeat(`\`, 4000),
		"quotes":               strings.Repeat(`"`, 4000),
		"four bytes each":      strings.Repeat("🖨", 4000),
		"tags beyond U+FFFF":   strings.Repeat("\U000e0041", 4000),
		"invalid UTF-8":        strings.Repeat("\xff", 4000),
		"ASCII":                strings.Repeat("x", 4000),
		"escapes as they look": strings.Repeat(`\u0001`, 1000),
	} {
		for _, account := range []string{"", "scanner1", text} {
			got := line(t, zapcore.NewJSONEncoder, largest(text, account))
			if len(got) > maxRecord {
				t.Errorf("%s: the record has %d bytes, want %d at most", name, len(got), maxRecord)
			}
			checkWhole(t, got)
		}
	}
}

// TestSession_RecordIsNotCutWithoutNeed has what real devices say.
func TestSession_RecordIsNotCutWithoutNeed(t *testing.T) {
	s := bridgedSession()
	s.ClientID = map[string]string{}
	for i := range 30 {
		s.ClientID["key "+string(rune('A'+i))] = strings.Repeat("v", 60)
	}
	s.Reason = strings.Repeat("r", 1024)
	got := fields(t, s)
	if id := got["client_id"].(map[string]any); len(id) != 30 || len(id["key A"].(string)) != 60 || len(got["reason"].(string)) != 1024 {
		t.Errorf("something was cut: %v", got)
	}
}

// TestSession_ListsHaveTheirFirst128 has a hello with more suites than there are.
func TestSession_ListsHaveTheirFirst128(t *testing.T) {
	s := largest("x", "")
	s.Hello.Groups, s.Hello.Signatures = s.Hello.Groups[:128], nil
	shown := fields(t, s)["hello"].(map[string]any)
	if n := len(shown["suites"].([]any)); n != 128 || shown["suites_count"] != float64(32767) {
		t.Errorf("%d suites and a count of %v, want 128 and 32,767", n, shown["suites_count"])
	}
	if n := len(shown["groups"].([]any)); n != 128 || shown["groups_count"] != nil {
		t.Errorf("%d groups and a count of %v, want 128 and none", n, shown["groups_count"])
	}
}

// TestLines_AreBounded has the other lines in which somebody else has a say.
func TestLines_AreBounded(t *testing.T) {
	for _, text := range []string{strings.Repeat("\x01", 4000), strings.Repeat("🖨", 4000), strings.Repeat(`\`, 4000)} {
		for name, object := range map[string]zapcore.ObjectMarshaler{
			"admitted": &inventory.AdmittedLine{Time: ended, Session: largest(text, text)},
			"flood":    &inventory.FloodLine{Time: ended, Reason: text, Listener: "imaps"},
		} {
			got := line(t, zapcore.NewJSONEncoder, object)
			if len(got) > maxRecord {
				t.Errorf("%s: the line has %d bytes", name, len(got))
			}
			checkWhole(t, got)
		}
	}
}

var (
	escape      = regexp.MustCompile(`\\(u[0-9a-f]{4}|U[0-9a-f]{8})`)
	splitEscape = regexp.MustCompile(`\\(u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?$`)
)

// checkWhole sees that what was cut ends with a whole escape, unless it is made of backslashes.
func checkWhole(t *testing.T, record []byte) {
	t.Helper()
	var any any
	if err := json.Unmarshal(record, &any); err != nil {
		t.Fatalf("the record is no JSON: %v: %s", err, record)
	}
	eachText(any, func(text string) {
		if rest := escape.ReplaceAllString(text, ""); rest != text && splitEscape.MatchString(rest) {
			t.Errorf("an escape is split: %q", text)
		}
	})
}

func eachText(value any, do func(string)) {
	switch v := value.(type) {
	case string:
		do(v)
	case map[string]any:
		for key, item := range v {
			do(key)
			eachText(item, do)
		}
	}
}

func FuzzSession_RecordIsBounded(f *testing.F) {
	for _, s := range []string{"", "\x01\x02", "🖨\U000e0041", `\u00`, "\xff\xfe\"", "é\u202e"} {
		f.Add(s, uint16(255), true)
		f.Add(s, uint16(3000), false)
	}
	f.Fuzz(func(t *testing.T, text string, times uint16, verified bool) {
		text = strings.Repeat(text, min(int(times), 1<<14/max(len(text), 1)))
		account := ""
		if verified {
			account = text
		}
		s := largest(text, account)
		s.Duration = time.Duration(times)
		got := line(t, zapcore.NewJSONEncoder, s)
		if len(got) > maxRecord || !json.Valid(got) {
			t.Fatalf("the record has %d bytes: %s", len(got), got)
		}
	})
}
