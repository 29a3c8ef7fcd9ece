//go:build measure

package enrich_test

import (
	"testing"
	"time"
)

func TestMeasure_BytesThatAreNoAnswer(t *testing.T) {
	if took := askForNoAnswer(t); took > 5*time.Second {
		t.Errorf("a question took %s", took)
	}
}

func TestMeasure_SilentDeviceEndsWithRun(t *testing.T) {
	if took := askASilentOne(t); took > time.Second {
		t.Errorf("Run ended %s after its context", took)
	}
}
