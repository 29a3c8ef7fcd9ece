package inventory_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"drawbridge/inventory"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"ASCII", `CONTOSO\scanner1 ~!"`, `CONTOSO\scanner1 ~!"`},
		{"letters", "Büro Ōsaka 東京 🖨", "Büro Ōsaka 東京 🖨"},
		{"C0 and DEL", "a\x00b\x1b[31m\t\n\x7f", `a\u0000b\u001b[31m\u0009\u000a\u007f`},
		{"C1", "\u0085\u009b31m", `\u0085\u009b31m`},
		{"bidirectional", "\u202egpj.exe\u2066\u200f", `\u202egpj.exe\u2066\u200f`},
		{"invisible", "a\u200b\u00ad\u2060\ufeff\u034f\u3164\ufe0f\u2800", `a\u200b\u00ad\u2060\ufeff\u034f\u3164\ufe0f\u2800`},
		{"spaces", "a\u00a0b\u2003\u3000", `a\u00a0b\u2003\u3000`},
		{"line separators", "\u2028\u2029", `\u2028\u2029`},
		{"beyond U+FFFF", "\U000e0041\U000f0000", `\U000e0041\U000f0000`},
		{"invalid UTF-8", "a\xffb\xc0\xaf", "a\ufffdb\ufffd\ufffd"},
		{"a surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{"U+FFFD as sent", "\ufffd", "\ufffd"},
		{"late fault", strings.Repeat("é", 100) + "\x1b", strings.Repeat("é", 100) + `\u001b`},
	} {
		if got := inventory.Printable(tt.in); got != tt.want {
			t.Errorf("%s: got %+q, want %+q", tt.name, got, tt.want)
		}
	}
}

func TestPrintable_DoesNotAllocateForCleanStrings(t *testing.T) {
	for _, s := range []string{"scanner1@contoso.com", "Büro 東京"} {
		if n := testing.AllocsPerRun(100, func() { inventory.Printable(s) }); n != 0 {
			t.Errorf("%q: %v allocations, want none", s, n)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b[2J", "\u202e", "\xff\xfe", "é\x00", "\U000e0041", `\u001b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := inventory.Printable(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q: the result is not valid UTF-8: %q", s, got)
		}
		for _, r := range got {
			if unicode.In(r, unicode.C, unicode.Bidi_Control, unicode.Variation_Selector, unicode.Zl, unicode.Zp) {
				t.Fatalf("%q: the result holds %U", s, r)
			}
		}
		if again := inventory.Printable(got); again != got {
			t.Fatalf("%q: the second time gave %q, the first %q", s, again, got)
		}
		if len(got) > 10*len(s) {
			t.Fatalf("%q: the result has %d bytes", s, len(got))
		}
	})
}

func BenchmarkPrintable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		inventory.Printable("scanner1@contoso.com")
	}
}
