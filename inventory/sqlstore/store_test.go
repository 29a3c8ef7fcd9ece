package sqlstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

func TestApplyWantsTheNextBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		first := j.batch(session("1", "192.0.2.1/a", 0))
		second := j.batch(session("2", "192.0.2.1/a", 1))
		if err := s.Apply(t.Context(), second); !errors.Is(err, sqlstore.ErrPosition) {
			t.Fatalf("the second batch before the first: %v", err)
		}
		apply(t, s, first)
		if err := s.Apply(t.Context(), first); !errors.Is(err, sqlstore.ErrPosition) {
			t.Fatalf("the first batch again: %v", err)
		}
		apply(t, s, second)
		if p, found, err := s.Position(t.Context(), "a"); err != nil || !found || p != second.To {
			t.Fatalf("at %+v, %t, %v", p, found, err)
		}
		if _, found, err := s.Position(t.Context(), "b"); err != nil || found {
			t.Fatalf("a journal that never came: %t, %v", found, err)
		}
		if d, err := s.Device(t.Context(), "192.0.2.1/a"); err != nil || d.Sessions != 2 {
			t.Fatalf("%d sessions, %v", d.Sessions, err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestApplyRefusesABatchOfTwoJournals(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		err := open(t, o).Apply(t.Context(), inventory.Batch{From: inventory.Position{Journal: "a"}, To: inventory.Position{Journal: "b"}})
		if err == nil {
			t.Fatal("it did not")
		}
	})
}

func TestRowsOutliveTheProgram(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		j := journal{id: "a"}
		s, err := sqlstore.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s, j.batch(session("1", "192.0.2.1/a", 0)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
		apply(t, s, j.batch(session("2", "192.0.2.1/a", 0)))
		if d, err := s.Device(t.Context(), "192.0.2.1/a"); err != nil || d.Sessions != 2 {
			t.Fatalf("%d sessions, %v", d.Sessions, err)
		}
	})
}

func TestMergedDevicesAreOne(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		const a, b, c = "192.0.2.1/a", "192.0.2.2/b", "192.0.2.3/c"
		s, j := open(t, o), journal{id: "a"}
		apply(t, s, j.batch(session("1", a, 0), session("2", b, 1), session("3", c, 24*60), change(b, "owner", "Radiology", 1)))
		apply(t, s, j.batch(change(a, "merge", b, 2), change(b, "merge", c, 3)))
		if got := ids(devices(t, s, inventory.Query{})); !slices.Equal(got, []string{c}) {
			t.Fatalf("devices %q", got)
		}
		d, err := s.Device(t.Context(), a)
		if err != nil || d.ID != c || d.Sessions != 3 || d.Owner != "Radiology" {
			t.Fatalf("the merged one: %s, %v", jsonOf(t, d), err)
		}
		settings, err := s.Settings(t.Context())
		if err != nil || len(settings) != 3 || settings[a]["owner"] != "Radiology" || settings[c]["owner"] != "Radiology" {
			t.Fatalf("settings %v, %v", settings, err)
		}
		history, err := s.History(t.Context(), c)
		if err != nil || len(history) != 3 || history[0].Key != "owner" || history[2].Device != b {
			t.Fatalf("history %+v, %v", history, err)
		}
		stored, err := s.Sessions(t.Context(), inventory.SessionQuery{Device: b})
		if err != nil || len(stored) != 3 || stored[0].ID != "3" {
			t.Fatalf("sessions %+v, %v", stored, err)
		}
		days, err := s.Days(t.Context(), a, time.Time{})
		if err != nil || len(days) != 2 || days[0].Sessions != 2 || days[0].Date != "2026-11-24" {
			t.Fatalf("days %+v, %v", days, err)
		}
		apply(t, s, j.batch(change(b, "merge", "", 4)))
		if got := ids(devices(t, s, inventory.Query{})); !slices.Equal(got, []string{b, c}) {
			t.Fatalf("devices after b was parted: %q", got)
		}
	})
}

func TestRemovedDevicesAreForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		const a = "192.0.2.1/a"
		s, j := open(t, o), journal{id: "a"}
		apply(t, s, j.batch(session("1", a, 0), change(a, "stage", "warn", 100)))
		apply(t, s, j.batch(change(a, "remove", "", 200)))
		if _, err := s.Device(t.Context(), a); !errors.Is(err, inventory.ErrNoDevice) {
			t.Fatalf("removed: %v", err)
		}
		if settings, err := s.Settings(t.Context()); err != nil || len(settings) != 0 {
			t.Fatalf("settings %v, %v", settings, err)
		}
		if history, err := s.History(t.Context(), a); err != nil || len(history) != 2 {
			t.Fatalf("history %v, %v", history, err)
		}
		apply(t, s, j.batch(session("2", a, 30)))
		if d, err := s.Device(t.Context(), a); err != nil || d.StageSet || d.Sessions != 2 {
			t.Fatalf("after it came again: %s, %v", jsonOf(t, d), err)
		}
	})
}

