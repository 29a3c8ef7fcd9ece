package migration_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/internal/migration"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

// replayedSessions is how many sessions are on record.
const replayedSessions = 1000

// onRecord writes a session as the journal has it, and reads that again as a replay does.
func onRecord(t *testing.T, s *inventory.Session) migration.Record {
	t.Helper()
	line, err := zapcore.NewJSONEncoder(inventory.LineEncoding()).EncodeEntry(
		zapcore.Entry{Message: inventory.MessageSession, Time: s.StartedAt}, []zapcore.Field{zap.Inline(s)})
	must(t, err)
	rec, err := migration.ParseRecord(line.Bytes())
	must(t, err)
	return rec
}

// records are those of sessions that the bridge decided at times spread over the quarter, of all devices in turn; each login of one
// ticket system came after one with a wrong password, which is on record too.
func records(t *testing.T) []migration.Record {
	t.Helper()
	b, all := newBridge(t, quarter(t)), []migration.Record{}
	begin, end := bounds(t)
	each, fleet := end.Sub(begin)/replayedSessions, devices()
	for i := range replayedSessions {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * each)))
		d := &fleet[i%len(fleet)]
		if d.login == "ticket0@contoso.test" {
			all = append(all, b.mistyped(t, d))
		}
		_, s := b.logIn(t, d)
		all = append(all, onRecord(t, s))
	}
	return all
}

// mistyped is the record of a login with a wrong password, about which the rules decide nothing that the device learns.
func (b bridge) mistyped(t *testing.T, d *simulated) migration.Record {
	t.Helper()
	s := d.session(time.Now())
	wrong := login.Credentials{Account: d.login, Password: secret.New("1999"), Mechanism: s.AuthMechanism}
	if _, err := b.Decide(t.Context(), s.StartedAt, s, wrong); err == nil {
		t.Fatalf("%s is let in with a wrong password", d.login)
	}
	return onRecord(t, s)
}

// replayed decides all records anew, by the rules of another configuration.
func replayed(t *testing.T, all []migration.Record, text string) *migration.Replay {
	t.Helper()
	rules, replay := newBridge(t, text).rules, &migration.Replay{}
	for i := range all {
		replay.Add(rules, &all[i], time.Time{})
	}
	replay.End()
	if replay.Sessions != replayedSessions {
		t.Errorf("%d sessions were decided anew, want %d", replay.Sessions, replayedSessions)
	}
	return replay
}

// changed is the text of the configuration with one rule written otherwise.
func changed(t *testing.T, old, rule string) string {
	t.Helper()
	text := quarter(t)
	if strings.Count(text, old) != 1 {
		t.Fatalf("the configuration has %q %d times, want once", old, strings.Count(text, old))
	}
	return strings.Replace(text, old, rule, 1)
}

// expected counts the sessions of each device of a group from a moment on and before another.
func expected(t *testing.T, all []migration.Record, name, from, until string) map[string]int {
	t.Helper()
	begin, err := time.ParseInLocation("2006-01-02T15:04", from, berlin(t))
	must(t, err)
	end, err := time.ParseInLocation("2006-01-02T15:04", until, berlin(t))
	must(t, err)
	counts, mine := map[string]int{}, map[string]bool{}
	for _, d := range devices() {
		mine[d.row().ID] = d.name == name
	}
	for i := range all {
		if r := &all[i]; mine[r.Device] && r.Decided() && !r.StartedAt.Before(begin) && r.StartedAt.Before(end) {
			counts[r.Device]++
		}
	}
	return counts
}

// rewritten is one rule written otherwise, and what that comes to for the devices of one group in a time.
type rewritten struct {
	name, old, rule    string
	group, from, until string
	was, would         migration.Treatment
	moves              bool
	needing            int // of the devices
}

func rewrittenRules() []rewritten {
	const tickets = "match: {account: \"ticket*@contoso.test\"} # rules[3]\n    upstream: exchange-online\n"
	at := func(upstream string, stage, would inventory.Stage) migration.Treatment {
		return migration.Treatment{Upstream: upstream, Stage: stage, WouldStage: would}
	}
	return []rewritten{
		{"a warning becomes a block", "stage: warn\n    message", "stage: block\n    message",
			"scan", "2027-03-01T00:00", "2027-04-15T00:00", at(onPrem, warned, ""), at(onPrem, blocked, ""), false, 10},
		{"a wave comes a week later", "from: 2027-02-15T20:00", "from: 2027-02-22T20:00",
			"fax", "2027-02-15T20:00", "2027-02-22T20:00", at(online, bridged, ""), at(dovecot, bridged, ""), true, 0},
		{"a block is only tried", "from: 2027-04-20\n", "from: 2027-04-20\n    dry_run: true\n",
			"ticket", "2027-04-20T00:00", "2027-05-01T00:00", at(online, blocked, ""), at(online, bridged, blocked), false, 0},
		{"a block is tried as well", "from: 2027-02-15T20:00", "from: 2027-02-15T20:00\n    stage: block\n    dry_run: true",
			"fax", "2027-02-15T20:00", "2027-05-01T00:00", at(online, bridged, ""), at(online, bridged, blocked), false, 0},
		{"those free to go are blocked", "until: 2027-04-01\n    stage: warn", "until: 2027-04-01\n    stage: block",
			"modern", "2027-02-08T00:00", "2027-04-01T00:00", at(online, warned, ""), at(online, blocked, ""), false, 0},
		{"mailboxes become one", tickets, tickets + "    mailbox: tickets@contoso.test\n",
			"ticket", "2027-02-01T00:00", "2027-05-01T00:00", at(online, blocked, ""), at(online, blocked, ""), true, 10},
		{"those who log in as themselves keep their mailbox", "    block_from: 2027-04-15\n",
			"    block_from: 2027-04-01\n    mailbox: scans@contoso.test\n",
			"scan", "2027-04-01T00:00", "2027-04-15T00:00", at(onPrem, warned, ""), at(onPrem, blocked, ""), false, 10},
	}
}

// TestReplay_OfAThousandSessions: the same rules find no difference in what the running bridge decided, and with one rule written
// otherwise exactly the sessions of those devices differ for which the rule is, in the time in which it is.
func TestReplay_OfAThousandSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := records(t)
		if same := replayed(t, all, quarter(t)); len(same.Differences) != 0 {
			t.Errorf("the same rules differ for %d devices, such as %+v", len(same.Differences), same.Differences[0])
		}
		for _, c := range rewrittenRules() {
			c.compare(t, replayed(t, all, changed(t, c.old, c.rule)), expected(t, all, c.group, c.from, c.until))
		}
	})
}

// compare compares a replay with how many sessions of which devices are to differ.
func (c *rewritten) compare(t *testing.T, replay *migration.Replay, counts map[string]int) {
	t.Helper()
	for _, d := range replay.Differences {
		if d.Sessions != counts[d.Device] || !treated(d.Was, c.was) || !treated(d.Would, c.would) || d.Moves != c.moves {
			t.Errorf("%s: %d sessions differ, want %d: %+v", c.name, d.Sessions, counts[d.Device], d)
		}
	}
	if len(replay.Differences) != len(counts) || len(counts) != 10 || replay.Needing() != c.needing {
		t.Errorf("%s: %d devices differ, of which %d need the bridge; want %d and %d", c.name, len(replay.Differences), replay.Needing(),
			len(counts), c.needing)
	}
}

// treated compares two treatments but for the rules that gave them.
func treated(got, want migration.Treatment) bool {
	return got.Upstream == want.Upstream && got.Stage == want.Stage && got.WouldStage == want.WouldStage
}
