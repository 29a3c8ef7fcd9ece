package policy_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

var noon = time.Date(2027, 1, 11, 12, 0, 0, 0, time.UTC)

func printer() policy.Facts {
	return policy.Facts{Source: netip.MustParseAddr("10.20.40.7"), Listener: "imaps", Protocol: "imap",
		Account: "Scanner1@Plant2.contoso.com", Readiness: "legacy",
		Blockers: []string{"tls_version", "password_login"}}
}

func compile(t testing.TB, rules ...policy.Rule) *policy.Table {
	t.Helper()
	table, err := policy.Compile(rules, "exchange-online", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// leading returns a rule that leads the sessions of m to an upstream.
func leading(m policy.Match, upstream string) policy.Rule {
	return policy.Rule{Match: m, Settings: policy.Settings{Upstream: upstream}}
}

func TestDecide_TakesTheFirstRuleThatSetsTheUpstream(t *testing.T) {
	elsewhere := policy.Match{Listener: []string{"pop3s"}}
	here := policy.Match{Listener: []string{"imaps"}}
	for name, tt := range map[string]struct {
		rules          []policy.Rule
		upstream, rule string
	}{
		"no rules":          {nil, "exchange-online", "default"},
		"none matches":      {[]policy.Rule{leading(elsewhere, "a")}, "exchange-online", "default"},
		"the first":         {[]policy.Rule{leading(here, "a"), leading(here, "b")}, "a", "rules[0]"},
		"one without a key": {[]policy.Rule{leading(elsewhere, "a"), leading(policy.Match{}, "b")}, "b", "rules[1]"},
		"past one that sets nothing": {[]policy.Rule{leading(here, ""), leading(elsewhere, "a"), leading(here, "b")},
			"b", "rules[2]"},
	} {
		want := policy.Decision{Upstream: tt.upstream, Stage: "bridge", Given: "bridge",
			Rules: policy.Rules{"upstream": tt.rule, "stage": "default"}}
		if got := compile(t, tt.rules...).Decide(printer(), noon); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	ready, unknown := printer(), printer()
	ready.Readiness, ready.Blockers = "ready", nil
	unknown.Readiness, unknown.Blockers = "unknown", nil
	readyWithPassword := ready
	readyWithPassword.Blockers = []string{"password_login"}
	mapped, linkLocal, stranger := printer(), printer(), printer()
	mapped.Source = netip.MustParseAddr("::ffff:10.20.40.7")
	linkLocal.Source = netip.MustParseAddr("fe80::1%eth0")
	stranger.Account = ""

	for _, tt := range []struct {
		name  string
		match policy.Match
		facts policy.Facts
		want  bool
	}{
		{"no key", policy.Match{}, printer(), true},
		{"source", policy.Match{Source: prefixes("10.20.40.0/24")}, printer(), true},
		{"source with host bits", policy.Match{Source: prefixes("10.20.40.99/24")}, printer(), true},
		{"one of several sources", policy.Match{Source: prefixes("10.1.0.0/16", "10.20.40.7/32")}, printer(), true},
		{"another source", policy.Match{Source: prefixes("10.20.41.0/24", "::/0")}, printer(), false},
		{"a mapped source", policy.Match{Source: prefixes("10.20.40.0/24")}, mapped, true},
		{"a mapped range", policy.Match{Source: prefixes("::ffff:10.20.40.0/120")}, printer(), true},
		{"a source with zone", policy.Match{Source: prefixes("fe80::/10")}, linkLocal, true},
		{"listener", policy.Match{Listener: []string{"pop3s", "imaps"}}, printer(), true},
		{"another listener", policy.Match{Listener: []string{"IMAPS"}}, printer(), false},
		{"protocol", policy.Match{Protocol: []string{"imap"}}, printer(), true},
		{"another protocol", policy.Match{Protocol: []string{"pop3"}}, printer(), false},
		{"account", policy.Match{Account: []string{"x", "*@PLANT2.contoso.com"}}, printer(), true},
		{"another account", policy.Match{Account: []string{"*@plant3.contoso.com"}}, printer(), false},
		{"any account, of a stranger", policy.Match{Account: []string{"*"}}, stranger, true},
		{"readiness", policy.Match{Readiness: []string{"obsolete", "legacy"}}, printer(), true},
		{"another readiness", policy.Match{Readiness: []string{"ready"}}, printer(), false},
		{"one of its blockers", policy.Match{Blockers: []string{"signature", "password_login"}}, printer(), true},
		{"another blocker", policy.Match{Blockers: []string{"signature", "no_tls"}}, printer(), false},
		{"no blockers", policy.Match{Blockers: []string{}}, ready, true},
		{"no blockers but a password", policy.Match{Blockers: []string{}}, readyWithPassword, false},
		{"no blockers known", policy.Match{Blockers: []string{}}, unknown, false},
		{"no blockers of one that has", policy.Match{Blockers: []string{}}, printer(), false},
		{"all keys", policy.Match{Source: prefixes("10.0.0.0/8"), Protocol: []string{"imap"},
			Account: []string{"scanner*"}, Blockers: []string{"tls_version"}}, printer(), true},
		{"all keys but one", policy.Match{Source: prefixes("10.0.0.0/8"), Protocol: []string{"imap"},
			Account: []string{"fax*"}}, printer(), false},
		{"not", policy.Match{Not: &policy.Match{Protocol: []string{"pop3"}}}, printer(), true},
		{"not what it is", policy.Match{Not: &policy.Match{Protocol: []string{"imap"}}}, printer(), false},
		{"not both", policy.Match{Not: &policy.Match{Protocol: []string{"imap"}, Listener: []string{"x"}}}, printer(), true},
		{"not without blockers", policy.Match{Not: &policy.Match{Blockers: []string{}}}, printer(), true},
		{"not not", policy.Match{Not: &policy.Match{Not: &policy.Match{Protocol: []string{"imap"}}}}, printer(), true},
		{"a key beside not", policy.Match{Protocol: []string{"pop3"},
			Not: &policy.Match{Listener: []string{"x"}}}, printer(), false},
	} {
		got := compile(t, leading(tt.match, "a")).Decide(tt.facts, noon).Upstream == "a"
		if got != tt.want {
			t.Errorf("%s: matches is %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestMatch_AccountGlobs(t *testing.T) {
	for _, tt := range []struct {
		pattern, account string
		want             bool
	}{
		{"scanner1", "SCANNER1", true},
		{"scanner1", "scanner12", false},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"a*", "a", true},
		{"*a", "a", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "abbb", false},
		{"*b*", "abc", true},
		{"*b*c*", "acb", false},
		{"a**c", "abc", true},
		{`contoso\scan*`, `CONTOSO\scanner1`, true},
		{"[a-z]", "b", false},
		{"[a-z]", "[A-Z]", true},
		{"domain/*", "domain/a/b", true},
		{"BÜRO*", "büro-1", true},
		{"b?ro", "büro", true},
		{"b?ro", "bro", false},
		{"?", "", false},
		{"?", "ab", false},
		{"?*", "a", true},
		{"*?", "", false},
		{"*?", "ab", true},
		{"s?an*-?", "scanner-7", true},
		{"s?an*-?", "scanner-77", false},
		{"*a?c*x", "zzabczx", true},
		{"*a?c*x", "zzabzx", false},
		{"*a?c*", "abc", true},
		{"x*?y", "xy", false},
		{"x?*", "ya", false},
		{"?*ab", "zzzab", true},
	} {
		facts := policy.Facts{Account: tt.account}
		match := policy.Match{Account: []string{tt.pattern}}
		got := compile(t, leading(match, "a")).Decide(facts, noon).Upstream == "a"
		if got != tt.want {
			t.Errorf("%q matches %q is %v, want %v", tt.pattern, tt.account, got, tt.want)
		}
	}
}

func TestCompile_NamesEveryFault(t *testing.T) {
	rules := []policy.Rule{
		{Settings: policy.Settings{Upstream: "a"}},
		{Match: policy.Match{Source: []netip.Prefix{}, Listener: []string{}, Account: []string{},
			Protocol: []string{"smtp"}, Readiness: []string{}, Blockers: []string{"none"}}},
		{Match: policy.Match{Not: &policy.Match{}}},
		{Match: policy.Match{Not: &policy.Match{Readiness: []string{"redy"}}}},
		{Match: policy.Match{Source: []netip.Prefix{{}, netip.MustParsePrefix("::ffff:0.0.0.0/90")}}},
	}
	_, err := policy.Compile(rules, "", time.UTC)
	if err == nil {
		t.Fatal("faulty rules were compiled")
	}
	want := []string{
		"upstreams: at least one is needed",
		"rules[1].match.source: the list is empty: name what the rule is for, or leave it out",
		"rules[1].match.listener: the list is empty: name what the rule is for, or leave it out",
		"rules[1].match.account: the list is empty: name what the rule is for, or leave it out",
		`rules[1].match.protocol: "smtp" is none of imap, pop3`,
		"rules[1].match.readiness: the list is empty: name what the rule is for, or leave it out",
		`rules[1].match.blockers: "none" is none of no_tls, no_login, tls_version, key_exchange, signature, password_login, starttls_port`,
		"rules[2].match.not: it has no key, so the rule would match no session: name one, or leave it out",
		`rules[3].match.not.readiness: "redy" is none of ready, legacy, obsolete, unknown`,
		"rules[4].match.source: it holds an entry that is no address or range",
		"rules[4].match.source: ::ffff:0.0.0.0/90 is wider than all of IPv4: write 0.0.0.0/0 or ::/0",
	}
	if got := strings.Split(err.Error(), "\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestFactsOf(t *testing.T) {
	s := &inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.0.0.1")}, Listener: "imap",
		Protocol: "imap", TLSMode: "starttls", Login: inventory.Login{AuthMechanism: "PLAIN"}}
	want := policy.Facts{Source: netip.MustParseAddr("10.0.0.1"), Listener: "imap", Protocol: "imap",
		Account: "Fax", Device: "10.0.0.1/fax", Readiness: "unknown", Blockers: []string{"password_login", "starttls_port"}}
	got := policy.FactsOf(s, "Fax", "", inventory.Plan{})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	match := policy.Match{Blockers: []string{"starttls_port"}}
	if d := compile(t, leading(match, "a")).Decide(got, noon); d.Upstream != "a" {
		t.Errorf("a rule for starttls_port gave %+v", d)
	}
}

// manyRules are rules none of which matches printer, though each looks at it closely.
func manyRules(n int) []policy.Rule {
	rules := make([]policy.Rule, n)
	for i := range rules {
		rules[i] = policy.Rule{Settings: policy.Settings{Upstream: "a"}, Match: policy.Match{
			Source:   prefixes(fmt.Sprintf("10.%d.%d.0/24", 128+i/256, i%256), "192.168.0.0/16", "10.20.0.0/16"),
			Protocol: []string{"pop3", "imap"},
			Account:  []string{fmt.Sprintf("*@plant%d.contoso.com", 1000+i)},
			Blockers: []string{"tls_version"},
		}}
	}
	return rules
}

func TestDecide_DoesNotAllocateForEachRule(t *testing.T) {
	allocations := func(rules int) float64 {
		table, facts := compile(t, manyRules(rules)...), printer()
		return testing.AllocsPerRun(10, func() { table.Decide(facts, noon) })
	}
	if few, many := allocations(1), allocations(1000); many > few {
		t.Errorf("%v allocations for 1,000 rules, %v for one", many, few)
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table, facts := compile(b, manyRules(n)...), printer()
			b.ReportAllocs()
			for b.Loop() {
				if d := table.Decide(facts, noon); d.Upstream != "exchange-online" {
					b.Fatalf("a rule matched: %+v", d)
				}
			}
		})
	}
}
