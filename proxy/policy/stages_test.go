package policy_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"drawbridge/internal/schedule"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

func windows(t testing.TB, texts ...string) []schedule.Window {
	t.Helper()
	list := make([]schedule.Window, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = schedule.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// berlin compiles rules for Berlin.
func berlin(t testing.TB, rules ...policy.Rule) *policy.Table {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	table, err := policy.Compile(rules, "online", zone)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func giving(s policy.Settings) policy.Rule { return policy.Rule{Settings: s} }

func TestDecide_Stages(t *testing.T) {
	yes, no := true, false
	spring := utc(t, "2027-03-01T00:00:00+01:00")
	for name, tt := range map[string]struct {
		set         inventory.Plan
		rules       []policy.Rule
		at          string
		stage       inventory.Stage
		would       inventory.Stage
		decisive    string
		cutSessions bool
	}{
		"warn": {rules: []policy.Rule{giving(policy.Settings{Stage: "warn"})}, at: "2027-01-11T09:00:00Z", stage: "warn", decisive: "rules[0]"},
		"a brownout in its hours": {rules: []policy.Rule{giving(policy.Settings{Stage: "brownout", Schedule: windows(t, "Mon 10:00-10:30")})},
			at: "2027-01-11T09:00:00Z", stage: "brownout", decisive: "rules[0]"},
		"a brownout out of them": {rules: []policy.Rule{giving(policy.Settings{Stage: "brownout", Schedule: windows(t, "Mon 10:00-10:30")})},
			at: "2027-01-11T10:00:00Z", stage: "bridge", decisive: "rules[0]"},
		"a brownout without hours": {rules: []policy.Rule{giving(policy.Settings{Stage: "brownout"})}, at: "2027-01-11T09:00:00Z",
			stage: "bridge", decisive: "rules[0]"},
		"set for the device": {set: inventory.Plan{Stage: "block"}, rules: []policy.Rule{giving(policy.Settings{Stage: "warn"})},
			at: "2027-01-11T09:00:00Z", stage: "block", decisive: "device"},
		"set, with the hours of a rule": {set: inventory.Plan{Stage: "brownout"},
			rules: []policy.Rule{giving(policy.Settings{Schedule: windows(t, "Mon 10:00-10:30")})}, at: "2027-01-11T09:00:00Z", stage: "brownout",
			decisive: "rules[0]"},
		"a date that has not come": {rules: []policy.Rule{giving(policy.Settings{BlockFrom: policy.BlockFrom{At: spring}})},
			at: "2027-02-28T22:59:59Z", stage: "bridge", decisive: "default"},
		"a date that has come": {rules: []policy.Rule{giving(policy.Settings{BlockFrom: policy.BlockFrom{At: spring}, CutSessions: &yes})},
			at: "2027-02-28T23:00:00Z", stage: "block", decisive: "rules[0]", cutSessions: true},
		"every stage is block then": {set: inventory.Plan{Stage: "bridge"},
			rules: []policy.Rule{giving(policy.Settings{BlockFrom: policy.BlockFrom{At: spring}})}, at: "2027-03-01T09:00:00Z", stage: "block",
			decisive: "rules[0]"},
		"a later date above": {rules: []policy.Rule{giving(policy.Settings{BlockFrom: policy.BlockFrom{At: spring.AddDate(1, 0, 0)}}),
			giving(policy.Settings{BlockFrom: policy.BlockFrom{At: spring}})}, at: "2027-03-01T09:00:00Z", stage: "bridge", decisive: "default"},
		"a deadline alone blocks nothing": {set: inventory.Plan{Deadline: "2027-01-01"}, at: "2027-03-01T09:00:00Z", stage: "bridge",
			decisive: "default"},
		"a deadline that a rule blocks from": {set: inventory.Plan{Deadline: "2027-01-11"},
			rules: []policy.Rule{giving(policy.Settings{BlockFrom: policy.BlockFrom{Deadline: true}})}, at: "2027-01-10T23:00:00Z", stage: "block",
			decisive: "rules[0]"},
		"no deadline": {rules: []policy.Rule{giving(policy.Settings{BlockFrom: policy.BlockFrom{Deadline: true}})}, at: "2027-01-10T23:00:00Z",
			stage: "bridge", decisive: "default"},
		"a dry run": {rules: []policy.Rule{giving(policy.Settings{Stage: "warn", DryRun: &yes})}, at: "2027-01-11T09:00:00Z", stage: "bridge",
			would: "warn", decisive: "rules[0]"},
		"a dry run of what is served anyway": {rules: []policy.Rule{giving(policy.Settings{DryRun: &yes})}, at: "2027-01-11T09:00:00Z",
			stage: "bridge", decisive: "default"},
		"no dry run, above one": {rules: []policy.Rule{giving(policy.Settings{DryRun: &no}), giving(policy.Settings{Stage: "warn", DryRun: &yes})},
			at: "2027-01-11T09:00:00Z", stage: "warn", decisive: "rules[1]"},
	} {
		at := utc(t, tt.at)
		facts := printer()
		facts.Set = tt.set
		d := berlin(t, tt.rules...).Decide(facts, at)
		if d.Stage != tt.stage || d.WouldStage != tt.would || d.Decisive(at) != tt.decisive || d.CutSessions != tt.cutSessions {
			t.Errorf("%s: stage %q, would be %q, by %s, cuts %v", name, d.Stage, d.WouldStage, d.Decisive(at), d.CutSessions)
		}
	}
}

func TestDecide_ARuleHoldsFromUntil(t *testing.T) {
	from, until := utc(t, "2027-01-15T20:00:00+01:00"), utc(t, "2027-01-20T00:00:00+01:00")
	table := berlin(t, policy.Rule{From: from, Until: until, Settings: policy.Settings{Upstream: "a"}})
	for at, want := range map[time.Time]string{from.Add(-1): "online", from: "a", until.Add(-1): "a", until: "online"} {
		if got := table.Decide(printer(), at).Upstream; got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	changes := table.Changes(printer(), from.AddDate(0, 0, -1), until.AddDate(0, 0, 1), 10)
	if len(changes) != 2 || !changes[0].At.Equal(from) || !changes[1].At.Equal(until) || changes[0].Rule() != "rules[0]" ||
		changes[1].Rule() != policy.Default || changes[0].After.Upstream != "a" {
		t.Errorf("changes %+v", changes)
	}
}

// TestPercent_IsStable: who is a canary today is one for ever, and a larger share has the smaller one in it.
func TestPercent_IsStable(t *testing.T) {
	counts := map[int]int{}
	of := func(percent int, device string) bool {
		facts := printer()
		facts.Device = device
		return compile(t, leading(policy.Match{UpstreamPercent: &percent}, "a")).Decide(facts, noon).Upstream == "a"
	}
	shares := []int{0, 1, 10, 50, 100}
	for i := range 3000 {
		device := netip.AddrFrom4([4]byte{10, 20, byte(i >> 8), byte(i)}).String() + "/scanner"
		in := false
		for _, percent := range shares {
			now := of(percent, device)
			if in && !now {
				t.Fatalf("%s is in a smaller share than %d and not in that one", device, percent)
			}
			if in = now; in {
				counts[percent]++
			}
		}
	}
	for percent, least := range map[int]int{0: 0, 1: 15, 10: 240, 50: 1400, 100: 3000} {
		if got := counts[percent]; got < least || got > percent*33+30 {
			t.Errorf("%d %% of 3000 devices are %d", percent, got)
		}
	}
	if !of(68, "10.20.3.8/Scanner1") || of(67, "10.20.3.8/scanner1") {
		t.Error("10.20.3.8/scanner1 is number 67 of 100 no more: every canary there is would change")
	}
}

func TestMatch_LongLists(t *testing.T) {
	var accounts []string
	sources := prefixes("192.168.0.0/16", "2001:db8::/32")
	for i := range 1000 {
		accounts = append(accounts, "Fax"+string(rune('a'+i%26))+"-"+netip.AddrFrom4([4]byte{0, 0, byte(i >> 8), byte(i)}).String())
		sources = append(sources, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 32))
	}
	accounts = append(accounts, "scan*")
	table := compile(t, leading(policy.Match{Account: accounts, Source: sources}, "a"))
	for _, tt := range []struct {
		account, source string
		want            bool
	}{
		{"FAXB-0.0.0.1", "10.1.0.9", true}, {"faxc-0.0.0.1", "10.1.0.9", false}, {"scanner9", "192.168.7.7", true},
		{"scanner9", "10.2.0.1", false}, {"scanner9", "2001:db8::1", true}, {"scanner9", "2001:db9::1", false},
	} {
		got := table.Decide(policy.Facts{Account: tt.account, Source: netip.MustParseAddr(tt.source)}, noon).Upstream == "a"
		if got != tt.want {
			t.Errorf("%s from %s: %v", tt.account, tt.source, got)
		}
	}
}

func TestMatch_ADeviceByEitherName(t *testing.T) {
	facts := printer()
	facts.Account, facts.Listed, facts.Device, facts.MAC = `contoso\scanner1`, "scanner1", "10.20.40.7/scanner1", "00:1B:A9:01:02:03"
	for name, m := range map[string]policy.Match{"typed": {Account: []string{`CONTOSO\*`}}, "listed": {Account: []string{"scanner1"}},
		"device": {Device: []string{"10.20.40.7/Scanner1"}}, "glob": {Device: []string{"10.20.40.*"}}, "MAC": {MAC: []string{"00:1b:a9:01:02:03"}}} {
		if compile(t, leading(m, "a")).Decide(facts, noon).Upstream != "a" {
			t.Errorf("%s does not match", name)
		}
	}
	if compile(t, leading(policy.Match{MAC: []string{"00:1b:a9:01:02:04"}}, "a")).Decide(facts, noon).Upstream == "a" {
		t.Error("another MAC matches")
	}
}

// randomRule gives something to some sessions.
func randomRule(t testing.TB, r *rand.Rand) policy.Rule {
	pick := func(n int) bool { return r.IntN(n) == 0 }
	var rule policy.Rule
	if pick(2) {
		rule.Match.Listener = []string{[]string{"imaps", "pop3s"}[r.IntN(2)]}
	}
	if pick(2) {
		rule.Match.Account = []string{[]string{"scanner1@*", "fax*"}[r.IntN(2)]}
	}
	if pick(3) {
		rule.Match.Not = &policy.Match{Protocol: []string{[]string{"imap", "pop3"}[r.IntN(2)]}}
	}
	if pick(3) {
		rule.From = noon.Add(time.Duration(r.IntN(200)-100) * time.Hour)
	}
	if pick(3) {
		rule.Until = noon.Add(time.Duration(r.IntN(400)-100) * time.Hour)
	}
	if pick(2) {
		rule.Upstream = []string{"a", "b", "c"}[r.IntN(3)]
	}
	if pick(2) {
		rule.Stage = inventory.Stages()[r.IntN(4)]
	}
	if pick(3) {
		rule.Schedule = windows(t, []string{"Mon-Fri 11:00-13:00", "Sat 0:00-24:00"}[r.IntN(2)])
	}
	if pick(4) {
		rule.BlockFrom.At = noon.Add(time.Duration(r.IntN(600)-100) * time.Hour)
	}
	if pick(4) {
		dry := pick(2)
		rule.DryRun = &dry
	}
	return rule
}

// TestDecide_WhatStandsBehindNeverMatters: behind the last rule that decides something the order is anybody's, and what decides
// nothing may go. The decision of a time is found again by the changes that lead to it.
func TestDecide_WhatStandsBehindNeverMatters(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	for range 500 {
		rules := make([]policy.Rule, 12)
		for i := range rules {
			rules[i] = randomRule(t, r)
		}
		d, verdicts := compile(t, rules...).Explain(printer(), noon)
		last := -1
		for i, v := range verdicts {
			if len(v.Decides) > 0 {
				last = i
				if !v.Matches {
					t.Fatalf("%s decides and does not match: %s", v.Rule, v.Why)
				}
			}
		}
		// Behind it stand only rules that give nothing new: shuffled, they still do not.
		behind := slices.Clone(rules)
		r.Shuffle(len(behind)-last-1, func(i, j int) { behind[last+1+i], behind[last+1+j] = behind[last+1+j], behind[last+1+i] })
		if got := compile(t, behind...).Decide(printer(), noon); !reflect.DeepEqual(got, d) {
			t.Fatalf("shuffled behind rules[%d]: got %+v, want %+v", last, got, d)
		}
		if got := compile(t, rules[:last+1]...).Decide(printer(), noon); !reflect.DeepEqual(got, d) {
			t.Fatalf("without what stands behind rules[%d]: got %+v, want %+v", last, got, d)
		}
		follow(t, compile(t, rules...))
	}
}

// follow goes through the changes of ten days and asks for the decision every hour: it is the one that the last change led to.
func follow(t *testing.T, table *policy.Table) {
	t.Helper()
	end := noon.AddDate(0, 0, 10)
	changes := table.Changes(printer(), noon, end, 1000)
	now := table.Decide(printer(), noon)
	for at := noon; at.Before(end); at = at.Add(time.Hour) {
		for len(changes) > 0 && !changes[0].At.After(at) {
			now, changes = changes[0].After, changes[1:]
		}
		if d := table.Decide(printer(), at); d.Stage != now.Stage || d.Upstream != now.Upstream || d.WouldStage != now.WouldStage {
			t.Fatalf("at %s: %+v, and the changes lead to %+v", at, d, now)
		}
	}
}
