package sqlstore_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// onBoth runs a test over SQLite and over PostgreSQL, with the options of an empty database.
func onBoth(t *testing.T, test func(t *testing.T, o sqlstore.Options)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, sqlstore.Options{SQLite: filepath.Join(t.TempDir(), "inventory.db"), Advise: advise})
	})
	t.Run("postgres", func(t *testing.T) { test(t, sqlstore.Options{Postgres: postgres(t), Advise: advise}) })
}

// advise is a pure function of the device, as advisors are.
func advise(d *inventory.Device) {
	d.NextStep = inventory.StepIdentify
	if d.Account == inventory.Stranger {
		d.NextStep = inventory.StepWatch
	}
	d.Advice = []inventory.Advice{{Text: fmt.Sprint("sessions: ", d.Sessions)}}
}

func open(t testing.TB, o sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// journal makes batches of lines that follow on each other.
type journal struct {
	id   string
	next int64
}

func (j *journal) batch(lines ...inventory.Line) inventory.Batch {
	b := inventory.Batch{From: j.at(), Fold: inventory.NewFold()}
	for i := range lines {
		l := &lines[i]
		b.Fold.Line(l)
		if l.Message == inventory.MessageSession {
			b.Sessions = append(b.Sessions, inventory.StoredSession{ID: l.Session.ID, Device: l.Session.Device, StartedAt: l.Session.StartedAt,
				Outcome: l.Session.Outcome, Record: json.RawMessage(fmt.Sprintf(`{"session_id":%q}`, l.Session.ID))})
		}
	}
	j.next += int64(len(lines))
	b.To = j.at()
	return b
}

func (j *journal) at() inventory.Position {
	if j.next == 0 {
		return inventory.Position{Journal: j.id}
	}
	return inventory.Position{Journal: j.id, Segment: 1, Offset: j.next}
}

func apply(t testing.TB, s *sqlstore.Store, b inventory.Batch) {
	t.Helper()
	if err := s.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// session returns a session line of a device that began n minutes after noon and ended a second later.
func session(id, device string, n int) inventory.Line {
	source, account := inventory.SplitID(device)
	ip, _ := netip.ParseAddr(source)
	began := noon.Add(time.Duration(n) * time.Minute)
	return inventory.Line{Message: inventory.MessageSession, Time: began.Add(time.Second), Run: "run", Session: inventory.SessionLine{
		ID: id, Device: device, Source: ip, Account: account, Listener: "imaps", Protocol: "imap", TLSVersion: "1.0",
		Outcome: inventory.OutcomeRefused, Phase: inventory.PhaseDecide, StartedAt: began, Readiness: "upgrade", BytesFromDevice: 10,
		BytesToDevice: 20,
	}}
}

func change(device, key, value string, n int) inventory.Line {
	at := noon.Add(time.Duration(n) * time.Second)
	return inventory.Line{Message: inventory.MessageChange, Time: at, Change: inventory.Change{Time: at, Device: device, Key: key,
		New: value, By: "tests"}}
}

func devices(t testing.TB, s *sqlstore.Store, q inventory.Query) []inventory.Device {
	t.Helper()
	all, _, err := s.Devices(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ids(all []inventory.Device) []string {
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.ID
	}
	return names
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
