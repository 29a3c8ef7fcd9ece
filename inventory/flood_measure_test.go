//go:build measure

package inventory_test

import (
	"runtime"
	"testing"
)

func TestMeasure_FloodBoundsItsMemory(t *testing.T) {
	var before uint64
	millionSources(t, func(sources int, gone bool) {
		held := heap()
		switch {
		case sources == 0:
			before = held
		case gone && held > before+1<<20:
			t.Errorf("two hours later it still holds %d KiB", (held-before)>>10)
		case held > before+4<<20:
			t.Errorf("it holds %d KiB of %d sources, want 4 MiB at most", (held-before)>>10, sources)
		}
	})
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
