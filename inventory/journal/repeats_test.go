package journal

import (
	"strings"
	"testing"

	"drawbridge/inventory"
)

// TestParseAfterOthers reads lines one after the other, whose values begin as those of the lines before or stand twice,
// and holds each against what a new Parser reads.
func TestParseAfterOthers(t *testing.T) {
	const begin = `{"msg":"session","time":"2026-11-24T11:00:30.123Z",`
	p := NewParser()
	for _, rest := range []string{
		`"mailbox":"a","hello":{"format":"tls"},"blockers":["x"],"certificate":"c","bytes_to_device":1}`,
		`"mailbox":"a","hello":{"format":"tls"},"blockers":["x"],"certificate":"c","bytes_to_device":12}`,
		`"mailbox":"a\"","hello":{"format":"tls","x":{}},"blockers":["x","y"],"certificate":"c\"","bytes_to_device":1}`,
		`"mailbox":"a\\","hello":{},"blockers":[],"certificate":{"c":"d"}}`,
		`"mailbox":"b","mailbox":"c","hello":{"a":1},"hello":{"b":1},"blockers":["x"],"blockers":["y"]}`,
		`"mailbox":"c","hello":{"b":1},"blockers":["y"]}`,
		`"mailbox":"","hello":{"b":1}x}`,
		`"mailbox":"c"x,"hello":{"b":1}}`,
		`"mailbox":{"c":1}}`,
		`"mailbox":"c","hello":"{}","certificate":"c"}`,
		`"mailbox":"` + strings.Repeat("c", 2000) + `","hello":{"b":"` + strings.Repeat("d", 8000) + `"}}`,
		`"mailbox":"` + strings.Repeat("c", 2001) + `","hello":{"b":"` + strings.Repeat("d", 8001) + `"}}`,
		`"claimed_account":"CONTOSO\\scan","source_ip":"10.0.0.1"}`,
		`"claimed_account":"CONTOSO\\scan\u0007","source_ip":"10.0.0.1"}`,
		`"claimed_account":"CONTOSO\\sc\u00e4n \ud83d\ude00\n","source_ip":"10.0.0"}`,
		`"claimed_account":"CONTOSO\x","source_ip":"10.0.0.1"}`,
		`"tls_resumed":tru}`, `"duration_ms":01}`, `"duration_ms":-1}`, `"duration_ms":1e3}`, `"handshake_ms":}`, `"duration_ms":0}`,
	} {
		var got, want inventory.Line
		ok, err := p.Parse([]byte(begin+rest), &got)
		wantOK, wantErr := NewParser().Parse([]byte(begin+rest), &want)
		if ok != wantOK || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: got %v, %v, want %v, %v", rest, ok, err, wantOK, wantErr)
		}
		if err == nil && !sameLine(&got, &want) {
			t.Errorf("%s: got %+v, want %+v", rest, got.Session, want.Session)
		}
	}
}

func sameLine(a, b *inventory.Line) bool {
	return a.Message == b.Message && a.Time.Equal(b.Time) && a.Bridge == b.Bridge && a.Run == b.Run && a.Session == b.Session
}

func TestUnescape(t *testing.T) {
	for raw, want := range map[string]string{
		`CONTOSO\\scan`: `CONTOSO\scan`, `a\"b`: `a"b`, ``: ``, `\\`: `\`,
	} {
		if got, ok := unescape([]byte(raw)); !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{`\n`, `\u0041`, `\`, "a\tb", "ä", `a\`} {
		if got, ok := unescape([]byte(raw)); ok {
			t.Errorf("%s: got %q, want it left to encoding/json", raw, got)
		}
	}
}
