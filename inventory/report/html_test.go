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
			{Framework: "HIPAA", Clause: "45 CFR 164.312(e)(2)(ii)", Title: "Encryption", Text: "Encrypt health information in transit where it is appropriate.", URL: "https://www.ecfr.gov/current/title-45/section-164.312"},
			{Framework: "PCI DSS 4.0.1", Clause: "4.2.1", Text: "Use strong cryptography in transit <over open networks>.", URL: "javascript:alert(3)"},
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
		"On 24 November 2026, 5 devices depend on the bridge to read mail. 4 cannot use Exchange Online directly; 1 could leave",
		"In the last 30 days 2 devices used encryption weaker than TLS 1.2, or none.",
		"1 device is past its deadline; 3 have none; nobody owns 1.",
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
	if n := strings.Count(page, "This list ends after 7 of 20 devices. The CSV export has all of them."); n != 3 { // deadlines, evidence, appendix
		t.Errorf("said %d times", n)
	}
	if n := strings.Count(page[strings.Index(page, `id="appendix"`):], `<th scope="row">`); n != 7 {
		t.Errorf("%d rows in the appendix", n)
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
