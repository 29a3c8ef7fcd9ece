package journal

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
)

// golden returns a line of inventory's golden files under the name that it has in a journal.
func golden(t testing.TB, name, message string) []byte {
	t.Helper()
	line, err := os.ReadFile("../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(bytes.Replace(line, []byte(`"msg":"x"`), []byte(`"msg":"`+message+`"`), 1))
}

func parsed(t testing.TB, line []byte) inventory.Line {
	t.Helper()
	var l inventory.Line
	if ok, err := NewParser().Parse(line, &l); !ok || err != nil {
		t.Fatalf("parse %s: %v, %v", line, ok, err)
	}
	return l
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err) // a mistake in a test
	}
	return t
}

func TestParse_Session(t *testing.T) {
	want := inventory.Line{Message: "session", Time: at("2026-11-24T11:00:30.123Z"), Bridge: "bridge-1", Run: "4f2a",
		Session: inventory.SessionLine{ID: "4f2a-1", Device: "10.20.3.7/scanner1", Listener: "imaps", Protocol: "imap",
			TLSMode: "implicit", Source: netip.MustParseAddr("10.20.3.7"), SourceName: "printer7.contoso.local",
			SourceMAC: "00:00:48:01:02:03", Vendor: "Seiko Epson", SourceShared: true,
			Hello: `{"format":"tls","record_version":"1.0","max_version":"1.0","server_name":"bridge.contoso.local",` +
				`"suites":["002f","0035","000a","0005"],"groups":["0017","0018"],"signatures":[],"tickets":true,` +
				`"ja3":"0cc1e84568e471aa1d62ad4158ade6b5","ja4":"t10d040300_aaaaaaaaaaaa_bbbbbbbbbbbb","direct":false}`,
			TLSVersion: "1.0", TLSCipher: "TLS_RSA_WITH_AES_128_CBC_SHA", AlertReceived: "user_canceled",
			ClientID: `{"name":"WorkForce","version":"5.1"}`, Account: "scanner1", ClaimedAccount: `CONTOSO\Scanner1`,
			Mailbox: "scans@contoso.com", AuthMechanism: "LOGIN", Upstream: "exchange-online", UpstreamAuth: "XOAUTH2",
			UpstreamTLSVersion: "1.3", UpstreamSays: "* BYE Session invalidated - AccessTokenExpired",
			Stage: inventory.StageBridge, WouldStage: inventory.StageWarn, Phase: inventory.PhaseRelay,
			Outcome: inventory.OutcomeBridged, Reason: "the upstream ended the session: its token had expired",
			Readiness: "legacy", Blockers: "tls_version key_exchange password_login",
			StartedAt: at("2026-11-24T10:00:30.123Z"), Duration: time.Hour, Proven: true, BytesFromDevice: 321,
			BytesToDevice: 65_432}}
	if got := parsed(t, golden(t, "bridged", "session")); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParse_FillsEveryField(t *testing.T) {
	l := parsed(t, golden(t, "bridged", "session")).Session
	for v, i := reflect.ValueOf(l), 0; i < v.NumField(); i++ {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Count" { // of admitted lines alone
			t.Errorf("%s is not read", name)
		}
	}
}

func TestParse_OtherLines(t *testing.T) {
	time1, time2 := at("2026-11-24T11:00:30.123Z"), at("2026-11-24T10:59:30.123Z")
	for name, tt := range map[string]struct {
		line []byte
		want inventory.Line
	}{
		"admitted": {golden(t, "admitted", "admitted"), inventory.Line{Message: "admitted", Time: time1, Bridge: "bridge-1",
			Run: "4f2a", Session: inventory.SessionLine{ID: "4f2a-1", Device: "10.20.3.7/scanner1", Listener: "imaps",
				Protocol: "imap", Source: netip.MustParseAddr("10.20.3.7"), Account: "scanner1", Mailbox: "scans@contoso.com",
				TLSVersion: "1.0", Readiness: "legacy", StartedAt: at("2026-11-24T10:00:30.123Z")}}},
		"flood": {golden(t, "flood", "flood"), inventory.Line{Message: "flood", Time: time1, Bridge: "bridge-1", Run: "4f2a",
			Flood: inventory.FloodLine{Time: time1, Bridge: "bridge-1", Run: "4f2a",
				Source: netip.MustParsePrefix("10.20.3.7/32"), Listener: "imaps", Reason: `not in \u001b allow`, Count: 17,
				Sessions: 3, First: time2, Last: time1}}},
		"change": {golden(t, "change", "change"), inventory.Line{Message: "change", Time: time1, Bridge: "bridge-1",
			Run: "4f2a", Change: inventory.Change{Time: time1, Device: "10.20.3.7/scanner1", Key: "note",
				Old: "by the lift", New: `moved\u001b to\u000award 3`, By: "root by drawbridge device"}}},
		"start": {golden(t, "start", "bridge"), inventory.Line{Message: "bridge", Time: time1, Bridge: "bridge-1",
			Run: "4f2a", Start: inventory.BridgeLine{Time: time1, Bridge: "bridge-1", Run: "4f2a",
				Event: inventory.BridgeStart, Version: "0.1.0", ConfigurationHash: "c0ffee",
				Listeners: []string{"imaps", "pop3s"}, PreviousRun: inventory.PreviousCrashed, Journal: "0c5d7a3e91b2f486",
				Previous: "4f29"}}},
	} {
		if got := parsed(t, tt.line); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, tt.want)
		}
	}
	network := parsed(t, golden(t, "flood-network", "flood")).Flood.Source
	if network != netip.MustParsePrefix("2001:db8:0:1::/64") {
		t.Errorf("the source of a network is %v", network)
	}
}