func TestNoDevice(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s := open(t, o)
		if _, err := s.Device(t.Context(), "nobody"); !errors.Is(err, inventory.ErrNoDevice) {
			t.Errorf("device: %v", err)
		}
		if _, err := s.History(t.Context(), "nobody"); !errors.Is(err, inventory.ErrNoDevice) {
			t.Errorf("history: %v", err)
		}
		if days, err := s.Days(t.Context(), "nobody", time.Time{}); err != nil || len(days) != 0 {
			t.Errorf("days: %v, %v", days, err)
		}
		if found, err := s.Sessions(t.Context(), inventory.SessionQuery{Device: "nobody"}); err != nil || len(found) != 0 {
			t.Errorf("sessions: %v, %v", found, err)
		}
		if _, _, err := s.Devices(t.Context(), inventory.Query{Sort: "id; DROP TABLE devices"}); err == nil {
			t.Error("any sort key was taken")
		}
	})
}

// The days' outcomes and versions are in the order of the fold's counts, and a session that a crash cut is one of them.
func TestDays(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		const a = "192.0.2.1/a"
		s, j := open(t, o), journal{id: "a"}
		all := []inventory.Outcome{"bridged", "cut", "tls_failed", "refused", "login_failed", "upstream_failed", "protocol_error", "abandoned"}
		var lines []inventory.Line
		for i, outcome := range all {
			for range i + 1 {
				l := session("", a, i)
				l.Session.Outcome = outcome
				l.Session.TLSVersion = []string{"", "ssl3", "1.0", "1.1", "1.2", "1.3"}[i%6]
				lines = append(lines, l)
			}
		}
		admitted := session("cut", a, 24*60)
		admitted.Message = inventory.MessageAdmitted
		apply(t, s, j.batch(append(lines, admitted, session("else", "192.0.2.2/b", 0))...))
		apply(t, s, j.batch(inventory.Line{Message: inventory.MessageBridge,
			Start: inventory.BridgeLine{Event: inventory.BridgeStart, Previous: "run"}}))
		days, err := s.Days(t.Context(), a, time.Time{})
		if err != nil || len(days) != 2 {
			t.Fatalf("days %+v, %v", days, err)
		}
		for i, outcome := range all {
			if days[0].Outcomes[outcome] != int64(i+1) {
				t.Errorf("%s: %d, want %d", outcome, days[0].Outcomes[outcome], i+1)
			}
		}
		want := map[string]int64{"none": 1 + 7, "ssl3": 2 + 8, "1.0": 3, "1.1": 4, "1.2": 5, "1.3": 6}
		if got := days[0].TLSVersions; jsonOf(t, got) != jsonOf(t, want) {
			t.Errorf("versions %v, want %v", got, want)
		}
		if days[0].Sessions != 36 || days[0].BytesTo != 36*20 || days[1].Outcomes["cut"] != 1 || days[1].Sessions != 1 {
			t.Errorf("days %s", jsonOf(t, days))
		}
		every, err := s.Days(t.Context(), "", noon)
		if err != nil || len(every) != 2 || every[0].Sessions != 37 || every[1].Sessions != 1 {
			t.Errorf("all devices: %s, %v", jsonOf(t, every), err)
		}
		if late, err := s.Days(t.Context(), a, noon.AddDate(0, 0, 1)); err != nil || len(late) != 1 {
			t.Errorf("since the second day: %v, %v", late, err)
		}
	})
}

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		late := session("late", "192.0.2.1/a", 9)
		late.Session.Outcome = inventory.OutcomeBridged
		apply(t, s, j.batch(session("early", "192.0.2.1/a", 1), late, session("other", "192.0.2.2/b", 5)))
		for name, c := range map[string]struct {
			q    inventory.SessionQuery
			want string
		}{
			"all":     {inventory.SessionQuery{}, "late other early"},
			"device":  {inventory.SessionQuery{Device: "192.0.2.1/a"}, "late early"},
			"outcome": {inventory.SessionQuery{Outcomes: []inventory.Outcome{"refused", "cut"}}, "other early"},
			"before":  {inventory.SessionQuery{Before: noon.Add(9 * time.Minute)}, "other early"},
			"limit":   {inventory.SessionQuery{Limit: 1}, "late"},
		} {
			found, err := s.Sessions(t.Context(), c.q)
			var got []string
			for _, f := range found {
				got = append(got, f.ID)
			}
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%s: %q, want %q, %v", name, got, c.want, err)
			}
		}
		found, err := s.Sessions(t.Context(), inventory.SessionQuery{Limit: 1})
		if err != nil || !found[0].StartedAt.Equal(noon.Add(9*time.Minute)) || string(found[0].Record) != `{"session_id":"late"}` {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

func TestPruneLosesNothingOfADevice(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		const a = "192.0.2.1/a"
		s, j := open(t, o), journal{id: "a"}
		var lines []inventory.Line
		for i := range 5001 {
			lines = append(lines, session("", a, i%60))
		}
		admitted := session("", a, 0)
		admitted.Message = inventory.MessageAdmitted
		apply(t, s, j.batch(append(lines, session("kept", a, 48*60), admitted,
			inventory.Line{Message: inventory.MessageBridge, Start: inventory.BridgeLine{Event: inventory.BridgeStart, Previous: "run"}})...))
		before := jsonOf(t, devices(t, s, inventory.Query{}))
		cut := noon.AddDate(0, 0, 1)
		if err := s.Prune(t.Context(), cut, cut); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Sessions(t.Context(), inventory.SessionQuery{}); err != nil || len(found) != 1 || found[0].ID != "kept" {
			t.Errorf("sessions %+v, %v", found, err)
		}
		if days, err := s.Days(t.Context(), a, time.Time{}); err != nil || len(days) != 1 || days[0].Date != "2026-11-26" {
			t.Errorf("days %+v, %v", days, err)
		}
		if after := jsonOf(t, devices(t, s, inventory.Query{})); after != before {
			t.Errorf("the device was\n%s\nand is\n%s", before, after)
		}
		if err := s.Prune(t.Context(), time.Time{}, noon); err != nil {
			t.Fatal(err)
		}
		if days, err := s.Days(t.Context(), "", time.Time{}); err != nil || len(days) != 1 {
			t.Errorf("an earlier retention brought days back: %+v, %v", days, err)
		}
	})
}

