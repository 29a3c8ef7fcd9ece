package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"drawbridge/config"
)

// utf16LE is a text as Notepad and PowerShell save it.
func utf16LE(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return b.String()
}

func TestParse_ListsOfFiles(t *testing.T) {
	folder := t.TempDir()
	for name, test := range map[string]struct {
		saved string
		want  []string
	}{
		"plain":                {"a\nb\n", []string{"a", "b"}},
		"no last line end":     {"a\nb", []string{"a", "b"}},
		"Windows":              {"\ufeffa\r\nb\r\n\r\n", []string{"a", "b"}},
		"UTF-16":               {utf16LE("a\r\nb ü\r\n"), []string{"a", "b ü"}},
		"comments":             {"# a\n a # b\n\t#c\nb\t# d # e\n#\n", []string{"a", "b"}},
		"# in a name":          {"a#1\nb##\n", []string{"a#1", "b##"}},
		"blanks":               {"  a  \n\t\n\n  \nb\t\n", []string{"a", "b"}},
		"patterns and blanks":  {"*@contoso.com\nCONTOSO\\scan ner\n", []string{"*@contoso.com", `CONTOSO\scan ner`}},
		"twice the same":       {"a\na\n", []string{"a", "a"}},
		"what YAML would read": {"'a'\n- b\n", []string{"'a'", "- b"}},
	} {
		write(t, filepath.Join(folder, "list.txt"), []byte(test.saved), 0o600)
		c, err := in(folder, "rules: [{match: {account: {file: list.txt}}, upstream: exchange-online}]")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		equal(t, name, c.Rules[0].Match.Account, test.want)
	}
}

func TestParse_FaultsOfListsInFiles(t *testing.T) {
	folder := t.TempDir()
	for _, test := range []struct{ name, key, saved, says string }{
		{"a slip", "source", "10.0.0.1\n\n10.0.0.256\n", `line 3 of ` + filepath.Join(folder, "list.txt") + `: "10.0.0.256" is neither`},
		{"the second line of Windows", "mac", "\ufeff00:00:5e:00:53:01\r\nx\r\n", `line 2 of`},
		{"a comment without a blank", "source", "10.0.0.1#x\n", `"10.0.0.1#x" is neither an address nor a range`},
		{"empty", "device", "", "holds no id or pattern; write one id or pattern on each line"},
		{"a mark alone", "account", "\ufeff", "holds no name or pattern"},
		{"comments alone", "source", "# x\n", "holds no address or range"},
		{"control characters", "account", "a\x00b\n", `line 1 of ` + filepath.Join(folder, "list.txt") + `: "a\x00b" is no pattern`},
		{"a long line", "account", strings.Repeat("a", 100_000), "is no pattern"},
	} {
		write(t, filepath.Join(folder, "list.txt"), []byte(test.saved), 0o600)
		_, err := in(folder, "rules: [{match: {"+test.key+": {file: list.txt}}, upstream: exchange-online}]")
		if err == nil || !strings.Contains(err.Error(), "rules[0].match."+test.key+".file: ") || !strings.Contains(err.Error(), test.says) ||
			len(err.Error()) > 500 {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
	for _, key := range []string{"listener", "protocol", "readiness", "blockers"} {
		if _, err := in(folder, "rules: [{match: {"+key+": {file: list.txt}}, upstream: exchange-online}]"); err == nil {
			t.Errorf("%s was read of a file", key)
		}
	}
}

func TestParse_ListsOfFilesAreBounded(t *testing.T) {
	folder := t.TempDir()
	list := filepath.Join(folder, "list.txt")
	rule := "  - {match: {source: {file: list.txt}}, stage: bridge}\n"
	says := func(rules int) string {
		_, err := in(folder, "rules:\n"+strings.Repeat(rule, rules))
		if err == nil {
			return ""
		}
		return err.Error()
	}
	write(t, list, []byte(strings.Repeat("::1\n", 100_000)), 0o600)
	equal(t, "at both bounds", says(10), "")
	if got := says(11); !strings.Contains(got, "rules[10].match.source.file: "+list+" is too much: all files") {
		t.Errorf("beyond all lines: %s", got)
	}
	write(t, list, []byte(strings.Repeat("::1\n", 100_000)+"# one more\n"), 0o600)
	if got := says(1); !strings.Contains(got, "has more than 100000 lines; split it") || strings.Count(got, "\n") > 0 {
		t.Errorf("beyond the lines of a file: %s", got)
	}
	write(t, list, []byte(strings.Repeat(" ", 16<<20)+"::1"), 0o600)
	if got := says(1); !strings.Contains(got, "larger than") {
		t.Errorf("beyond its bytes: %s", got)
	}
}

func FuzzList(f *testing.F) {
	f.Add([]byte("\ufeff# a\r\na # b\r\n*@contoso.com\n"))
	f.Add([]byte("10.20.3.0/24\n10.20.3.7 # the plotter\n"))
	f.Add([]byte("00-00-5E-00-53-01\n0000.5e00.5302\n00005e005303\n"))
	f.Add([]byte("10.20.3.7/scanner1\n10.20.*/*\n"))
	f.Add([]byte(utf16LE("a\r\n")))
	f.Add([]byte("\xff\xfea"))
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(folder, "list.txt"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"source", "mac", "account", "device"} {
			c, err := in(folder, "rules: [{match: {"+key+": {file: list.txt}}, stage: bridge}]")
			if err != nil {
				continue
			}
			m := c.Rules[0].Match
			if len(m.Source)+len(m.MAC)+len(m.Account)+len(m.Device) == 0 {
				t.Fatalf("%s: taken with nothing in it", key)
			}
			for _, mac := range m.MAC {
				if again, _ := config.MACAddress(mac); again != mac {
					t.Fatalf("%q reads %q", mac, again)
				}
			}
		}
	})
}
