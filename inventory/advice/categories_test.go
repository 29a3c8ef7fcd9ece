package advice_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"drawbridge/inventory"
)

// TestJudge_Categories holds guesses against devices as they are met. Each row of the file is a device: the category
// wanted, the words that its evidence must have (separated by "; "), and what it shows.
func TestJudge_Categories(t *testing.T) {
	judge := newAdvisor(t).Judge
	file, err := os.Open("testdata/devices.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 61 {
		t.Fatalf("only %d devices", len(rows)-1)
	}
	for _, row := range rows[1:] {
		d := &inventory.Device{Vendor: row[2], SourceName: row[3], Account: row[4], Mailbox: row[5],
			Description: row[6], ClientID: json.RawMessage(row[7]), Hello: helloOf(row[8])}
		judge(d)
		evidence := strings.Join(d.Evidence, " ")
		if string(d.Category) != row[0] {
			t.Errorf("%q is %s, want %s: %s", row[2:], d.Category, row[0], evidence)
		}
		for words := range strings.SplitSeq(row[1], "; ") {
			if !strings.Contains(evidence, words) {
				t.Errorf("%q: %q does not say %q", row[2:], evidence, words)
			}
		}
	}
}

func helloOf(ja4 string) json.RawMessage {
	if ja4 == "" {
		return nil
	}
	return json.RawMessage(`{"format":"tls","record_version":"1.0","server_name":"\"ja4\":\"x\"",` +
		`"ja3":"00000000000000000000000000000000", "ja4": "` + ja4 + `","direct":false}`)
}

func TestJudge_CategorySetByAPersonStays(t *testing.T) {
	d := &inventory.Device{Vendor: "Ricoh Company, Ltd.", Category: inventory.CategoryMedical, CategorySet: true}
	newAdvisor(t).Judge(d)
	if d.Category != inventory.CategoryMedical {
		t.Errorf("%s", d.Category)
	}
	want := []string{"A person set this category.",
		`Its network card is registered to "Ricoh Company, Ltd.", a maker of printers and scanners.`}
	if strings.Join(d.Evidence, "|") != strings.Join(want, "|") {
		t.Errorf("%q", d.Evidence)
	}
}

// TestJudge_EvidenceIsShort: of more signs than there is room for, the last sentence is still that of the TLS stack.
func TestJudge_EvidenceIsShort(t *testing.T) {
	d := &inventory.Device{Vendor: "Canon", SourceName: "printer-scanner-mfp-fax", Description: "Network Printer",
		Hello: helloOf("t10i220700_8f3dcbce23eb_ddcc4a856434"), CategorySet: true, Category: inventory.CategoryPrinter}
	newAdvisor(t).Judge(d)
	checkBounds(t, d)
	if n := len(d.Evidence); n != 6 || !strings.HasPrefix(d.Evidence[n-1], "Its TLS hello") {
		t.Errorf("%d: %q", n, d.Evidence)
	}
}

func TestJudge_TwiceIsOnce(t *testing.T) {
	judge := newAdvisor(t).Judge
	d := busyDevice()
	judge(d)
	once, _ := json.Marshal(d)
	judge(d)
	if twice, _ := json.Marshal(d); string(once) != string(twice) {
		t.Errorf("%s\nthen\n%s", once, twice)
	}
}

// TestJudge_StrangersNamesCountNot: the name that a stranger claims is its own invention.
func TestJudge_StrangersNamesCountNot(t *testing.T) {
	d := &inventory.Device{Account: "-", Mailbox: "printer@contoso.com"}
	newAdvisor(t).Judge(d)
	if d.Category != inventory.CategoryUnknown || d.NextStep != inventory.StepWatch || len(d.Advice) == 0 {
		t.Errorf("%+v", d)
	}
}

// TestJudge_TellsOfStrangersWhatTheirHelloProves: a device that cannot get in is a stranger too, and its hello is no invention.
func TestJudge_TellsOfStrangersWhatTheirHelloProves(t *testing.T) {
	d := &inventory.Device{Account: "-", Readiness: "obsolete", Blockers: []string{"tls_version", "password_login"}}
	newAdvisor(t).Judge(d)
	told := fmt.Sprint(d.Advice)
	if d.NextStep != inventory.StepWatch || !strings.Contains(told, "SSL 3.0 at most") || !strings.Contains(told, "less than TLS 1.2") ||
		strings.Contains(told, "password; Exchange") {
		t.Errorf("%s: %s", d.NextStep, told)
	}
}

func checkBounds(t *testing.T, d *inventory.Device) {
	t.Helper()
	if len(d.Evidence) == 0 || len(d.Evidence) > 6 {
		t.Errorf("%d sentences of evidence", len(d.Evidence))
	}
	for _, s := range d.Evidence {
		if utf8.RuneCountInString(s) > 200 || !utf8.ValidString(s) || inventory.Printable(s) != s {
			t.Errorf("evidence %q", s)
		}
	}
	if d.NextStep == "" || len(d.Advice) == 0 || len(d.Advice) > 16 || d.Category == "" {
		t.Errorf("category %q, step %q, %d sentences of advice", d.Category, d.NextStep, len(d.Advice))
	}
}