// TestPruneForgetsAsAFoldDoes drops the source devices that were not heard of since, in the store and in a snapshot alike: none that
// people set something of, that another is merged into, and no device with a login.
func TestPruneForgetsAsAFoldDoes(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		lines := []inventory.Line{session("1", "192.0.2.1/-", 0), session("2", "2001:db8::/64/-", 0), session("3", "192.0.2.3/-", 0),
			session("4", "192.0.2.4/-", 0), session("5", "192.0.2.5/a", 0), session("6", "192.0.2.6/-", 48*60),
			session("7", "192.0.2.7/-", 0), change("192.0.2.3/-", "note", "the lift", 1), change("192.0.2.5/a", "merge", "192.0.2.4/-", 1)}
		apply(t, s, j.batch(lines...))
		fold := inventory.NewFold()
		for _, l := range lines {
			fold.Line(&l)
		}
		cut := noon.AddDate(0, 0, 1)
		if err := s.Prune(t.Context(), time.Time{}, cut); err != nil {
			t.Fatal(err)
		}
		fold.Forget(cut)
		want := []string{"192.0.2.3/-", "192.0.2.4/-", "192.0.2.6/-"}
		var inStore, inFold []string
		for _, d := range devices(t, s, inventory.Query{}) {
			inStore = append(inStore, d.ID)
		}
		for _, d := range fold.Devices(nil) {
			inFold = append(inFold, d.ID)
		}
		slices.Sort(inStore)
		if !slices.Equal(inStore, want) || !slices.Equal(inFold, want) {
			t.Errorf("the store has %v, a fold %v, want %v", inStore, inFold, want)
		}
	})
}

func TestResetEmpties(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		apply(t, s, j.batch(session("1", "192.0.2.1/a", 0), change("192.0.2.1/a", "stage", "warn", 1)))
		if err := s.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, found, err := s.Position(t.Context(), "a"); err != nil || found {
			t.Errorf("position %t, %v", found, err)
		}
		totals, err := s.Totals(t.Context())
		if err != nil || totals.Devices != 0 || totals.Sessions != 0 || len(devices(t, s, inventory.Query{})) != 0 {
			t.Errorf("totals %+v, %v", totals, err)
		}
		if days, err := s.Days(t.Context(), "", time.Time{}); err != nil || len(days) != 0 {
			t.Errorf("days %v, %v", days, err)
		}
		again := journal{id: "a"}
		apply(t, s, again.batch(session("1", "192.0.2.1/a", 0)))
	})
}

func TestRefreshTakesNewAdvice(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		j := journal{id: "a"}
		s := open(t, o)
		var lines []inventory.Line
		for i := range 1100 {
			lines = append(lines, session("", benchDevice(i), 0))
		}
		apply(t, s, j.batch(lines...))
		o.Advise = func(d *inventory.Device) { d.NextStep = inventory.StepReplace }
		s = open(t, o)
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		totals, err := s.Totals(t.Context())
		if err != nil || totals.Steps[inventory.StepReplace] != 1100 || len(totals.Steps) != 1 {
			t.Errorf("steps %v, %v", totals.Steps, err)
		}
	})
}
