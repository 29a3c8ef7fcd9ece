package report_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

// hospital is a report with everything in it.
func hospital(devices []inventory.Device) report.Report {
	return report.Report{
		Title: "Mail devices of Example Hospital", Bridge: "bridge-1", Now: now(), Zone: time.FixedZone("CET", 3600),
		Devices: devices, Days: days(), Totals: inventory.Totals{TurnedAway: 12, BadLines: 1}, Contact: "mail-team@example.com",
		Currency: "EUR", Clauses: []report.Clause{
			{Framework: "HIPAA", Clause: "45 CFR 164.312(e)(2)(ii)", Title: "Encryption",
				Text: "Encrypt health information in transit where it is appropriate.", URL: "https://www.ecfr.gov/current/title-45/section-164.312"},
			{Framework: "PCI DSS 4.0.1", Clause: "4.2.1", Text: "Use strong cryptography in transit <over open networks>.",
				URL: "javascript:alert(3)"},
		},
	}
}

// days are nine months in which TLS 1.0 gives way.
func days() []inventory.Day {
	var all []inventory.Day
	for i := range 260 {
		n := int64(100 + 17*(i%7))
		all = append(all, inventory.Day{
			Date: time.Date(2026, 3, 10+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Sessions: 3 * n,
			TLSVersions: map[string]int64{"ssl3": 5, "1.0": n - int64(i)/3, "1.1": 30, "1.2": n + int64(i), "1.3": int64(i) / 4, "none": 8},
		})
	}
	return all
}

func render(t testing.TB, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.HTML(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHTML(t *testing.T) {
	golden(t, "fleet.html", []byte(render(t, hospital(fleet()))))
	golden(t, "empty.html", []byte(render(t, report.Report{Now: now()})))
}

func TestHTMLIsHarmless(t *testing.T) {
	page := render(t, hospital(fleet()))
	for _, harm := range []string{"<script", "<img", "javascript:", "<br>", "\x1b", "\u202e", "\r", "ZgotmplZ"} {
		if strings.Contains(strings.ReplaceAll(page, `<td class="">javascript:alert(1)</td>`, ""), harm) {
			t.Errorf("the page contains %q", harm)
		}
	}
	if !strings.Contains(page, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`) {
		t.Error("no content security policy")
	}
}

func TestHTMLSays(t *testing.T) {
	page := render(t, hospital(fleet()))
	for _, sentence := range []string{
		"On 24 November 2026, 5 devices depend on the bridge to read mail. 4 lack the encryption that Exchange Online takes; " +
			"none is free to go; 1 has the encryption, but not the login or the port.",
		"1 source is not served: all sessions of the last 7 days failed.", "needs new firmware<small>claimed scanner4",
		"It offers SSL 3.0 at most.", "Ward 4 &lt;new&gt;", "overdue by 4 days",
		"In the last 30 days 2 devices used encryption weaker than TLS 1.2, or none.",
		"2 devices are past their deadline; 3 have none; nobody owns 1.",
		"The work on 2 devices is estimated at EUR 2,000.50; 3 devices have no estimate yet.",
		"1 device has not been seen for 30 days",
		"1 source has tried without ever logging in",
		"overdue by 23 days", "in 97 days", "ended 2026-07-30", "no TLS",
	} {
		if !strings.Contains(page, sentence) {
			t.Errorf("the page does not say %q", sentence)
		}
	}
}

func TestHTMLTellsWhatItCuts(t *testing.T) {
	r := hospital(many(20))
	r.Limit = 7
	page := render(t, r)
	cut := "This list ends after 7 of 20 devices. The CSV export has all of them."
	if n := strings.Count(page, cut); n != 3 { // deadlines, evidence, appendix
		t.Errorf("said %d times", n)
	}
	if n := strings.Count(page[strings.Index(page, `id="appendix"`):], `<th scope="row">`); n != 7 {
		t.Errorf("%d rows in the appendix", n)
	}
}

func TestClauses(t *testing.T) {
	clauses := report.Clauses()
	page := render(t, report.Report{Now: now(), Clauses: clauses})
	for _, clause := range clauses {
		if !strings.Contains(page, fmt.Sprintf(`<dt>%s, <a href="%s">%s</a>`, clause.Framework, clause.URL, clause.Clause)) {
			t.Errorf("the page has no link for %s %s", clause.Framework, clause.Clause)
		}
	}
}

// TestHTMLTellsWhenWeakUseEnded holds an auditor's question to what was recorded.
func TestHTMLTellsWhenWeakUseEnded(t *testing.T) {
	both := func(last time.Time) []inventory.VersionUse {
		return []inventory.VersionUse{{Version: "1.0", Sessions: 1, FirstSeen: day(2, 1), LastSeen: last},
			{Version: "1.2", Sessions: 1, FirstSeen: day(2, 1), LastSeen: day(11, 24)}}
	}
	tests := []struct {
		name   string
		device inventory.Device
		want   string
	}{
		{"went over", inventory.Device{TLSVersion: "1.2", TLSVersions: both(day(8, 1))}, `<td class="d good">ended 2026-08-01</td>`},
		{"two programs take turns", inventory.Device{TLSVersion: "1.2", TLSVersions: both(day(11, 20))}, `<td class="d bad">open</td>`},
		{"fell back", inventory.Device{TLSVersion: "1.0", TLSVersions: both(day(8, 1)), Deadline: "2027-01-01"},
			`<td class="d ">2027-01-01</td>`},
		{"overdue", inventory.Device{TLSVersion: "1.0", TLSVersions: both(day(11, 20)), Deadline: "2026-11-23"}, `2026-11-23, overdue</td>`},
		{"due today", inventory.Device{TLSVersion: "1.0", TLSVersions: both(day(11, 20)), Deadline: "2026-11-24"},
			`<td class="d ">2026-11-24</td>`},
		{"blocked", inventory.Device{TLSVersion: "1.0", TLSVersions: both(day(11, 20)), Stage: inventory.StageBlock}, `ended: blocked`},
		{"failed handshakes only", inventory.Device{TLSVersions: []inventory.VersionUse{{Version: "none", Sessions: 3,
			FirstSeen: day(2, 1), LastSeen: day(3, 1)}}},
			"No device was recorded with encryption weaker than TLS 1.2."},
		{"stranger", inventory.Device{Account: inventory.Stranger, TLSVersion: "1.0", TLSVersions: both(day(8, 1))},
			"No device was recorded with encryption weaker than TLS 1.2."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.device.ID, test.device.LastSeen = "10.0.0.1/x", day(11, 24)
			page := render(t, report.Report{Now: now(), Devices: []inventory.Device{test.device}})
			if !strings.Contains(page, test.want) {
				t.Errorf("the page does not say %q", test.want)
			}
		})
	}
}

// TestHTMLOfStrangeDays holds that no date of a day or a deadline makes a page without bounds.
func TestHTMLOfStrangeDays(t *testing.T) {
	r := hospital(fleet())
	r.Limit = -1
	r.Days = []inventory.Day{{Date: "0001-01-01"}, {Date: "x"}, {Date: "2026-13-01"},
		{Date: "9999-12-31", TLSVersions: map[string]int64{"0xabcd": 1}}, {Date: "2026-11-24", Sessions: 1}}
	r.Devices[1].Deadline = "9999-12-31"
	if page := render(t, r); len(page) > 200_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

func TestHTMLOfManyOwners(t *testing.T) {
	page := render(t, hospital(many(1000)))
	if !strings.Contains(page, "All others") {
		t.Error("the others are not summed up")
	}
	for i := range 400 {
		if owner := fmt.Sprintf(">Department %d</th>", i); strings.Count(page, owner) > 2 {
			t.Errorf("%s stands more than once in a table", owner)
		}
	}
}

func TestHTMLTellsWriteErrors(t *testing.T) {
	for _, room := range []int{0, 100_000} {
		err := report.HTML(&limitedWriter{room, io.ErrShortWrite}, hospital(many(1000)))
		if err == nil || !strings.Contains(err.Error(), "write the report") {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	devices := many(50_000)
	for _, limit := range []int{0, 50_000} {
		r := hospital(devices)
		r.Limit = limit
		b.Run(fmt.Sprintf("limit %d", limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := report.HTML(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
