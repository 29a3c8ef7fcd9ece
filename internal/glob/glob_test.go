package glob_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"drawbridge/internal/glob"
)

func TestPattern_Matches(t *testing.T) {
	tests := []struct {
		pattern, name string
		want, stars   bool // stars: where ? is a character like others
	}{
		{"", "", true, true},
		{"", "a", false, false},
		{"*", "", true, true},
		{"*", "anything", true, true},
		{"Scanner*@CONTOSO.com", "scanner-7@Contoso.com", true, true},
		{"scanner*@contoso.com", "scanner-7@contoso.com.evil.example", false, false},
		{"a*a", "a", false, false},
		{"a*b*c", "aXbXbc", true, true},
		{"ab*bc", "abc", false, false},
		{`contoso\*`, `CONTOSO\fax`, true, true},
		{"[ab]", "a", false, false},
		{"fax?", "fax1", true, false},
		{"fax?", "fax", false, false},
		{"fax?", "fax?", true, true},
		{"f?x*", "f?x1", true, true},
		{"*?é", "xÉé", true, false},
		{"?*?", "a", false, false},
		{"a*?b*c", "a1b2c", true, false},
		{"Straße", "STRASSE", false, false},
	}
	for _, tt := range tests {
		p, stars, folded := glob.Compile(tt.pattern), glob.CompileStars(tt.pattern), glob.Fold(tt.name)
		if got := p.Matches(folded); got != tt.want {
			t.Errorf("Compile: %q matches %q is %v", tt.pattern, tt.name, got)
		}
		if got := stars.Matches(folded); got != tt.stars {
			t.Errorf("CompileStars: %q matches %q is %v", tt.pattern, tt.name, got)
		}
	}
}

// FuzzPattern compares patterns with the regular expressions that mean the same.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{
		{"a*b?c*d", "axxbyczzd"}, {"*", ""}, {"**?", "x"}, {`contoso\*`, `CONTOSO\fax`}, {"?é*", "xÉy"}, {"a*a", "a"},
		{"*@contoso.com", "fax1@contoso.com"}, {"a*b*c", "aXbXbc"}, {"?*?", "ab"}, {"**", ""}, {"", "a"}, {"A?", "aé"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			return
		}
		p, stars := glob.Compile(pattern), glob.CompileStars(pattern)
		compare(t, p, pattern, name, strings.NewReplacer(`\*`, `.*`, `\?`, `.`))
		compare(t, stars, pattern, name, strings.NewReplacer(`\*`, `.*`))
	})
}

func compare(t *testing.T, p glob.Pattern, pattern, name string, wild *strings.Replacer) {
	t.Helper()
	expression := wild.Replace(regexp.QuoteMeta(strings.ToLower(pattern)))
	want := regexp.MustCompile(`(?s)\A(?:` + expression + `)\z`).MatchString(strings.ToLower(name))
	if got := p.Matches(glob.Fold(name)); got != want {
		t.Errorf("%q matches %q is %v, the regular expression says %v", pattern, name, got, want)
	}
}
