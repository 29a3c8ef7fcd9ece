//go:build measure && linux

package main

import (
	"fmt"
	"testing"
	"time"
)

// TestMeasure_BulkPassesInFlatMemory looks at the bridge's peak.
func TestMeasure_BulkPassesInFlatMemory(t *testing.T) {
	const size, most = 200 << 20, 16 << 20 // bytes, and by how many of them the peak may grow for a message of any size
	carryBulk(t, size, func(p *process, carry func()) {
		before := p.proc("status", "VmHWM")
		carry()
		if grown := p.proc("status", "VmHWM") - before; grown > most {
			t.Errorf("the bridge's peak grew by %d KiB for a message of %d MiB, want at most %d KiB", grown>>10, size>>20, most>>10)
		} else {
			t.Logf("peak %d KiB, grown by %d KiB", p.proc("status", "VmHWM")>>10, grown>>10)
		}
	})
}

// TestMeasure_IdleSessionsAreSmall divides what the bridge takes for many.
func TestMeasure_IdleSessionsAreSmall(t *testing.T) {
	const sessions, most = 2000, 50 << 10 // bytes of the bridge for each
	holdIdle(t, sessions, func(p *process, arrive func()) {
		before := p.proc("smaps_rollup", "Pss")
		if arrive(); t.Failed() {
			return
		}
		var each int64
		until(t, fmt.Sprintf("the bridge to take at most %d KiB a session", most>>10), func() bool {
			each = (p.proc("smaps_rollup", "Pss") - before) / sessions
			return each <= most
		})
		t.Logf("%d sessions take %d bytes each", sessions, each)
	})
}

func TestMeasure_FullDiskLetsDevicesIn(t *testing.T) {
	wantSoon(t, "a device's login while the disk is full", fillTheDisk(t), 3*time.Second)
}
