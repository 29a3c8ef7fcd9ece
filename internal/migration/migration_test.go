package migration_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/migration"
	"drawbridge/internal/schedule"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

var monday = time.Date(2027, 1, 11, 0, 0, 0, 0, time.UTC)

func rules(t *testing.T, list ...policy.Rule) migration.Rules {
	t.Helper()
	table, err := policy.Compile(list, "on-prem", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return migration.Rules{Table: table}
}

func device(account, readiness string, blockers ...string) inventory.Device {
	return inventory.Device{ID: "10.20.3.7/" + account, Source: "10.20.3.7", SourceIP: "10.20.3.7", Account: account, Listener: "pop3s",
		Protocol: "pop3", TLSMode: "implicit", Readiness: readiness, Blockers: blockers}
}

func TestAhead_TellsWhatChangesForWhom(t *testing.T) {
	wave := policy.Rule{From: monday.AddDate(0, 0, 3), Match: policy.Match{Account: []string{"fax*"}},
		Settings: policy.Settings{Upstream: "online"}}
	end := policy.Rule{Settings: policy.Settings{BlockFrom: policy.BlockFrom{Deadline: true}}}
	r := rules(t, wave, end)
	fax, scanner, stranger := device("fax1", "legacy", "tls_version"), device("scanner1", "ready"), device("-", "legacy")
	scanner.Deadline = "2027-01-12"
	plans := migration.Plans{}
	plans.Add(&fax)
	plans.Add(&scanner)
	r.Known.Plans = plans.Of
	got := r.Ahead(slices.Values([]inventory.Device{fax, scanner, stranger}), monday, monday.AddDate(0, 0, 30))
	want := []migration.Step{
		{Device: scanner.ID, At: monday.AddDate(0, 0, 1), Stage: "block", Upstream: "on-prem", Mailbox: "scanner1",
			Rule: "rules[1]"},
		{Device: fax.ID, At: monday.AddDate(0, 0, 3), Stage: "bridge", Upstream: "online", Mailbox: "fax1", Rule: "rules[0]", Needs: true,
			Moves: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestAhead_TellsOfMailboxes as they are opened: by whose rule from when on, and of none that the bridge does not choose.
func TestAhead_TellsOfMailboxes(t *testing.T) {
	r := rules(t, policy.Rule{From: monday.AddDate(0, 0, 1), Until: monday.AddDate(0, 0, 2), Settings: policy.Settings{Mailbox: "all"}})
	fax := device("fax1", "ready")
	steps := func() []migration.Step {
		return r.Ahead(slices.Values([]inventory.Device{fax}), monday, monday.AddDate(0, 0, 30))
	}
	if got := steps(); len(got) != 0 {
		t.Errorf("with passthrough: %+v", got)
	}
	r.Known.Tokens = func(string) bool { return true }
	moved := migration.Step{Device: fax.ID, At: monday.AddDate(0, 0, 1), Stage: "bridge", Upstream: "on-prem", Mailbox: "all",
		Rule: "rules[0]", Moves: true}
	back := moved
	back.At, back.Mailbox = monday.AddDate(0, 0, 2), "fax1"
	if got := steps(); !slices.Equal(got, []migration.Step{moved, back}) {
		t.Errorf("got %+v\nwant %+v\nand %+v", got, moved, back)
	}
	fax.AuthMechanism = "XOAUTH2"
	if got := steps(); len(got) != 0 {
		t.Errorf("by a token of its own: %+v", got)
	}
}

func TestAhead_BoundsTheStepsOfADevice(t *testing.T) {
	hourly := policy.Rule{Settings: policy.Settings{Stage: "brownout"}}
	for _, text := range []string{"1:00-1:30", "2:00-2:30", "3:00-3:30", "4:00-4:30"} {
		w, err := schedule.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		hourly.Schedule = append(hourly.Schedule, w)
	}
	hourly.BlockFrom.At = monday.AddDate(0, 11, 0) // which no bound leaves out
	got := rules(t, hourly).Ahead(slices.Values([]inventory.Device{device("fax1", "legacy")}), monday, monday.AddDate(1, 0, 0))
	if last := got[len(got)-1]; len(got) != migration.MaxSteps+1 || last.Stage != inventory.StageBlock || last.Hourly {
		t.Errorf("%d steps, want %d, the last one of which blocks: %+v", len(got), migration.MaxSteps+1, last)
	}
}

func TestOutlook_TellsStageNextTurnAndEnd(t *testing.T) {
	mornings, err := schedule.Parse("Mon-Fri 10:00-10:30")
	if err != nil {
		t.Fatal(err)
	}
	dry := true
	r := rules(t,
		policy.Rule{Match: policy.Match{Account: []string{"test*"}}, Settings: policy.Settings{DryRun: &dry}},
		policy.Rule{Match: policy.Match{Account: []string{"old*"}}, From: monday.AddDate(0, 0, 3), Settings: policy.Settings{Upstream: "online"}},
		policy.Rule{Match: policy.Match{Account: []string{"old*", "test*"}}, Settings: policy.Settings{Stage: "brownout",
			Schedule: []schedule.Window{mornings}, BlockFrom: policy.BlockFrom{At: monday.AddDate(0, 1, 0)}}},
		policy.Rule{Match: policy.Match{Account: []string{"own*"}}, From: monday.AddDate(0, 0, 3),
			Settings: policy.Settings{Mailbox: "other@contoso.com"}}) // which has no part in a login by the device's own password
	at := monday.Add(10 * time.Hour)
	end := monday.AddDate(0, 1, 0)
	for name, want := range map[string]inventory.Outlook{
		"new1": {Stage: "bridge", Rule: "default"},
		"own1": {Stage: "bridge", Rule: "default"},
		"old1": {Stage: "brownout", Rule: "rules[2]", BlockFrom: &end,
			Next: &inventory.Turn{At: monday.AddDate(0, 0, 3), Stage: "brownout", Upstream: "online", Moves: true, Rule: "rules[1]"}},
		"test1": {Stage: "bridge", WouldStage: "brownout", Rule: "rules[2]",
			Next: &inventory.Turn{At: end, Stage: "bridge", WouldStage: "block", Rule: "rules[2]"}},
	} {
		d := device(name, "legacy", "tls_version")
		if got := r.Outlook(&d, at); !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: got %+v (next %+v), want %+v (next %+v)", name, *got, got.Next, want, want.Next)
		}
	}
	d := device("old1", "legacy")
	if got := r.Outlook(&d, end); got.Stage != "block" || got.BlockFrom != nil || got.Next != nil {
		t.Errorf("once it is refused: %+v", *got)
	}
}

func TestReplay_ComparesWithWhatWas(t *testing.T) {
	r := rules(t, policy.Rule{Match: policy.Match{Account: []string{"fax*"}}, From: monday.AddDate(0, 1, 0),
		Settings: policy.Settings{Stage: "block"}})
	const line = `{"msg":"session","device":"10.20.3.7/fax1","started_at":"2027-01-11T08:00:00Z","source_ip":"10.20.3.7","listener":"imaps",
		"protocol":"imap","tls_mode":"implicit","account":"fax1","claimed_account":"Fax1","readiness":"legacy","blockers":["tls_version"],
		"upstream":"on-prem","stage":"bridge","rules":{"upstream":"default","stage":"default"}}`
	rec, err := migration.ParseRecord([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	var same, later migration.Replay
	same.Add(r, &rec, time.Time{})
	later.Add(r, &rec, monday.AddDate(0, 2, 0))
	later.Add(r, &rec, monday.AddDate(0, 2, 0))
	undecided := rec
	undecided.Upstream = ""
	later.Add(r, &undecided, monday.AddDate(0, 2, 0))
	same.End()
	later.End()
	if same.Sessions != 1 || len(same.Differences) != 0 {
		t.Errorf("at its own time: %+v", same)
	}
	if later.Sessions != 2 || len(later.Differences) != 1 || later.Needing() != 1 {
		t.Fatalf("two months later: %+v", later)
	}
	d := later.Differences[0]
	if d.Sessions != 2 || !d.Needs || d.Moves || d.Was.Stage != "bridge" || d.Would.Stage != "block" || d.Would.Rules["stage"] != "rules[0]" {
		t.Errorf("got %+v", d)
	}
	if d.Rule != "rules[0]" || !d.CutsOff() {
		t.Errorf("rule %q, cuts off %t", d.Rule, d.CutsOff())
	}
	if _, err := migration.ParseRecord([]byte("{")); err == nil {
		t.Error("a torn line is read")
	}
}

// TestReplay_ComparesMailboxes: one differs where both are known, and only where the bridge chooses it.
func TestReplay_ComparesMailboxes(t *testing.T) {
	byRule := rules(t, policy.Rule{Settings: policy.Settings{Mailbox: "all@contoso.test"}})
	byAccount := rules(t)
	for _, r := range []*migration.Rules{&byRule, &byAccount} {
		r.Known.Tokens = func(upstream string) bool { return upstream == "on-prem" }
	}
	byAccount.Known.Listed = func(string) (accounts.Claim, bool) {
		return accounts.Claim{Account: "fax1", Mailbox: "faxes@contoso.test"}, true
	}
	passthrough := byRule
	passthrough.Known.Tokens = nil
	for name, c := range map[string]struct {
		rules                     migration.Rules
		was, mechanism, would, by string // would: empty where there is no difference
	}{
		"by a rule":               {byRule, "fax1", "PLAIN", "all@contoso.test", "rules[0]"},
		"by the account":          {byAccount, "fax1", "PLAIN", "faxes@contoso.test", policy.Default},
		"in another case":         {byRule, "All@Contoso.test", "PLAIN", "", ""},
		"before it was known":     {byRule, "", "PLAIN", "", ""},
		"with passthrough":        {passthrough, "fax1", "PLAIN", "", ""},
		"by a token of one's own": {byRule, "fax1", "XOAUTH2", "", ""},
	} {
		var p migration.Replay
		p.Add(c.rules, &migration.Record{Device: "10.20.3.7/fax1", StartedAt: monday, ClaimedAccount: "Fax1", AuthMechanism: c.mechanism,
			SourceIP: "10.20.3.7", Upstream: "on-prem", Mailbox: c.was, Stage: "bridge"}, time.Time{})
		p.End()
		if c.would == "" {
			if len(p.Differences) != 0 {
				t.Errorf("%s: %+v", name, p.Differences)
			}
			continue
		}
		if len(p.Differences) != 1 || !p.Differences[0].Moves || p.Differences[0].Would.Mailbox != c.would || p.Differences[0].Rule != c.by ||
			p.Differences[0].Was.Mailbox != c.was {
			t.Errorf("%s: %+v", name, p.Differences)
		}
	}
}

// TestReplay_NamesTheRuleThatRefuses: a schedule or block_from may stand in another rule than the stage.
func TestReplay_NamesTheRuleThatRefuses(t *testing.T) {
	allDay, err := schedule.Parse("0:00-24:00")
	if err != nil {
		t.Fatal(err)
	}
	stage := policy.Rule{Settings: policy.Settings{Stage: "brownout"}}
	for name, second := range map[string]policy.Settings{
		"schedule":   {Schedule: []schedule.Window{allDay}},
		"block_from": {BlockFrom: policy.BlockFrom{At: monday}},
	} {
		var p migration.Replay
		p.Add(rules(t, stage, policy.Rule{Settings: second}), &migration.Record{Device: "10.20.3.7/fax1", StartedAt: monday,
			ClaimedAccount: "fax1", SourceIP: "10.20.3.7", Upstream: "on-prem", Stage: "bridge"}, time.Time{})
		p.End()
		if len(p.Differences) != 1 || p.Differences[0].Rule != "rules[1]" || p.Needing() != 1 {
			t.Errorf("%s: %+v", name, p.Differences)
		}
	}
}
