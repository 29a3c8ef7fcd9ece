package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/schedule"
)

func windows(t *testing.T, texts ...string) []schedule.Window {
	t.Helper()
	all := make([]schedule.Window, len(texts))
	for i, text := range texts {
		w, err := schedule.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = w
	}
	return all
}

// TestParse_RulesOfTheContract reads the rules that the contract shows, and the keys that it only names.
func TestParse_RulesOfTheContract(t *testing.T) {
	c, err := config.Parse("testdata/good-rules.yaml", read(t, "testdata/good-rules.yaml"), machine)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "warnings", c.Warnings, []string(nil))
	berlin, none := zone(t, "Europe/Berlin"), []string{}
	wave := []string{"scanner1", "scanner2@contoso.com", "*@plant3.contoso.com"}
	sources := prefixes("10.20.5.0/24", "10.20.6.7/32")
	macs := []string{"00:00:5e:00:53:02", "00:00:5e:00:53:03", "00:00:5e:00:53:04"}
	devices := []string{"10.20.3.7/scanner1", "10.20.8.*/*", "00:00:5e:00:53:05/fax1@contoso.com"}
	want := []config.Rule{
		{Match: config.Match{Account: []string{"*@plant2.contoso.com"}}, Upstream: "on-prem"},
		{Match: config.Match{Source: prefixes("10.20.40.0/24"), Protocol: []string{"pop3"}}, Stage: "brownout",
			Schedule:  windows(t, "Mon-Fri 10:00-10:30"),
			BlockFrom: config.BlockFrom{At: time.Date(2027, 3, 1, 0, 0, 0, 0, berlin)}},
		{Match: config.Match{Account: wave}, From: time.Date(2027, 1, 15, 20, 0, 0, 0, berlin), Upstream: "exchange-online"},
		{Match: config.Match{Blockers: &none}, Stage: "warn", Message: "This device can use outlook.office365.com directly."},
		{Match: config.Match{Source: sources, MAC: macs, Device: devices, UpstreamPercent: new(0),
			Not: &config.Match{Source: sources, MAC: macs, Device: devices, Account: wave, UpstreamPercent: new(100)}},
			Until: time.Date(2027, 6, 1, 2, 0, 0, 0, berlin), Mailbox: "fax@contoso.com", Schedule: windows(t, "22:00-02:00"),
			BlockFrom: config.BlockFrom{Deadline: true}, DryRun: new(false), CutSessions: new(true)},
		{Match: config.Match{MAC: []string{"00:00:5e:00:53:01"}, Device: []string{"10.20.3.*/*"}, Blockers: &[]string{"no_login"},
			Not: &config.Match{MAC: []string{"00:00:5e:00:53:02"}, Device: []string{"*/fax?"}, Readiness: []string{"ready"}}},
			Stage: "block", DryRun: new(true), CutSessions: new(false)},
		{Upstream: "exchange-online", Stage: "bridge"},
	}
	for i := range want {
		want[i].Index = i
		equal(t, "rule", c.Rules[i], want[i])
	}
	equal(t, "rules", len(c.Rules), len(want))
}

// TestParse_RulesAreThoseOfTheContract holds the file against the reading above: it is the contract's own text.
func TestParse_RulesAreThoseOfTheContract(t *testing.T) {
	_, rules, _ := strings.Cut(string(read(t, "testdata/bad-contract.yaml")), "\nrules:")
	rules, _, _ = strings.Cut(rules, "  - upstream: exchange-online")
	if good := string(read(t, "testdata/good-rules.yaml")); !strings.Contains(good, rules) || strings.Count(rules, "- match") != 4 {
		t.Errorf("good-rules.yaml has not the rules of bad-contract.yaml:\n%s", rules)
	}
}

