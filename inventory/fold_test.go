package inventory_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/inventory"
)

var monday = time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC)

// world draws lines of a few bridges and devices, so few that they collide in every way.
type world struct{ t *rapid.T }

func (w world) pick(name string, from ...string) string {
	return rapid.SampledFrom(from).Draw(w.t, name)
}

func (w world) time(name string) time.Time {
	return monday.Add(time.Duration(rapid.IntRange(0, 5_000).Draw(w.t, name)) * time.Millisecond)
}

func (w world) line() inventory.Line {
	l := inventory.Line{
		Message: w.pick("message", inventory.MessageSession, inventory.MessageSession, inventory.MessageAdmitted,
			inventory.MessageFlood, inventory.MessageChange, inventory.MessageBridge, "another"),
		Time: w.time("time"), Bridge: "bridge-1", Run: w.pick("run", "r1", "r2", "r3"),
	}
	switch l.Message {
	case inventory.MessageSession, inventory.MessageAdmitted:
		l.Session = w.session()
	case inventory.MessageFlood:
		l.Flood = w.flood()
	case inventory.MessageChange:
		l.Change = w.change()
	case inventory.MessageBridge:
		l.Start = inventory.BridgeLine{Run: l.Run, Previous: w.pick("previous", "", "r1", "r2"),
			Event: inventory.BridgeEvent(w.pick("event", "start", "stop"))}
	}
	return l
}

func (w world) device() string {
	return w.pick("device", "10.0.0.1/fax", "10.0.0.2/fax", "10.0.0.2/-", "2001:db8::/64/-", "10.0.0.3/scan")
}

func (w world) session() inventory.SessionLine {
	s := inventory.SessionLine{
		Device: w.pick("named", w.device(), w.device(), ""), Listener: w.pick("listener", "imaps", "pop3s"),
		Source:     netip.MustParseAddr(w.pick("source", "10.0.0.1", "10.0.0.2")),
		SourceName: w.pick("name", "", "fax.contoso.local", "old.contoso.local"),
		Hello:      w.pick("hello", "", `{"format":"tls"}`, `{"format":"none"}`),
		TLSVersion: w.pick("version", "", "1.0", "1.2", "9.9"), Mailbox: w.pick("mailbox", "", "a@b.c"),
		Phase:   inventory.Phase(w.pick("phase", "handshake", "login", "admit", "relay")),
		Outcome: inventory.Outcome(w.pick("outcome", "bridged", "cut", "abandoned", "refused", "of another version")),
		Reason:  w.pick("reason", "", "too slow", "too old"), Blockers: w.pick("blockers", "", "-", "tls_version key_exchange"),
		StartedAt: w.time("started"), Proven: rapid.Bool().Draw(w.t, "proven"),
		BytesFromDevice: int64(rapid.IntRange(0, 100).Draw(w.t, "from")), BytesToDevice: 7,
	}
	return s
}

func (w world) flood() inventory.FloodLine {
	l := inventory.FloodLine{Count: rapid.IntRange(1, 9).Draw(w.t, "count"), First: w.time("first"), Last: w.time("last")}
	l.Sessions = rapid.IntRange(0, l.Count).Draw(w.t, "sessions")
	if from := w.pick("flooded", "", "10.0.0.2/32", "2001:db8::/64"); from != "" {
		l.Source = netip.MustParsePrefix(from)
	}
	return l
}

func (w world) change() inventory.Change {
	c := inventory.Change{Time: w.time("changed"), Device: w.device(), Old: w.pick("old", "", "x"), By: w.pick("by", "eve", "bob")}
	c.Key = w.pick("key", "owner", "stage", "merge", "merge", "remove", "import", "source_name")
	c.New = w.pick("new", "", "10.0.0.1/fax", "10.0.0.2/fax", "10.0.0.3/scan", "block")
	return c
}

