package migration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/migration"
	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

const (
	bridged  = inventory.StageBridge
	warned   = inventory.StageWarn
	brownout = inventory.StageBrownout
	blocked  = inventory.StageBlock

	dovecot, onPrem, online = "dovecot", "on-prem", "exchange-online"

	contact = "IT service desk, ext. 4711"
)

// phase is what was planned for a group from a date on, by the clock in Berlin.
type phase struct {
	from     string
	upstream string
	stage    inventory.Stage // brownout: within its hours, see brownedOut
	text     string          // what people read
	why      string          // what the record says of a refusal
	rule     string          // by which it begins, as stages next tells
}

// plan is the migration as people agreed on it. It was written down without asking the program.
func plan() map[string][]phase {
	const begin, replace, outdated = "2027-02-01T00:00", "Replace this scanner by 15 April.", "This device uses outdated encryption."
	pressed := phase{begin, dovecot, bridged, "", "", ""}
	return map[string][]phase{
		"fax": {
			{begin, dovecot, bridged, "", "", ""},
			{"2027-02-15T20:00", online, bridged, "", "", "rules[0]"},
		},
		"scan": {
			{begin, onPrem, bridged, "", "", ""},
			{"2027-03-01T00:00", onPrem, warned, replace, "", "rules[2]"},
			{"2027-04-15T00:00", onPrem, blocked, contact, "blocked since 2027-04-15 00:00 (block_from of rules[2])", "rules[2]"},
		},
		"ticket": {
			{begin, online, bridged, "", "", ""},
			{"2027-03-15T00:00", online, brownout, "", "(schedule of rules[5]: Mon-Fri 10:00-10:30, Sat 22:00-03:30)", "rules[5]"},
			{"2027-04-20T00:00", online, blocked, contact, "rules[4] has stage block", "rules[4]"},
		},
		"pump with a date": {
			{begin, onPrem, bridged, "", "", ""},
			{"2027-04-01T00:00", onPrem, blocked, contact, "blocked since 2027-04-01 00:00 (block_from of rules[6])", "rules[6]"},
		},
		"pump": {{begin, onPrem, bridged, "", "", ""}},
		"modern": {
			{begin, online, bridged, "", "", ""},
			{"2027-02-08T00:00", online, warned, outdated, "", "rules[7]"},
			{"2027-04-01T00:00", online, bridged, "", "", "rules[7]"},
		},
		"press, blocked": {{begin, dovecot, blocked, contact, "the device was set to stage block", ""}},
		"press, warned":  {{begin, dovecot, warned, outdated, "", ""}},
		"press, kept":    {pressed},
		"press": {
			pressed,
			{"2027-03-20T12:00", dovecot, blocked, contact, "rules[9] has stage block", "rules[9]"},
		},
	}
}

// brownedOut are the hours in which the ticket systems are refused: on working days half an hour from ten on, and the night from
// Saturday to Sunday until half past three, also the one in which the clock is put forward.
func brownedOut(at time.Time) bool {
	switch clock := at.Format("15:04"); at.Weekday() {
	case time.Saturday:
		return clock >= "22:00"
	case time.Sunday:
		return clock < "03:30"
	default:
		return clock >= "10:00" && clock < "10:30"
	}
}

// planned is the phase of a group at a time, with the stage that holds then.
func planned(t *testing.T, group string, at time.Time) phase {
	t.Helper()
	at = at.In(berlin(t))
	var now phase
	for _, p := range plan()[group] {
		if p.from <= at.Format("2006-01-02T15:04") {
			now = p
		}
	}
	if now.stage == brownout && !brownedOut(at) {
		now.stage, now.text, now.why = bridged, "", ""
	}
	return now
}

// wanted is what a login within a phase comes to.
func (p phase) wanted() visit {
	refused := map[inventory.Stage]login.Reason{brownout: login.Unavailable, blocked: login.Blocked}[p.stage]
	return visit{upstream: p.upstream, stage: p.stage, text: p.text, refused: refused, why: p.why}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	return zone
}

// bounds are the first moment of the quarter, and the first one after it.
func bounds(t *testing.T) (begin, end time.Time) {
	return time.Date(2027, 2, 1, 0, 0, 0, 0, berlin(t)), time.Date(2027, 5, 1, 0, 0, 0, 0, berlin(t))
}

// clocks are the times of each day at which every device logs in, in seconds since midnight: around all at which something changes,
// and within the hour that spring leaves out.
func clocks() []int {
	const minute, hour = 60, 3600
	return []int{0, 2*hour + 15*minute, 3*hour + 30*minute - 1, 3*hour + 30*minute, 10*hour - 1, 10 * hour, 10*hour + 30*minute - 1,
		10*hour + 30*minute, 12*hour - 1, 12 * hour, 20*hour - 1, 20 * hour, 22*hour - 1, 22 * hour, 24*hour - 1}
}

