package enrich_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"drawbridge/internal/enrich"
)

func TestCleanText_IsOneShortPrintableLine(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"", ""},
		{"HP ETHERNET MULTI-ENVIRONMENT", "HP ETHERNET MULTI-ENVIRONMENT"},
		{"  two\r\n\tlines  ", "two lines"},
		{"\x1b[2J\x1b[31mred\x07", "[2J [31mred"},
		{"nul\x00 inside\x00", "nul inside"},
		{"\xff\xfebytes\xc3", "bytes"},
		{"right \u202eto left\u200b", "right to left"},
		{"Zürich 打印机", "Zürich 打印机"},
		{"<b>=1+1</b>", "<b>=1+1</b>"},
		{strings.Repeat("é", 300), strings.Repeat("é", 256)},
		{strings.Repeat("x", 255) + " y", strings.Repeat("x", 255)},
		{strings.Repeat("\n", 60000), ""},
	} {
		if got := enrich.CleanText(c.said, enrich.MaxSaid); got != c.want {
			t.Errorf("%.40q: %q, want %q", c.said, got, c.want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a \x1b[31m b\xff", 3)
	f.Add(strings.Repeat("ab ", 200), 256)
	f.Fuzz(func(t *testing.T, said string, most int) {
		most = max(0, min(most, 1000))
		got := enrich.CleanText(said, most)
		if n := utf8.RuneCountInString(got); n > most {
			t.Fatalf("%d characters, %d at most", n, most)
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("not printable: %q", got)
		}
		if got != strings.Join(strings.Fields(got), " ") {
			t.Fatalf("spaces: %q", got)
		}
		if again := enrich.CleanText(got, most); again != got {
			t.Fatalf("cleaned twice it is %q, once %q", again, got)
		}
	})
}
