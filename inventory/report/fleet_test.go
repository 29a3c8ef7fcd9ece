package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was written with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
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
		t.Errorf("%s differs: run the test with -update and look at the difference\n%s", path, firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	a, b := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n got %q\nwant %q", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(a), len(b))
}

// now is when the reports of the tests are written.
func now() time.Time { return time.Date(2026, 11, 24, 14, 30, 0, 0, time.UTC) }

func day(month time.Month, date int) time.Time {
	return time.Date(2026, month, date, 9, 30, 15, 0, time.UTC)
}

// fleet is a small hospital: what is overdue, unowned, quiet, ready, blocked, a stranger, a source that is not served, and one that
// sends harm.
func fleet() []inventory.Device {
	fleet := []inventory.Device{
		{
			ID: "10.20.3.7/scanner1", Source: "10.20.3.7", Account: "scanner1", Mailbox: "scan@example.com",
			SourceName: "mfp-3-07.example.com", SourceMAC: "00:26:73:aa:bb:cc", Vendor: "Ricoh",
			Description: "RICOH MP C3003", Listener: "imaps", Protocol: "imap", TLSMode: "implicit",
			TLSVersion: "1.0", TLSCipher: "TLS_RSA_WITH_AES_128_CBC_SHA", AuthMechanism: "LOGIN",
			Upstream: "exchange-online", UpstreamAuth: "XOAUTH2", Readiness: "legacy",
			Blockers: []string{"tls_version", "key_exchange", "password_login"},
			Stage:    inventory.StageWarn, StageSet: true, Deadline: "2026-11-01", Owner: "Facilities", Priority: "high",
			Cost: "1200.50", Note: "Ward 3; lease ends in March", Category: inventory.CategoryPrinter, CategorySet: true,
			NextStep:  inventory.StepReplace,
			Advice:    []inventory.Advice{{Text: "No firmware of this model has TLS 1.2.", URL: "https://example.com/mpc3003"}},
			FirstSeen: day(3, 2), LastSeen: day(11, 24), Sessions: 5210,
			Outcomes:    inventory.Outcomes{inventory.OutcomeBridged: 5200, inventory.OutcomeLoginFailed: 10},
			TLSVersions: []inventory.VersionUse{{Version: "1.0", Sessions: 5210, FirstSeen: day(3, 2), LastSeen: day(11, 24)}},
			LastOutcome: inventory.OutcomeBridged, BytesFrom: 1 << 20, BytesTo: 5 << 30,
		},
		{
			ID: "10.20.5.21/pump-gw", Source: "10.20.5.21", Account: "pump-gw", Mailbox: "pumps@example.com",
			SourceName: "pump-gw.icu.example.com", Vendor: "B. Braun", TLSVersion: "ssl3", TLSCipher: "TLS_RSA_WITH_RC4_128_SHA",
			Readiness: "obsolete", Blockers: []string{"tls_version", "key_exchange", "password_login"},
			Stage: inventory.StageBridge, Deadline: "2027-03-01", Owner: "Medical engineering", Priority: "critical",
			Category: inventory.CategoryMedical, NextStep: inventory.StepUpdate, FirstSeen: day(3, 2), LastSeen: day(11, 23),
			Sessions: 830, Outcomes: inventory.Outcomes{inventory.OutcomeBridged: 830},
			TLSVersions: []inventory.VersionUse{{Version: "ssl3", Sessions: 830, FirstSeen: day(3, 2), LastSeen: day(11, 23)}},
		},
		{
			ID: "10.20.9.4/tickets", Source: "10.20.9.4", Account: "tickets", Mailbox: "help@example.com", Vendor: "VMware",
			TLSVersion: "1.2", TLSCipher: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Readiness: "ready",
			Blockers: []string{"password_login"}, Stage: inventory.StageBrownout, Owner: "IT", Cost: "800",
			Category: inventory.CategoryApplication, NextStep: inventory.StepOAuth2, FirstSeen: day(4, 11), LastSeen: day(11, 24),
			Sessions: 21000, Outcomes: inventory.Outcomes{inventory.OutcomeBridged: 20990, inventory.OutcomeUpstreamFailed: 10},
			TLSVersions: []inventory.VersionUse{
				{Version: "1.1", Sessions: 9000, FirstSeen: day(4, 11), LastSeen: day(7, 30)},
				{Version: "1.2", Sessions: 12000, FirstSeen: day(7, 30), LastSeen: day(11, 24)}},
		},
		{
			ID: "10.20.7.9/fax", Source: "10.20.7.9", Account: "fax", SourceName: "fax-old", Readiness: "unknown",
			Blockers: []string{"no_tls", "password_login"}, Stage: inventory.StageBridge, Category: inventory.CategoryUnknown,
			NextStep: inventory.StepIdentify, FirstSeen: day(3, 2), LastSeen: day(9, 1), Sessions: 40,
			Outcomes:    inventory.Outcomes{inventory.OutcomeBridged: 40},
			TLSVersions: []inventory.VersionUse{{Version: "none", Sessions: 40, FirstSeen: day(3, 2), LastSeen: day(9, 1)}},
		},
		hostile(),
		{
			ID: "203.0.113.9/-", Source: "203.0.113.9", Account: inventory.Stranger, Readiness: "unknown", Blockers: []string{},
			Stage: inventory.StageBridge, Category: inventory.CategoryUnknown, NextStep: inventory.StepWatch,
			FirstSeen: day(11, 2), LastSeen: day(11, 3), Sessions: 912,
			Outcomes:    inventory.Outcomes{inventory.OutcomeTLSFailed: 900, inventory.OutcomeLoginFailed: 12},
			TLSVersions: []inventory.VersionUse{{Version: "1.0", Sessions: 12, FirstSeen: day(11, 2), LastSeen: day(11, 3)}},
		},
		{
			ID: "10.20.8.8/-", Source: "10.20.8.8", Account: inventory.Stranger, ClaimedAccount: "scanner4", Readiness: "obsolete",
			Blockers: []string{"tls_version", "key_exchange"}, Stage: inventory.StageBridge, Category: inventory.CategoryUnknown, NotServed: true,
			NextStep: inventory.StepWatch, Advice: []inventory.Advice{{Text: "It offers SSL 3.0 at most."}}, Note: "Ward 4 <new>",
			Deadline: "2026-11-20", FirstSeen: day(11, 20), LastSeen: day(11, 24), Sessions: 31, LastOutcome: inventory.OutcomeTLSFailed,
			LastReason: "the device speaks SSL 3.0 at most: it needs new firmware", Outcomes: inventory.Outcomes{inventory.OutcomeTLSFailed: 31},
			TLSVersions: []inventory.VersionUse{{Version: "none", Sessions: 31, FirstSeen: day(11, 20), LastSeen: day(11, 24)}},
		},
	}
	for i := range fleet {
		if d := &fleet[i]; d.Account != inventory.Stranger {
			d.LastServed = &d.LastSeen
		}
	}
	return fleet
}