// times are when all devices log in: at the clocks of each day, and just before and at each change that is told.
func times(t *testing.T, steps []migration.Step) []time.Time {
	t.Helper()
	begin, end := bounds(t)
	all := []time.Time{begin}
	for day := begin; day.Before(end); day = day.AddDate(0, 0, 1) {
		for _, second := range clocks() {
			all = append(all, time.Date(day.Year(), day.Month(), day.Day(), 0, 0, second, 0, berlin(t)))
		}
	}
	for _, s := range steps {
		all = append(all, s.At.Add(-time.Nanosecond), s.At)
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// happening is a migration that goes on: what each device came to lately, and all changes so far.
type happening struct {
	bridge
	last  map[string]visit
	steps []migration.Step
	above int // rules that were put before those of the plan
}

// rule is a rule of the plan by its place in the configuration.
func (h *happening) rule(t *testing.T, planned string) string {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(planned, "rules[%d]", &n); err != nil {
		t.Fatalf("the plan has no rule for a change: %q", planned)
	}
	return fmt.Sprintf("rules[%d]", n+h.above)
}

// look lets d log in, and notes what has changed for it since it did last.
func (h *happening) look(t *testing.T, d *simulated) visit {
	t.Helper()
	v, s := h.logIn(t, d)
	before, known := h.last[s.Device()]
	if known && (before.upstream != v.upstream || before.stage != v.stage || before.wouldStage != v.wouldStage) {
		h.steps = append(h.steps, migration.Step{Device: s.Device(), At: s.StartedAt.UTC(), Stage: v.stage, WouldStage: v.wouldStage,
			Upstream: v.upstream, Mailbox: s.Mailbox, Rule: h.rule(t, planned(t, d.name, s.StartedAt).rule), Needs: !d.modern,
			Moves: before.upstream != v.upstream})
	}
	h.last[s.Device()] = v
	return v
}

// TestQuarter_GoesAsPlanned: sixty devices log in again and again for three months, and each has at each time the upstream, the stage
// and the text that people planned. What was foretold on the first day is what then happens, to the nanosecond.
func TestQuarter_GoesAsPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := happening{bridge: newBridge(t, quarter(t)), last: map[string]visit{}}
		begin, end := bounds(t)
		foretold := h.rules.Ahead(slices.Values(rows()), begin, end)
		for _, at := range times(t, foretold) {
			time.Sleep(time.Until(at))
			for _, d := range devices() {
				got, want := h.look(t, &d), planned(t, d.name, at).wanted()
				if want.why != "" && strings.Contains(got.why, want.why) {
					want.why = got.why
				}
				if got != want {
					t.Fatalf("%s at %s:\n got %+v\nwant %+v", d.login, at, got, want)
				}
			}
		}
		compareSteps(t, foretold, h.steps)
	})
}

// compareSteps compares what was foretold with what happened, both in the order of time and device.
func compareSteps(t *testing.T, foretold, happened []migration.Step) {
	t.Helper()
	for i := range foretold {
		foretold[i].At = foretold[i].At.UTC()
	}
	slices.SortStableFunc(happened, func(a, b migration.Step) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Device, b.Device)
	})
	for i := range min(len(foretold), len(happened)) {
		foretold[i].Hourly = false // nobody who logs in sees that it will come again
		if foretold[i] != happened[i] {
			t.Fatalf("foretold %+v\nhappened %+v", foretold[i], happened[i])
		}
	}
	if len(foretold) != len(happened) || len(foretold) == 0 {
		t.Errorf("%d changes were foretold, and %d happened", len(foretold), len(happened))
	}
}

// TestQuarter_InADryRunDisturbsNobody, and its records say what the plan says. Upstreams are not tried: mailboxes move.
func TestQuarter_InADryRunDisturbsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dry := strings.Replace(quarter(t), "rules:\n", "rules:\n  - dry_run: true\n", 1)
		h := happening{bridge: newBridge(t, dry), last: map[string]visit{}, above: 1}
		begin, end := bounds(t)
		foretold := h.rules.Ahead(slices.Values(rows()), begin, end)
		for _, at := range times(t, foretold) {
			time.Sleep(time.Until(at))
			for _, d := range devices() {
				p := planned(t, d.name, at)
				want := visit{upstream: p.upstream, stage: bridged, wouldStage: p.stage}
				if p.stage == bridged {
					want.wouldStage = ""
				}
				if got := h.look(t, &d); got != want {
					t.Fatalf("%s at %s:\n got %+v\nwant %+v", d.login, at, got, want)
				}
			}
		}
		compareSteps(t, foretold, h.steps)
	})
}

// TestPlan_OfTheNightInWhichTheClockIsPutForward, in UTC, so that the plan itself is known to be right there.
func TestPlan_OfTheNightInWhichTheClockIsPutForward(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]inventory.Stage{
		"2027-03-27T20:59:59Z": bridged, "2027-03-27T21:00:00Z": brownout, "2027-03-28T00:59:59Z": brownout,
		"2027-03-28T01:00:00Z": brownout, "2027-03-28T01:29:59Z": brownout, "2027-03-28T01:30:00Z": bridged,
		"2027-03-29T07:59:59Z": bridged, "2027-03-29T08:00:00Z": brownout, "2027-03-26T08:00:00Z": bridged, "2027-03-26T09:00:00Z": brownout,
	} {
		at, err := time.Parse(time.RFC3339, text)
		must(t, err)
		if got := planned(t, "ticket", at).stage; got != want {
			t.Errorf("at %s the plan says %s, want %s", text, got, want)
		}
	}
}
