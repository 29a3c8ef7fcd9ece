//go:build measure

package certs_test

import (
	"testing"
	"time"
)

func TestMeasure_ACMEStopsWhileTheDirectoryHangs(t *testing.T) {
	if took := stopWhileTheDirectoryHangs(t); took > 5*time.Second {
		t.Errorf("took %v to end", took)
	}
}
