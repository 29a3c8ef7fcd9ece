package policy_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"drawbridge/proxy/policy"
)

// FuzzAccountGlob compares globs with the regular expressions that mean the same.
func FuzzAccountGlob(f *testing.F) {
	for _, s := range [][2]string{
		{"a*b?c*d", "axxbyczzd"}, {"*", ""}, {"**?", "x"}, {`contoso\*`, `CONTOSO\fax`}, {"?é*", "xÉy"}, {"a*a", "a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, account string) {
		if len(pattern) > 200 || !utf8.ValidString(pattern) || !utf8.ValidString(account) {
			return
		}
		expression := regexp.QuoteMeta(strings.ToLower(pattern))
		expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expression)
		want := regexp.MustCompile(`(?s)\A` + expression + `\z`).MatchString(strings.ToLower(account))
		match := policy.Match{Account: []string{pattern}}
		table := compile(t, policy.Rule{Match: match, Upstream: "a"})
		got := table.Decide(policy.Facts{Account: account}).Upstream == "a"
		if got != want {
			t.Errorf("%q matches %q is %v, the regular expression says %v", pattern, account, got, want)
		}
	})
}
