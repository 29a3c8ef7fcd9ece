package advice_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"drawbridge/inventory"
)

func readTable(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(name)
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
	return rows[1:]
}

// TestPlatforms_EveryRowIsTold plays the device of each row: one that another row hides would never be seen.
func TestPlatforms_EveryRowIsTold(t *testing.T) {
	judge := newAdvisor(t).Judge
	for _, row := range readTable(t, "platforms.csv") {
		for text := range strings.SplitSeq(row[1], "|") {
			d := deviceOf(t, row, strings.Trim(text, "*"))
			judge(d)
			if !slices.Contains(d.Advice, inventory.Advice{Text: row[6], URL: row[7]}) {
				t.Errorf("%q of %q is not told %q but %q", text, row, row[6], d.Advice)
			}
			if step := inventory.NextStep(row[5]); step != "" && d.NextStep != step {
				t.Errorf("%q of %q: step %s", text, row, d.NextStep)
			}
		}
	}
}

func deviceOf(t *testing.T, row []string, text string) *inventory.Device {
	version := row[2]
	if version == "" && row[3] != "" {
		version = justBelow(row[3])
	}
	d := &inventory.Device{Account: "u1", Readiness: "legacy", Blockers: []string{"tls_version"}, CategorySet: true}
	if row[4] == "login" {
		d.Readiness, d.Blockers, d.AuthMechanism = "ready", []string{"password_login"}, "LOGIN"
	}
	switch row[0] {
	case "client":
		d.ClientID = fmt.Appendf(nil, `{"name":%q,"version":%q}`, text, version)
	case "os":
		d.ClientID = fmt.Appendf(nil, `{"os":%q,"os-version":%q}`, text, version)
	case "snmp":
		d.Description = text
	case "vendor":
		d.Vendor = text
	case "category":
		d.Category = inventory.Category(text)
	case "stack":
		d.Hello = map[string][]byte{
			"openssl 1.0.0": helloOf("t10d360400_f6eb58f1a81a_a875e5012fde"), "java 17": helloOf("t10i220700_8f3dcbce23eb_ddcc4a856434"),
			"openssl 1.0.1": stackHello(t, "OpenSSL 1.0.1"), "openssl 1.0.2": stackHello(t, "OpenSSL 1.0.2"),
			"openssl 1.1.1": stackHello(t, "OpenSSL 1.1.1"), "openssl 3": helloOf("t10i090500_c491f621fb4c_195413a0cc0f"),
			"gnutls 3":      helloOf("t10i080800_051fb07a0855_f8a36b20a605"),
			"go crypto/tls": helloOf("t10i040700_cefcabfea53d_d96c4944524b")}[text]
	}
	return d
}

// stackHello returns the first measured hello of a stack.
func stackHello(t *testing.T, name string) []byte {
	for _, row := range readTable(t, "stacks.csv") {
		if row[0] == name {
			return fmt.Appendf(nil, `{"ja3":%q,"ja4":%q}`, row[3], row[4])
		}
	}
	t.Fatalf("no hello of %s", name)
	return nil
}

// justBelow returns a version below one such as 5 or 10.14.
func justBelow(version string) string {
	i := strings.LastIndexByte(version, '.') + 1
	n, _ := strconv.Atoi(version[i:])
	return version[:i] + strconv.Itoa(n-1)
}

// TestTables_SayTheirSources holds that a fact has a page, or a comment that says where it is from.
func TestTables_SayTheirSources(t *testing.T) {
	for name, column := range map[string]int{"platforms.csv": 6, "sentences.csv": 3} {
		for _, row := range readTable(t, name) {
			text, url, comment := row[column], row[column+1], row[column+2]
			if url == "" && comment == "" || url != "" && !strings.HasPrefix(url, "https://") {
				t.Errorf("%s: %q has the source %q, %q", name, text, url, comment)
			}
			if !strings.HasSuffix(text, ".") || utf8.RuneCountInString(text) > 300 || inventory.Printable(text) != text {
				t.Errorf("%s: %q", name, text)
			}
		}
	}
}

// TestCategories_EverySignIsFound plays a device with each sign alone: what is enough for a guess must give it.
func TestCategories_EverySignIsFound(t *testing.T) {
	judge := newAdvisor(t).Judge
	for _, row := range readTable(t, "categories.csv") {
		if score, _ := strconv.Atoi(row[1]); score < 2 || row[2] == "stack" {
			continue
		}
		for text := range strings.SplitSeq(row[3], "|") {
			d := &inventory.Device{}
			switch word := strings.Trim(text, "*"); row[2] {
			case "vendor":
				d.Vendor = word
			case "name":
				d.Account = word
			case "client":
				d.ClientID = fmt.Appendf(nil, `{"name":%q}`, word)
			case "os":
				d.ClientID = fmt.Appendf(nil, `{"os":%q}`, word)
			case "snmp":
				d.Description = word
			}
			judge(d)
			if string(d.Category) != row[0] {
				t.Errorf("%s %q is %s, want %s: %q", row[2], text, d.Category, row[0], d.Evidence)
			}
		}
	}
}

func TestJudge_AllocatesLittle(t *testing.T) {
	judge := newAdvisor(t).Judge
	d := busyDevice()
	if n := testing.AllocsPerRun(100, func() { judge(d) }); n > 50 {
		t.Errorf("%.0f allocations for a device with a sign in every field", n)
	}
}
