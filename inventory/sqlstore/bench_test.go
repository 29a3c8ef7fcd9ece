package sqlstore_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// BenchmarkApply adds batches of sessions with records of full size. What a batch costs is that of its sessions and that
// of its devices: few are those of a site, and with many each session of a small batch is of another device.
func BenchmarkApply(b *testing.B) {
	for _, c := range []struct{ lines, devices int }{{1000, 50}, {1000, 1000}, {1000, 20000}, {10000, 1000}} {
		b.Run(fmt.Sprintf("lines=%d/devices=%d", c.lines, c.devices), func(b *testing.B) {
			s := open(b, sqlstore.Options{SQLite: filepath.Join(b.TempDir(), "inventory.db"), Advise: advise})
			j := journal{id: "bench"}
			n := 0
			for b.Loop() {
				b.StopTimer()
				batch := fullBatch(&j, n, c.lines, c.devices)
				n += len(batch.Sessions)
				b.StartTimer()
				apply(b, s, batch)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func fullBatch(j *journal, from, count, devices int) inventory.Batch {
	lines := make([]inventory.Line, count)
	for i := range lines {
		n := from + i
		lines[i] = session(fmt.Sprintf("session-%08d", n), benchDevice(n*7919%devices), n/100)
		l := &lines[i].Session
		l.Hello = `{"record_version":"1.0","version":"1.0","ciphers":["` + strings.Repeat("TLS_RSA_WITH_AES_128_CBC_SHA ", 12) +
			`"],"ja3":"0123456789abcdef"}`
		l.ClientID = `{"name":"Konica Minolta bizhub","version":"4.2"}`
		l.Vendor, l.Mailbox, l.Blockers = []string{"HP", "Ricoh", "Brother", "Xerox"}[n%4], "mailbox@hospital.test", "tls10 rc4"
	}
	batch := j.batch(lines...)
	record := json.RawMessage(`{"record":"` + strings.Repeat("x", 1900) + `"}`)
	for i := range batch.Sessions {
		batch.Sessions[i].Record = record
	}
	return batch
}

func benchDevice(n int) string {
	return fmt.Sprintf("10.%d.%d.%d/printer%d@hospital.test", n>>16&255, n>>8&255, n&255, n)
}

// BenchmarkDevices reads pages of 50 of 50,000 devices.
func BenchmarkDevices(b *testing.B) {
	s := open(b, sqlstore.Options{SQLite: filepath.Join(b.TempDir(), "inventory.db"), Advise: advise})
	j := journal{id: "bench"}
	for n := 0; n < 50000; n += 1000 {
		apply(b, s, fullBatch(&j, n, 1000, 50000))
	}
	for name, q := range map[string]inventory.Query{
		"all":         {Limit: 50},
		"sorted":      {Sort: "last_seen", Descending: true, Limit: 50},
		"searched":    {Search: "printer49", Sort: "last_seen", Descending: true, Limit: 50},
		"search-all":  {Search: "hospital", Sort: "vendor", Limit: 50, Offset: 20000},
		"search-none": {Search: "no such thing", Sort: "vendor", Limit: 50},
		"filtered":    {Vendors: []string{"HP"}, Blockers: []string{"rc4"}, QuietSince: noon.Add(time.Hour), Sort: "sessions", Limit: 50},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				devices(b, s, q)
			}
		})
	}
	b.Run("totals", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Totals(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