// TestFold_IsTheSameInAnyOrderAndSplit: one fold of all lines, and any number of folds of the same lines in another
// order, added up in yet another one and through snapshots, are the same inventory.
func TestFold_IsTheSameInAnyOrderAndSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{t}
		lines := make([]inventory.Line, rapid.IntRange(0, 40).Draw(t, "lines"))
		for i := range lines {
			lines[i] = w.line()
		}
		whole := inventory.NewFold()
		for i := range lines {
			whole.Line(&lines[i])
		}
		parts := make([]*inventory.Fold, rapid.IntRange(1, 4).Draw(t, "parts"))
		for i := range parts {
			parts[i] = inventory.NewFold()
		}
		for _, i := range rapid.Permutation(indexes(len(lines))).Draw(t, "order") {
			parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")].Line(&lines[i])
		}
		sum := inventory.NewFold()
		for _, i := range rapid.Permutation(indexes(len(parts))).Draw(t, "sum") {
			sum.Add(throughSnapshot(t, parts[i]))
		}
		if got, want := told(t, sum), told(t, whole); got != want {
			t.Fatalf("in parts:\n%s\nwhole:\n%s", got, want)
		}
	})
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

type fataler interface{ Fatal(args ...any) }

func throughSnapshot(t fataler, f *inventory.Fold) *inventory.Fold {
	var b bytes.Buffer
	if err := f.WriteSnapshot(&b); err != nil {
		t.Fatal(err)
	}
	back, err := inventory.ReadSnapshot(&b)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// told is all that a fold says.
func told(t fataler, f *inventory.Fold) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, d := range f.Devices(nil) {
		if err := enc.Encode(d); err != nil {
			t.Fatal(err)
		}
	}
	for id, d := range f.Tallies() {
		if err := enc.Encode(map[string]any{"id": id, "tally": d.Tally, "days": d.Days}); err != nil {
			t.Fatal(err)
		}
	}
	open := []string{}
	for o, n := range f.Opened() {
		open = append(open, fmt.Sprint(o, n))
	}
	slices.Sort(open)
	_, _ = fmt.Fprintln(&b, open, f.EndedRuns(), f.TurnedAway(), f.Elsewhere())
	return b.String()
}

func fold(lines ...inventory.Line) *inventory.Fold {
	f := inventory.NewFold()
	for i := range lines {
		f.Line(&lines[i])
	}
	return f
}

func at(seconds int) time.Time { return monday.Add(time.Duration(seconds) * time.Second) }

func admitted(run, device string, second int) inventory.Line {
	return inventory.Line{Message: inventory.MessageAdmitted, Time: at(second), Run: run,
		Session: inventory.SessionLine{Device: device, StartedAt: at(second), Mailbox: "a@b.c", TLSVersion: "1.0"}}
}

func sessionEnded(run, device string, second int, outcome inventory.Outcome) inventory.Line {
	l := admitted(run, device, second)
	l.Message, l.Session.Outcome, l.Session.Phase = inventory.MessageSession, outcome, inventory.PhaseLogin
	if outcome == inventory.OutcomeBridged {
		l.Session.Phase = inventory.PhaseRelay
	}
	l.Time = at(second + 1)
	return l
}

func started(run, previous string) inventory.Line {
	return inventory.Line{Message: inventory.MessageBridge, Run: run,
		Start: inventory.BridgeLine{Run: run, Previous: previous, Event: inventory.BridgeStart}}
}

func changed(device, key, value string, second int) inventory.Line {
	return inventory.Line{Message: inventory.MessageChange, Time: at(second),
		Change: inventory.Change{Time: at(second), Device: device, Key: key, New: value, By: "eve"}}
}

func only(t *testing.T, f *inventory.Fold) inventory.Device {
	t.Helper()
	devices := f.Devices(nil)
	if len(devices) != 1 {
		t.Fatalf("got %d devices, want 1: %+v", len(devices), devices)
	}
	return devices[0]
}

