package advice_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/advice"
)

var _ inventory.Advisor = new(advice.Advisor).Judge

// busyDevice shows something in every field.
func busyDevice() *inventory.Device {
	return &inventory.Device{
		Vendor: "Hewlett Packard", SourceName: "NPI3F2A1B.floor2.klinik.example", Account: `KLINIK\scanner-og2`,
		Mailbox: "scans@klinik.example", Description: "HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD153",
		ClientID: json.RawMessage(`{"name":"JavaMail","version":"1.4.7","os":"Linux","os-version":"3.10"}`),
		Hello: json.RawMessage(`{"format":"tls","record_version":"1.0","max_version":"1.0","suites":["c00a","c014","0039","c009",` +
			`"c013","0033","0035","002f","00ff"],"groups":["001d","0017","001e","0019","0018"],"tickets":true,` +
			`"ja3":"53652b2730564404986852cde177b6d9","ja4":"t10i090500_c491f621fb4c_195413a0cc0f","direct":false}`),
		Protocol: "pop3", TLSMode: "starttls", TLSVersion: "1.0", AuthMechanism: "USER", Readiness: "legacy",
		Blockers: []string{"tls_version", "password_login", "starttls_port"},
	}
}

// TestJudge_Concurrently has a meaning under -race.
func TestJudge_Concurrently(t *testing.T) {
	judge := newAdvisor(t).Judge
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				d := busyDevice()
				judge(d)
				d.Advice = append(d.Advice, inventory.Advice{Text: "mine"}) // what was handed out is the caller's
				d.Evidence[0] = "mine"
			}
		})
	}
	wg.Wait()
	d := busyDevice()
	judge(d)
	if d.Evidence[0] == "mine" || d.Advice[len(d.Advice)-1].Text == "mine" {
		t.Error("devices share their advice")
	}
}

// FuzzJudge holds that nothing a device shows breaks the bounds of what is said of it.
func FuzzJudge(f *testing.F) {
	d := busyDevice()
	f.Add(d.Vendor, d.SourceName, d.Account, d.Mailbox, d.Description, string(d.ClientID), string(d.Hello), "legacy", "tls_version")
	f.Add("\x00\u202e"+strings.Repeat("canon ", 400), "=cmd|' /C'!A1", "a\\b@c@d\\", "\xff\xfescan\xff", "ǅ printer\u2028", `{"name":null}`,
		`{"ja4":"`, "", "")
	f.Add("İ canon", strings.Repeat("ä", 255)+"printer", "-", "@", "İİİİ laserjet \x80",
		`{"NAME":"outlook \u202e<b>","version":"99999999999999999999.1"}`, `{"ja3" : "\"`, "obsolete", "no_tls")
	f.Add("", "", "x", "", "", `{"os":"ios","os-version":"5"}`, `{"ja4":"t10i090500_c491f621fb4c_195413a0cc0f"}`, "ready", "password_login")
	judge := newAdvisor(f).Judge
	f.Fuzz(func(t *testing.T, vendor, name, account, mailbox, description, client, hello, readiness, blockers string) {
		d := &inventory.Device{Vendor: vendor, SourceName: name, Account: account, Mailbox: mailbox, Description: description,
			ClientID: json.RawMessage(client), Hello: json.RawMessage(hello), Readiness: readiness, Blockers: strings.Split(blockers, ",")}
		judge(d)
		checkBounds(t, d)
		first, _ := json.Marshal([]any{d.Category, d.Evidence, d.Stack, d.NextStep, d.Advice})
		judge(d)
		if again, _ := json.Marshal([]any{d.Category, d.Evidence, d.Stack, d.NextStep, d.Advice}); string(again) != string(first) {
			t.Errorf("%s\nthen\n%s", first, again)
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	judge := newAdvisor(b).Judge
	printer := &inventory.Device{Vendor: "Ricoh Company, Ltd.", SourceName: "mfp-2og.klinik.example", Account: "scanner1",
		Mailbox: "scans@klinik.example", Hello: busyDevice().Hello, Readiness: "legacy", Blockers: []string{"tls_version", "password_login"}}
	for name, d := range map[string]*inventory.Device{"busy": busyDevice(), "printer": printer,
		"nothing": {Account: "u1", Readiness: "unknown"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				judge(d)
			}
		})
	}
}