func TestParse_Lines(t *testing.T) {
	const start = `{"msg":"session","time":"2026-11-24T11:00:30.123Z"`
	for name, tt := range map[string]struct {
		line    string
		ok, bad bool
	}{
		"the least":                {start + `}`, true, false},
		"with a newline":           {start + "}\r\n", true, false},
		"somebody else's":          {`{"msg":"listening"}`, false, false},
		"without a message":        {`{"level":"info"}`, false, false},
		"a message that is none":   {`{"msg":{"msg":"session"}}`, false, false},
		"no object":                {`[1]`, false, true},
		"torn":                     {start, false, true},
		"two in one":               {start + `}` + start + `}`, false, true},
		"empty":                    {``, false, true},
		"without a time":           {`{"msg":"session"}`, true, true},
		"a time that is none":      {`{"msg":"session","time":"2026-02-31T00:00:00.000Z"}`, true, true},
		"a field of a wrong type":  {start + `,"device":1}`, true, true},
		"a hello that is none":     {start + `,"hello":"x"}`, true, true},
		"a hello that is no JSON":  {start + `,"hello":{"a":"` + "\x01" + `"}}`, true, true},
		"a negative count":         {start + `,"bytes_to_device":-1}`, true, true},
		"more than a minute has":   {`{"msg":"flood","time":"2026-11-24T11:00:30.123Z","sessions":9223372036854775807}`, true, true},
		"a duration of ages":       {start + `,"duration_ms":9223372036854775807}`, true, true},
		"an address that is none":  {start + `,"source_ip":"printer"}`, true, true},
		"too long":                 {start + `,"x":"` + strings.Repeat("x", maxLine) + `"}`, false, true},
		"nested without an end":    {strings.Repeat(`{"a":`, 100_000), false, true},
		"a field that is not ours": {start + `,"hello2":[{"hello":1}],"rules":{"hello":{}}}`, true, false},
	} {
		var l inventory.Line
		ok, err := NewParser().Parse([]byte(tt.line), &l)
		if (err != nil) != tt.bad || !tt.bad && ok != tt.ok {
			t.Errorf("%s: got %v, %v", name, ok, err)
		}
	}
}

func TestParse_ObjectsAsTheyStand(t *testing.T) {
	const hello = `{ "b" : [1, {"hello":"}\"{"}], "a":"é\u00e9\/" }`
	line := `{"msg":"session", "rules":{"hello":{"wrong":true}},"x":"\"hello\":{}", "hello" : ` + hello +
		` ,"client_id":{"z":"1","a":"2"},"hello":{"second":1},"time":"2026-11-24T11:00:30.123Z"}`
	got := parsed(t, []byte(line)).Session
	if got.Hello != hello || got.ClientID != `{"z":"1","a":"2"}` {
		t.Errorf("got %s and %s", got.Hello, got.ClientID)
	}
}

func TestParse_KeepsWhatIsEmpty(t *testing.T) {
	const start = `{"msg":"session","time":"2026-11-24T12:00:30.123999+01:00"`
	l := parsed(t, []byte(start+`,"blockers":[],"upstream_ms":0}`))
	if l.Session.Blockers != "-" || !l.Session.Proven || !l.Time.Equal(at("2026-11-24T11:00:30.123Z")) {
		t.Errorf("got %+v", l)
	}
	l = parsed(t, []byte(start+`}`))
	if l.Session.Blockers != "" || l.Session.Proven {
		t.Errorf("got %+v", l)
	}
}

func TestParse_HostileStringsAreHarmless(t *testing.T) {
	p := NewParser()
	for _, line := range [][]byte{
		golden(t, "hostile", "session"),
		[]byte(`{"msg":"session","time":"2026-11-24T11:00:30.123Z","claimed_account":"\u001b[2J` + "\xff\u202e" +
			strings.Repeat("é", 100_000) + `","reason":"` + strings.Repeat("\u200b", 90_000) + `"}`),
	} {
		var l inventory.Line
		if ok, err := p.Parse(line, &l); !ok || err != nil {
			t.Fatal(ok, err)
		}
		for field, s := range map[string]string{"claimed_account": l.Session.ClaimedAccount, "reason": l.Session.Reason} {
			if len(s) > maxSentence || inventory.Printable(s) != s {
				t.Errorf("%s has %d bytes: %q", field, len(s), s)
			}
		}
	}
}