func TestFold_AdmittedSessionWithoutEndCountsAsCutOnceItsRunIsOver(t *testing.T) {
	lines := []inventory.Line{
		started("r1", ""), admitted("r1", "10.0.0.1/fax", 1), admitted("r1", "10.0.0.1/fax", 2),
		sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged),
	}
	if d := only(t, fold(lines...)); d.Sessions != 1 || d.Outcomes["cut"] != 0 {
		t.Errorf("while the run goes on: %d sessions, %v; want the one that ended", d.Sessions, d.Outcomes)
	}
	d := only(t, fold(append(lines, started("r2", "r1"))...))
	if d.Sessions != 2 || d.Outcomes["cut"] != 1 || d.Outcomes["bridged"] != 1 {
		t.Errorf("after a crash: %d sessions, %v; want one bridged and one cut", d.Sessions, d.Outcomes)
	}
	if d.LastServed == nil || !d.LastServed.Equal(at(2)) || d.Mailbox != "a@b.c" {
		t.Errorf("served %v, mailbox %q; want what the admitted line tells", d.LastServed, d.Mailbox)
	}
}

func TestFold_SessionThatWasNotAdmittedLeavesTheBalanceAlone(t *testing.T) {
	for _, outcome := range []inventory.Outcome{inventory.OutcomeRefused, inventory.OutcomeLoginFailed, inventory.OutcomeTLSFailed} {
		f := fold(admitted("r1", "10.0.0.1/fax", 1), sessionEnded("r1", "10.0.0.1/fax", 2, outcome), started("r2", "r1"))
		if d := only(t, f); d.Sessions != 2 || d.Outcomes["cut"] != 1 || d.Outcomes[outcome] != 1 {
			t.Errorf("%s: %d sessions, %v; want it and the cut one", outcome, d.Sessions, d.Outcomes)
		}
	}
}

func TestFold_DeviceLeftWhileItWasLetInIsNotCountedTwice(t *testing.T) {
	gone := sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeAbandoned)
	gone.Session.Phase, gone.Session.Proven = inventory.PhaseAdmit, true
	if d := only(t, fold(admitted("r1", "10.0.0.1/fax", 1), gone, started("r2", "r1"))); d.Sessions != 1 {
		t.Errorf("%d sessions, %v; want one", d.Sessions, d.Outcomes)
	}
}

func TestFold_FloodCountsForItsSourceAndMakesNoDeviceOfThoseTurnedAway(t *testing.T) {
	line := func(source string, count, sessions int) inventory.Line {
		l := inventory.Line{Message: inventory.MessageFlood, Time: at(9), Flood: inventory.FloodLine{Count: count, Sessions: sessions,
			First: at(1), Last: at(8)}}
		if source != "" {
			l.Flood.Source = netip.MustParsePrefix(source)
		}
		return l
	}
	f := fold(line("10.0.0.9/32", 5, 0), line("10.0.0.2/32", 7, 3), line("2001:db8::/64", 2, 2), line("", 4, 1))
	devices := f.Devices(nil)
	if len(devices) != 2 || devices[0].ID != "10.0.0.2/-" || devices[1].ID != "2001:db8::/64/-" {
		t.Fatalf("got %+v, want the two sources that had sessions", devices)
	}
	if devices[0].Sessions != 3 || devices[0].Flooded != 3 || devices[1].Source != "2001:db8::/64" {
		t.Errorf("got %+v", devices)
	}
	if f.TurnedAway() != 12 || f.Elsewhere() != 1 {
		t.Errorf("turned away %d, elsewhere %d; want 12 and 1", f.TurnedAway(), f.Elsewhere())
	}
}

func TestFold_MergedIDsAreOneDevice(t *testing.T) {
	f := fold(sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged), sessionEnded("r1", "10.0.0.2/fax", 5, inventory.OutcomeBridged),
		changed("10.0.0.1/fax", "owner", "Radiology", 2), changed("10.0.0.1/fax", "note", "first floor", 2),
		changed("10.0.0.2/fax", "owner", "Purchasing", 1),
		changed("10.0.0.1/fax", "merge", "10.0.0.2/fax", 9))
	d := only(t, f)
	if d.ID != "10.0.0.2/fax" || !slices.Equal(d.MergedIDs, []string{"10.0.0.1/fax"}) || d.Sessions != 2 {
		t.Errorf("got %s of %v with %d sessions", d.ID, d.MergedIDs, d.Sessions)
	}
	if d.Owner != "Purchasing" || d.Note != "first floor" {
		t.Errorf("owner %q, note %q; want the root's own, and what it has none of from the other", d.Owner, d.Note)
	}
	f.Line(new(changed("10.0.0.1/fax", "merge", "", 10)))
	if devices := f.Devices(nil); len(devices) != 2 {
		t.Errorf("after it was parted: %d devices, want 2", len(devices))
	}
}