// hostile is a device all of whose strings try to do harm.
func hostile() inventory.Device {
	return inventory.Device{
		ID: "10.20.66.6/=cmd|'/c calc'!a0", Source: "10.20.66.6", Account: "=cmd|'/c calc'!a0",
		Mailbox:    `<script>alert("mailbox")</script>`,
		SourceName: "\x1b[2J\x1b]0;owned\x07evil\r\nX: y", Vendor: "\u202eevil\u2066 \u009b31m",
		Description: "＝HYPERLINK(\"http://evil\");=1+1, @2", ClientID: json.RawMessage(`{"name":"\u001b[31m</script>\u202e"}`),
		Readiness: "legacy", Blockers: []string{`"><img src=x onerror=alert(1)>`}, Stage: inventory.StageBridge,
		Owner: "+1 | \" ' @SUM(A1)", Deadline: "javascript:alert(1)", Cost: "=1+1", Priority: "-2",
		Note: "  \"=1+1\"\t" + strings.Repeat("ж", 256), Category: "\"'></td>", NextStep: "@step",
		TLSVersion: "1.2", AuthMechanism: "007", UpstreamSays: "* BYE \xff\xfe <b>",
		Advice:    []inventory.Advice{{Text: "-1<br>", URL: "javascript:alert(2)"}},
		FirstSeen: day(5, 1), LastSeen: day(11, 20), Sessions: 3,
		TLSVersions: []inventory.VersionUse{{Version: "1.0", Sessions: 1, FirstSeen: day(5, 1), LastSeen: day(5, 1)}},
	}
}

// many makes n devices of full size.
func many(n int) []inventory.Device {
	devices := make([]inventory.Device, n)
	templates := fleet()[:4]
	for i := range devices {
		d := templates[i%len(templates)]
		d.Source = fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		d.ID = d.Source + "/" + d.Account
		d.Owner = fmt.Sprintf("Department %d", i%400)
		d.Vendor = fmt.Sprintf("Vendor %d", i%300)
		d.Deadline = time.Date(2026, 6, 1+i%600, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		devices[i] = d
	}
	return devices
}