func TestParse_MACAddresses(t *testing.T) {
	for _, text := range []string{"00:00:5e:00:53:af", "00-00-5E-00-53-AF", "0000.5e00.53AF", "00005E0053AF", "00:00:5E:00:53:af"} {
		c := parse(t, "rules: [{match: {mac: '"+text+"'}, stage: bridge}]")
		equal(t, text, c.Rules[0].Match.MAC, []string{"00:00:5e:00:53:af"})
	}
	// Of digits alone, and so a number for YAML 1.1.
	equal(t, "digits", parse(t, "rules: [{match: {mac: [11:22:33:44:55:59, 112233445566]}, stage: bridge}]").Rules[0].Match.MAC,
		[]string{"11:22:33:44:55:59", "11:22:33:44:55:66"})
	for _, text := range []string{"''", "0:0:5e:0:53:af", "00:00:5e:00:53", "00-00:5e-00-53-af", "00:00:5e:*", "00005e0053ag", "ääääää",
		"00:00:5e:00:53:01:02:03"} {
		fault := refused(t, "rules: [{match: {mac: "+text+"}, stage: bridge}]")
		if fault.Key != "rules[0].match.mac" || !strings.Contains(fault.Mend, "00:00:5e:00:53:01") {
			t.Errorf("%s: %s", text, fault)
		}
	}
}

func TestParse_Percent(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "7": 7, "100": 100} {
		c := parse(t, "rules: [{match: {upstream_percent: "+text+"}, upstream: exchange-online}]")
		equal(t, text, c.Rules[0].Match.UpstreamPercent, &want)
	}
	for _, text := range []string{"101", "-1", "+5", "1.5", "10%", "256", "''", "1e1"} {
		fault := refused(t, "rules: [{match: {upstream_percent: "+text+"}, upstream: exchange-online}]")
		equal(t, text, fault.Key, "rules[0].match.upstream_percent")
	}
}

func TestParse_BlockFrom(t *testing.T) {
	for text, want := range map[string]string{
		"2027-03-01": "2027-03-01T00:00:00+01:00", "2027-07-01T08:30": "2027-07-01T08:30:00+02:00", "deadline": "deadline",
		"2027-03-01T08:00:00Z": "2027-03-01T09:00:00+01:00",
	} {
		equal(t, text, parse(t, "rules: [{block_from: "+text+"}]").Rules[0].BlockFrom.String(), want)
	}
	equal(t, "none", parse(t, "rules: [{stage: bridge}]").Rules[0].BlockFrom, config.BlockFrom{})
	equal(t, "none, as text", config.BlockFrom{}.String(), "")
}

func TestParse_ScheduleIsBounded(t *testing.T) {
	text := func(n int) string {
		return "rules: [{schedule: [" + strings.Repeat("'1:00-2:00',", n) + "]}]"
	}
	equal(t, "at the bound", len(parse(t, text(256)).Rules[0].Schedule), 256)
	equal(t, "beyond", refused(t, text(257)).Mend, "write at most 256")
	long := refused(t, "rules: [{schedule: "+strings.Repeat("x", 100_000)+"}]")
	if len(long.String()) > 500 {
		t.Errorf("a fault of %d bytes", len(long.String()))
	}
}

// TestParse_BrownoutWithoutSchedule has rules in which a brownout can reach a schedule, and such in which it cannot.
func TestParse_BrownoutWithoutSchedule(t *testing.T) {
	const hours = ", schedule: '10:00-11:00'"
	for rules, never := range map[string]bool{
		"[{stage: brownout}]":                                                                           true,
		"[{stage: brownout" + hours + "}]":                                                              false,
		"[{stage: brownout}, {match: {source: 10.0.0.1}" + hours + "}]":                                 false,
		"[{match: {protocol: pop3}, stage: brownout}, {match: {protocol: imap}" + hours + "}]":          true,
		"[{match: {protocol: [imap, pop3]}, stage: brownout}, {match: {protocol: imap}" + hours + "}]":  false,
		"[{match: {listener: imaps}, stage: brownout}, {match: {listener: [imap, pop3]}" + hours + "}]": true,
		"[{match: {readiness: legacy}, stage: brownout}, {match: {readiness: ready}" + hours + "}]":     true,
		"[{until: 2027-02-01, stage: brownout}, {from: 2027-02-01" + hours + "}]":                       true,
		"[{until: 2027-02-01, stage: brownout}, {from: 2027-01-31" + hours + "}]":                       false,
		"[{from: 2027-02-01, stage: brownout}, {until: 2027-02-01" + hours + "}]":                       true,
		"[{stage: warn}, {stage: block}]":                                                               false,
	} {
		c := parse(t, "rules: "+rules)
		if got := strings.Contains(strings.Join(c.Warnings, "\n"), "refuses never"); got != never {
			t.Errorf("%s: warned %t: %q", rules, got, c.Warnings)
		}
	}
}

