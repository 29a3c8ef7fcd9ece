package records_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/internal/records"
	"drawbridge/inventory/journal"
)

func made(t testing.TB, o records.Options) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := records.Write(t.Context(), &buf, o); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestWrite_TheSameEachTime(t *testing.T) {
	o := records.Options{Records: 2000, Devices: 100, Days: 3, Seed: 7, Journal: true}
	if !bytes.Equal(made(t, o), made(t, o)) {
		t.Error("the same options made different records")
	}
	other := o
	other.Seed = 8
	if bytes.Equal(made(t, o), made(t, other)) {
		t.Error("another seed made the same records")
	}
}

// TestWrite_IsWhatABridgeWrites reads the records as a log.
func TestWrite_IsWhatABridgeWrites(t *testing.T) {
	contents := made(t, records.Options{Records: 5000, Devices: 500, Days: 3, Seed: 1})
	if size := len(contents) / 5000; size < 1750 || size > 2050 {
		t.Errorf("a record has %d bytes", size)
	}
	if bytes.Contains(contents, []byte("987654321")) || bytes.Contains(contents, []byte("12321,")) ||
		bytes.Contains(contents, []byte("2001-01-01")) || bytes.Contains(contents, []byte("2002-02-02")) {
		t.Error("a stand-in was not replaced")
	}
	ids, outcomes, versions := map[string]bool{}, map[inventory.Outcome]int{}, map[string]int{}
	strangers, hostile := 0, 0
	stats, err := journal.ReadLog(t.Context(), bytes.NewReader(contents), func(l *inventory.Line) error {
		s := l.Session
		ids[s.ID] = true
		outcomes[s.Outcome]++
		versions[s.TLSVersion]++
		if s.Account == "" {
			strangers++
		}
		if strings.Contains(s.ClientID, "cmd|") {
			hostile++
		}
		if !s.StartedAt.Add(s.Duration).Equal(l.Time) || s.Device == "" || s.Hello == "" {
			t.Errorf("%+v", l)
		}
		return nil
	}, journal.LogOptions{})
	if err != nil || stats != (journal.Stats{Lines: 5000}) || len(ids) != 5000 {
		t.Errorf("%+v, %v, %d ids", stats, err, len(ids))
	}
	if len(outcomes) != 4 || outcomes[inventory.OutcomeBridged] < 4000 || len(versions) != 6 || strangers == 0 || hostile == 0 {
		t.Errorf("%v, %v, %d strangers, %d hostile", outcomes, versions, strangers, hostile)
	}
	for line := range bytes.Lines(contents) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestWrite_Journal(t *testing.T) {
	contents := made(t, records.Options{Records: 5000, Devices: 500, Days: 3, Seed: 1, Journal: true})
	admitted, cut := map[string]bool{}, 0
	var events []string
	_, err := journal.ReadLog(t.Context(), bytes.NewReader(contents), func(l *inventory.Line) error {
		switch l.Message {
		case inventory.MessageAdmitted:
			admitted[l.Session.ID] = true
			cut++
		case inventory.MessageSession:
			if admitted[l.Session.ID] {
				cut--
			}
		case inventory.MessageBridge:
			events = append(events, string(l.Start.Event))
		}
		return nil
	}, journal.LogOptions{})
	if err != nil || strings.Join(events, " ") != "start stop" || cut < 1 || cut > 5 || len(admitted) < 4000 {
		t.Errorf("%v, %v, %d admitted, %d of them without an end", err, events, len(admitted), cut)
	}
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	if err := records.Write(b.Context(), io.Discard, records.Options{Records: b.N, Devices: 1000, Days: 30}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
