package decider_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
	"drawbridge/proxy/guard"
)

// cutting is a configuration where some are blocked in each way there is, with cut_sessions and without.
const cutting = `timezone: Europe/Berlin
upstreams: {on-prem: {imap: mail.contoso.test:993, pop3: mail.contoso.test:995, auth: passthrough}}
rules:
  - match: {account: "*-kept"}                   # rules[0]
    cut_sessions: false
  - match: {account: "*-tried"}                  # rules[1]
    dry_run: true
  - match: {account: ["*-cut", "*-kept", "*-tried"]} # rules[2]
    cut_sessions: true
  - match: {account: "rule*"}                    # rules[3]
    from: 2027-02-01
    stage: block
  - match: {account: "date*"}                    # rules[4]
    block_from: 2027-02-01
  - match: {account: "plan*"}                    # rules[5]
    block_from: deadline
  - match: {account: "warn*"}                    # rules[6]
    stage: warn
  - match: {account: "brown*"}                   # rules[7]
    stage: brownout
    schedule: "0:00-24:00"
`

// cutter is the Decider of a configuration that asks nobody for a password; plans are set for the devices of 10.20.3.7.
func cutter(t *testing.T, text string, plans map[string]inventory.Plan) *decider.Decider {
	t.Helper()
	cfg, err := config.Parse("drawbridge.yaml", []byte(text), config.Environment{})
	must(t, err)
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
	must(t, err)
	t.Cleanup(func() { services.Retire(nil) })
	verified, err := guard.OpenVerified("")
	must(t, err)
	d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: noBook(t), Verified: verified,
		Failures: guard.NewFailures(guard.FailureOptions{Verified: verified}), Plans: func(source string) map[string]inventory.Plan {
			return map[string]map[string]inventory.Plan{"10.20.3.7": plans}[source]
		}})
	must(t, err)
	return d
}

// running is a session of an account whose relay goes on.
func running(account string) *inventory.Session {
	s := &inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.20.3.7")}, Listener: "imaps", Protocol: "imap"}
	s.ClaimedAccount, s.AuthMechanism = account, "LOGIN"
	return s
}

// TestCuts_OnlyBlockedDevicesWhoseRuleHasIt, from the moment on at which they are blocked.
func TestCuts_OnlyBlockedDevicesWhoseRuleHasIt(t *testing.T) {
	t.Parallel()
	const set, planned = "the device was set to stage block", "blocked since 2027-02-01 00:00 (block_from of rules[5])"
	d := cutter(t, cutting, map[string]inventory.Plan{"plan-cut": {Deadline: "2027-02-01"}, "plan-kept": {Deadline: "2027-02-01"},
		"set-cut": {Stage: block}, "set": {Stage: block}, "set-kept": {Stage: block}, "set-tried": {Stage: block},
		"rule9-cut": {Stage: inventory.StageBridge}, "late-cut": {Deadline: "2027-02-01"}})
	begin := time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC) // midnight in Berlin
	for account, want := range map[string]struct{ before, after string }{
		"rule-cut":   {"", "rules[3] has stage block"},
		"Rule-Cut":   {"", "rules[3] has stage block"},
		"date-cut":   {"", "blocked since 2027-02-01 00:00 (block_from of rules[4])"},
		"plan-cut":   {"", planned},
		"set-cut":    {set, set},
		"set-cut@x":  {"", ""}, // the rule with cut_sessions is not for this name
		"rule":       {"", ""},
		"date":       {"", ""},
		"set":        {"", ""},
		"rule-kept":  {"", ""},
		"date-kept":  {"", ""},
		"plan-kept":  {"", ""},
		"set-kept":   {"", ""},
		"rule-tried": {"", ""},
		"date-tried": {"", ""},
		"set-tried":  {"", ""},
		"warn-cut":   {"", ""},
		"brown-cut":  {"", ""}, // a brownout ends by itself
		"other-cut":  {"", ""},
		"plan9-cut":  {"", ""}, // no date is planned
		"late-cut":   {"", ""}, // no rule says that its date blocks
		"rule9-cut":  {"", ""}, // set to bridge
	} {
		for at, why := range map[time.Time]string{begin.Add(-time.Nanosecond): want.before, begin: want.after,
			begin.AddDate(0, 6, 0): want.after} {
			got, cut := d.Cuts(at, running(account))
			if cut != (why != "") || cut != (got != "") || !strings.Contains(got, why) {
				t.Errorf("%s at %s: cut %v, %q; want %q", account, at, cut, got, why)
			}
			if cut && !strings.HasPrefix(got, "the session was ended since rules[2] has cut_sessions: ") {
				t.Errorf("%s at %s: %q does not begin with the rule that has cut_sessions", account, at, got)
			}
		}
	}
}

// TestCuts_NobodyWithoutARuleThatHasIt, however blocked.
func TestCuts_NobodyWithoutARuleThatHasIt(t *testing.T) {
	t.Parallel()
	none := strings.ReplaceAll(cutting, "cut_sessions: true", "cut_sessions: false")
	d := cutter(t, none, map[string]inventory.Plan{"set-cut": {Stage: block}})
	for _, account := range []string{"rule-cut", "date-cut", "set-cut"} {
		if why, cut := d.Cuts(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), running(account)); cut {
			t.Errorf("%s is cut: %s", account, why)
		}
	}
}

// TestDecide_WhatIsSetTwiceIsOneDecision: a device that people set something for under each of its own names has one stage at all times,
// the stricter one.
func TestDecide_WhatIsSetTwiceIsOneDecision(t *testing.T) {
	t.Parallel()
	known := decider.Known{Listed: scannerByTwoNames, Plans: func(string) map[string]inventory.Plan {
		return map[string]inventory.Plan{"scanner1": {Stage: warn}, `contoso\scanner1`: {Stage: block}, "scanner1@x": {Stage: block},
			"scanner1@y": {Stage: block}}
	}}
	for range 100 { // the order of a map is another one each time
		if f, of := known.Facts(running("x"), `CONTOSO\scanner1`); f.Set.Stage != block || of != "" {
			t.Fatalf("by its alias: stage %s, set for %q", f.Set.Stage, of)
		}
		if f, of := known.Facts(running("x"), "scanner1@z"); f.Set.Stage != block || of != `10.20.3.7/contoso\scanner1` {
			t.Fatalf("by another spelling: stage %s, set for %q", f.Set.Stage, of)
		}
	}
}

// scannerByTwoNames has the account scanner1 with an alias.
func scannerByTwoNames(login string) (accounts.Claim, bool) {
	return accounts.Claim{Account: "scanner1"}, strings.EqualFold(login, `CONTOSO\scanner1`)
}

// noBook is one without accounts.
func noBook(t *testing.T) *accounts.Book {
	t.Helper()
	book, err := accounts.NewBook(nil, accounts.Options{})
	must(t, err)
	return book
}