func TestRoot_OfARing(t *testing.T) {
	ring := map[string]string{"x": "c", "c": "b", "b": "a", "a": "c"}
	for id := range ring {
		if got := inventory.Root(id, func(id string) string { return ring[id] }); got != "a" {
			t.Errorf("root of %s: %s, want a", id, got)
		}
	}
}

func TestFold_RemovedDeviceComesBackOnlyByItself(t *testing.T) {
	f := fold(sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged), changed("10.0.0.1/fax", "owner", "Radiology", 3),
		changed("10.0.0.1/fax", "remove", "", 5))
	if devices := f.Devices(nil); len(devices) != 0 {
		t.Fatalf("a removed device is listed: %+v", devices)
	}
	f.Line(new(sessionEnded("r1", "10.0.0.1/fax", 8, inventory.OutcomeBridged)))
	if d := only(t, f); d.Owner != "" || d.Sessions != 2 {
		t.Errorf("owner %q, %d sessions; want what was set forgotten, and what it did told", d.Owner, d.Sessions)
	}
}

func TestFold_ForgedObjectsDoNotSpoilTheExport(t *testing.T) {
	l := sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged)
	l.Session.Hello, l.Session.ClientID = `{"format":`, `"a"}`
	if _, err := json.Marshal(only(t, fold(l))); err != nil {
		t.Error(err)
	}
}

func TestParseSetting(t *testing.T) {
	for _, test := range []struct{ key, value, want, problem string }{
		{"stage", " Block ", "block", ""},
		{"stage", "", "", ""},
		{"stage", "off", "", "is one of bridge, warn, brownout, block"},
		{"category", "medical", "medical", ""},
		{"priority", "HIGH", "high", ""},
		{"deadline", "2027-03-01", "2027-03-01", ""},
		{"deadline", "01.03.2027", "", "is a date such as 2027-03-01"},
		{"cost", "1200", "1200", ""},
		{"cost", "0012.50", "12.50", ""},
		{"cost", "1200,5", "1200.50", ""},
		{"cost", "7.00", "7", ""},
		{"cost", "1.200,50", "", "is an amount such as 1200 or 1200.50, without a currency"},
		{"cost", "-1", "", "is an amount such as 1200 or 1200.50, without a currency"},
		{"owner", "  Radiology \r\n second floor ", "Radiology second floor", ""},
		{"note", "\x1b[31mred", `\u001b[31mred`, ""},
		{"vendor", "x", "", "is nothing that can be set; there are stage, deadline, owner, category, priority, cost, location, model, " +
			"asset_tag, ticket, note"},
	} {
		got, err := inventory.ParseSetting(test.key, test.value)
		if problem, _ := err.(*inventory.SettingError); got != test.want || (err != nil) != (test.problem != "") ||
			err != nil && problem.Problem != test.problem {
			t.Errorf("%s %q: got %q, %v; want %q, %q", test.key, test.value, got, err, test.want, test.problem)
		}
	}
}

// TestTally_HistoryIsBounded changes a device again and again.
func TestTally_HistoryIsBounded(t *testing.T) {
	f := inventory.NewFold()
	for n := range 250 {
		line := changed("10.0.0.1/fax", inventory.KeyNote, fmt.Sprint(n), n)
		f.Line(&line)
	}
	for _, folded := range f.Tallies() {
		if all := folded.Tally.History(); len(all) != 200 || all[0].New != "50" || all[199].New != "249" {
			t.Errorf("the history has %d changes, want the newest 200", len(all))
		}
		return
	}
	t.Error("no device")
}