// TestParse_LeavesWhatABridgeWrote tells that no bound of the parser is smaller than one of the record.
func TestParse_LeavesWhatABridgeWrote(t *testing.T) {
	line := golden(t, "hostile", "session")
	var fields struct {
		Claimed  string          `json:"claimed_account"`
		Account  string          `json:"account"`
		Device   string          `json:"device"`
		Says     string          `json:"upstream_says"`
		Name     string          `json:"source_name"`
		ClientID json.RawMessage `json:"client_id"`
	}
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	got := parsed(t, line).Session
	for want, got := range map[string]string{fields.Claimed: got.ClaimedAccount, fields.Account: got.Account,
		fields.Device: got.Device, fields.Says: got.UpstreamSays, fields.Name: got.SourceName,
		string(fields.ClientID): got.ClientID} {
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestParse_ValuesOutliveTheParser(t *testing.T) {
	p, line := NewParser(), golden(t, "bridged", "session")
	var l, other inventory.Line
	if _, err := p.Parse(line, &l); err != nil {
		t.Fatal(err)
	}
	before := parsed(t, bytes.Clone(line))
	copy(line, bytes.ReplaceAll(line, []byte("a"), []byte("Z")))
	for range 3 {
		_, _ = p.Parse(bytes.ReplaceAll(golden(t, "bridged", "session"), []byte("scan"), []byte("fax1")), &other)
	}
	if !reflect.DeepEqual(l, before) {
		t.Errorf("a line changed after it was read: %+v", l)
	}
}

func FuzzParse(f *testing.F) {
	for name, message := range map[string]string{"bridged": "session", "hostile": "session", "admitted": "admitted",
		"flood": "flood", "change": "change", "start": "bridge", "failed-sslv3": "session"} {
		f.Add(golden(f, name, message))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var l, again inventory.Line
		p := NewParser()
		ok, err := p.Parse(line, &l)
		if !ok || err != nil {
			return
		}
		for _, s := range []string{l.Session.ClaimedAccount, l.Session.Reason, l.Session.Hello, l.Change.New, l.Bridge} {
			if inventory.Printable(s) != s || len(s) > maxObject {
				t.Errorf("%q", s)
			}
		}
		if hello := l.Session.Hello; hello != "" && !json.Valid([]byte(hello)) {
			t.Errorf("the hello is no JSON: %s", hello)
		}
		if ok, err := p.Parse(line, &again); !ok || err != nil || !reflect.DeepEqual(l, again) {
			t.Errorf("read again: %v, %v, %+v, want %+v", ok, err, again, l)
		}
	})
}

// FuzzParse_AsEncodingJSON compares with encoding/json.
func FuzzParse_AsEncodingJSON(f *testing.F) {
	f.Add([]byte(`"rules":{"hello":{}},"hello" : {"a":["}",{}]} , "client_id":{"\"":"\\"}`))
	f.Add([]byte(`"rules":"\\","hello":{},"x":[[]] , "mailbox":"a\u00e9\"" , "bytes_to_device":7`))
	f.Fuzz(func(t *testing.T, fields []byte) {
		line := append(append([]byte(`{"msg":"session","time":"2026-11-24T11:00:30.123Z",`), fields...), '}')
		var want struct {
			Hello   json.RawMessage `json:"hello"`
			Mailbox string          `json:"mailbox"`
			Bytes   int64           `json:"bytes_to_device"`
		}
		var l inventory.Line
		ok, err := NewParser().Parse(line, &l)
		if json.Unmarshal(line, &want) != nil || !ok || err != nil || bytes.Count(line, []byte(`"`)) > 12 {
			return // one of the two takes less than the other
		}
		var all map[string]json.RawMessage // without folding of capitals, and to see what stands twice
		if json.Unmarshal(line, &all) != nil || bytes.Count(line, []byte(`hello`)) > 1 || bytes.Count(line, []byte("mailbox")) > 1 ||
			bytes.Contains(line, []byte(`\u`)) {
			return
		}
		if got := l.Session.Hello; got != string(all["hello"]) {
			t.Errorf("got %s, want %s", got, all["hello"])
		}
		if _, ok := all["mailbox"]; ok && l.Session.Mailbox != clean(want.Mailbox, maxName) {
			t.Errorf("got %q, want %q", l.Session.Mailbox, want.Mailbox)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	line, p := golden(b, "bridged", "session"), NewParser()
	var l inventory.Line
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.Parse(line, &l); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
