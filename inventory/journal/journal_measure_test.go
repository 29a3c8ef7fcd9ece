//go:build measure

package journal

import (
	"runtime"
	"testing"
	"time"
)

func TestMeasure_ALineOf256MiBTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	readHugeLine(t)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestMeasure_RealFullDisk(t *testing.T) {
	if took := writeToFullDisk(t); took > 3*time.Second {
		t.Errorf("Admitted took %v", took)
	}
}