// TestParse_DatesThatHavePassed holds them against a clock to the second; without a clock nothing is warned of.
func TestParse_DatesThatHavePassed(t *testing.T) {
	for _, test := range []struct{ rule, at, says string }{
		{"until: 2027-01-15T20:00", "2027-01-15T18:59:59Z", ""},
		{"until: 2027-01-15T20:00", "2027-01-15T19:00:00Z", "rules[0].until: the rule holds no more, since 2027-01-15T20:00:00+01:00"},
		{"block_from: 2027-01-15T20:00", "2027-01-15T18:59:59Z", ""},
		{"block_from: 2027-01-15T20:00", "2027-01-15T19:00:00Z", "rules[0].block_from: every stage is block by this rule, since"},
		{"block_from: deadline", "2027-01-15T19:00:00Z", ""},
		{"from: 2020-01-01", "2027-01-15T19:00:00Z", ""},
		{"until: 2020-01-01, block_from: 2020-01-01", "2027-01-15T19:00:00Z", "rules[0].until"},
	} {
		env := machine
		env.Now = instant(t, test.at)
		for _, env := range []config.Environment{env, {Timezone: env.Timezone}} {
			c, err := config.Parse("drawbridge.yaml", []byte("rules: [{stage: bridge, "+test.rule+"}]"), env)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(c.Warnings, "\n")
			warned := test.says != "" && !env.Now.IsZero()
			if strings.Contains(got, "\n") || warned != (got != "") || warned && !strings.Contains(got, test.says) {
				t.Errorf("%s at %s: %q, want %q", test.rule, env.Now, got, test.says)
			}
		}
	}
}

func TestParse_MailboxWhereThereIsNone(t *testing.T) {
	text := "upstreams:\n" + oauth2("modern", "client_secret: hunter2") +
		"  old: {imap: 'a.local:993', pop3: 'a.local:995', auth: passthrough}\nrules: "
	for rules, warned := range map[string]bool{
		"[{mailbox: a@contoso.com, upstream: old}]":    true,
		"[{mailbox: a@contoso.com, upstream: modern}]": false,
		"[{mailbox: a@contoso.com}, {upstream: old}]":  false,
	} {
		c := parse(t, text+rules)
		const says = "rules[0].mailbox: the upstream old has auth: passthrough"
		if got := strings.Contains(strings.Join(c.Warnings, "\n"), says); got != warned {
			t.Errorf("%s: warned %t: %q", rules, got, c.Warnings)
		}
	}
}

// TestParse_TenThousandRulesWithFiles reads what is at the bounds in a time that a person waits.
func TestParse_TenThousandRulesWithFiles(t *testing.T) {
	var rules, names strings.Builder
	for range 5_000 {
		rules.WriteString("  - {match: {protocol: imap}, stage: brownout}\n  - {match: {protocol: pop3}, schedule: '1:00-2:00'}\n")
	}
	names.WriteString("Scanner@contoso.com\n")
	for i := range 99_999 {
		fmt.Fprintf(&names, "printer%d@contoso.com\n", i)
	}
	folder := t.TempDir()
	write(t, folder+string(os.PathSeparator)+"names.txt", []byte(names.String()), 0o600)
	began := time.Now()
	c, err := in(folder, "rules:\n"+rules.String())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "warnings, of which a thousand are kept", len(c.Warnings), 1000)
	c, err = in(folder, "rules:\n"+strings.Repeat("  - {match: {account: {file: names.txt}}, stage: bridge}\n", 10))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "names", len(c.Rules[9].Match.Account), 100_000)
	var accounts strings.Builder
	for i := range 9_999 {
		fmt.Fprintf(&accounts, "  - {login: fax%d@contoso.com}\n", i)
	}
	_, err = in(folder, "upstreams:\n"+oauth2("entra", "flow: password")+oauth2("app", "client_secret: hunter2")+
		"accounts:\n"+accounts.String()+"  - {login: SCANNER@contoso.com}\n"+
		"rules: [{match: {account: {file: names.txt}}, upstream: app}, {upstream: entra}]")
	const says = `accounts[9999]: "SCANNER@contoso.com" has no password`
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), says) {
		t.Errorf("an account of a file that comes to an upstream that checks no password: %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
