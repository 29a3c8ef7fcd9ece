package journal_test

import (
	"bytes"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/internal/records"
	"drawbridge/inventory/journal"
)

// BenchmarkFold reads a log of full size records and folds it, as drawbridge inventory --from does.
func BenchmarkFold(b *testing.B) {
	var log bytes.Buffer
	const n = 60_000
	if err := records.Write(b.Context(), &log, records.Options{Records: n, Devices: 2000, Days: 30, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(log.Len()))
	for b.Loop() {
		fold := inventory.NewFold()
		stats, err := journal.ReadLog(b.Context(), bytes.NewReader(log.Bytes()),
			func(l *inventory.Line) error { fold.Line(l); return nil }, journal.LogOptions{})
		if err != nil || stats != (journal.Stats{Lines: n}) {
			b.Fatal(stats, err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "lines/s")
}
