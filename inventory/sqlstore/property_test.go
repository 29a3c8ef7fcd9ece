package sqlstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// However the lines of several journals are split into batches and interleaved, the store has what their fold has.
func TestStoreHasWhatTheFoldHas(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s := open(t, o)
		rapid.Check(t, func(rt *rapid.T) {
			if err := s.Reset(t.Context()); err != nil {
				rt.Fatal(err)
			}
			whole := inventory.NewFold()
			sessions := 0
			for _, b := range drawBatches(rt, whole, &sessions) {
				if err := s.Apply(t.Context(), b); err != nil {
					rt.Fatal(err)
				}
			}
			compare(t.Context(), rt, s, whole, sessions)
		})
	})
}

func compare(ctx context.Context, t *rapid.T, s *sqlstore.Store, whole *inventory.Fold, sessions int) {
	want := whole.Devices(advise)
	have, total, err := s.Devices(ctx, inventory.Query{})
	if err != nil || total != len(want) {
		t.Fatalf("%d devices, want %d; %v", total, len(want), err)
	}
	all := int64(0)
	for i := range want {
		a, _ := json.Marshal(have[i])
		b, _ := json.Marshal(want[i])
		if string(a) != string(b) {
			t.Fatalf("the store has\n%s\nand the fold\n%s", a, b)
		}
		if d, err := s.Device(ctx, want[i].ID); err != nil || d.ID != want[i].ID {
			t.Fatalf("device %q: %v", want[i].ID, err)
		}
		all += want[i].Sessions
	}
	totals, err := s.Totals(ctx)
	if err != nil || totals.Sessions != all+whole.Elsewhere() || totals.TurnedAway != whole.TurnedAway() ||
		totals.Devices+totals.Strangers != int64(len(want)) {
		t.Fatalf("totals %+v; %v", totals, err)
	}
	stored, err := s.Sessions(ctx, inventory.SessionQuery{Limit: 1000})
	if err != nil || len(stored) != sessions {
		t.Fatalf("%d sessions, want %d; %v", len(stored), sessions, err)
	}
}

// drawBatches draws lines of one to three journals, adds them to whole, and returns their batches in any order that
// keeps each journal's own.
func drawBatches(t *rapid.T, whole *inventory.Fold, sessions *int) []inventory.Batch {
	journals := make([]journal, rapid.IntRange(1, 3).Draw(t, "journals"))
	for i := range journals {
		journals[i].id = fmt.Sprint("journal ", i)
	}
	var batches []inventory.Batch
	for range rapid.IntRange(1, 12).Draw(t, "batches") {
		j := rapid.IntRange(0, len(journals)-1).Draw(t, "journal")
		lines := make([]inventory.Line, rapid.IntRange(1, 8).Draw(t, "lines"))
		for i := range lines {
			lines[i] = drawLine(t, j)
			whole.Line(&lines[i])
			if lines[i].Message == inventory.MessageSession {
				*sessions++
			}
		}
		batches = append(batches, journals[j].batch(lines...))
	}
	return batches
}

var (
	drawDevice = rapid.SampledFrom([]string{"192.0.2.1/a@x.test", "192.0.2.1/b@x.test", "192.0.2.2/a@x.test", "192.0.2.2/-",
		"2001:db8::1/c@x.test", "192.0.2.3/d", "192.0.2.3/e", "192.0.2.3/f"})
	drawMessage = rapid.SampledFrom([]string{"admitted", "session", "session", "flood", "change", "merge", "bridge"})
	drawVersion = rapid.SampledFrom([]string{"", "ssl3", "1.0", "1.1", "1.2", "1.3"})
	drawText    = rapid.SampledFrom([]string{"", "HP", "ÄÖ <script>", "naïve\u2028 %_\\'\"", "日本", "\x1b[31m"})
	drawOutcome = rapid.SampledFrom([]inventory.Outcome{inventory.OutcomeBridged, inventory.OutcomeCut, inventory.OutcomeTLSFailed,
		inventory.OutcomeRefused, inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed, inventory.OutcomeProtocolError,
		inventory.OutcomeAbandoned})
)

func drawLine(t *rapid.T, journal int) inventory.Line {
	at := noon.Add(time.Duration(rapid.IntRange(0, 5*24*60).Draw(t, "minute")) * time.Minute)
	run := fmt.Sprintf("run %d/%d", journal, rapid.IntRange(0, 2).Draw(t, "run"))
	l := inventory.Line{Message: drawMessage.Draw(t, "message"), Time: at, Run: run}
	device := drawDevice.Draw(t, "device")
	source, _ := inventory.SplitID(device)
	switch l.Message {
	case inventory.MessageFlood:
		l.Flood = inventory.FloodLine{Source: netip.PrefixFrom(netip.MustParseAddr(source), netip.MustParseAddr(source).BitLen()),
			Count: 9, Sessions: rapid.IntRange(0, 9).Draw(t, "sessions"), First: at, Last: at.Add(time.Minute)}
	case inventory.MessageChange:
		key := rapid.SampledFrom([]string{"stage", "deadline", "owner", "category", "priority", "cost", "note", "import", "remove",
			"vendor"}).Draw(t, "key")
		l.Change = inventory.Change{Time: at, Device: device, Key: key, New: drawText.Draw(t, "new"), By: "tests"}
	case "merge":
		l.Message = inventory.MessageChange
		l.Change = inventory.Change{Time: at, Device: device, Key: inventory.KeyMerge, By: "tests"}
		if rapid.IntRange(0, 3).Draw(t, "merged") > 0 {
			l.Change.New = drawDevice.Draw(t, "into")
		}
	case inventory.MessageBridge:
		l.Start = inventory.BridgeLine{Event: inventory.BridgeStart, Previous: run}
	default:
		l.Session = drawSession(t, device, at)
	}
	return l
}

func drawSession(t *rapid.T, device string, at time.Time) inventory.SessionLine {
	source, account := inventory.SplitID(device)
	s := inventory.SessionLine{ID: fmt.Sprint(at.UnixNano()), Device: device, Source: netip.MustParseAddr(source),
		Vendor:     drawText.Draw(t, "vendor"),
		TLSVersion: drawVersion.Draw(t, "version"), Outcome: drawOutcome.Draw(t, "outcome"), Phase: inventory.PhaseRelay,
		ClientID: `{"name":"<Outlook> & \u0000"}`, Blockers: "rc4 tls10", StartedAt: at.Add(-time.Hour), BytesFromDevice: 3,
		BytesToDevice: 1 << 40}
	if account != inventory.Stranger {
		s.Account = account
	}
	return s
}
