//go:build measure

package sandbox_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

func TestMeasure_FilterHoldsNothingOfALiteral(t *testing.T) {
	const size = 64 << 20
	f := sandbox.NewFilter(io.Discard, func(line []byte) []byte { return line })
	fmt.Fprintf(f, "* 1 FETCH (BODY[] {%d}\r\n", size)
	piece := make([]byte, 64<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range size / len(piece) {
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("the filter allocated %d bytes for a literal of %d", grown, size)
	}
}

func TestMeasure_ByeToOneThatDoesNotRead(t *testing.T) {
	if took := sayByeToADeafOne(t); took > 4*time.Second {
		t.Errorf("the end took %v", took)
	}
}
