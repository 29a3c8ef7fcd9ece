package main

import (
	"errors"
	"strings"
	"testing"
)

// TestDiskWarning: below a tenth of free disk, and no sooner; a disk that cannot be asked tells nothing.
func TestDiskWarning(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		free, total uint64
		err         error
		warns       bool
	}{
		{100, 1000, nil, false}, {99, 1000, nil, true}, {0, 1000, nil, true}, {1000, 1000, nil, false}, {0, 0, nil, false},
		{1 << 60, 1 << 62, nil, false}, {1 << 58, 1 << 62, nil, true}, {0, 1000, errors.New("gone"), false},
	} {
		b := &bridge{data: &dataDir{path: t.TempDir()}, disk: func(string) (uint64, uint64, error) { return test.free, test.total, test.err }}
		if got := strings.Join(b.diskWarnings(), ";"); strings.Contains(got, "inventory.keep.size") != test.warns {
			t.Errorf("%d of %d free, %v: %q", test.free, test.total, test.err, got)
		}
	}
	free, total, err := diskOf(t.TempDir())
	if err != nil || total == 0 || free > total {
		t.Errorf("this disk has %d of %d free, %v", free, total, err)
	}
	if _, _, err := diskOf("/no/such/folder"); err == nil {
		t.Error("a folder that is not there has a disk")
	}
}

// TestReadiness_TellsOfAFullDisk.
func TestReadiness_TellsOfAFullDisk(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	const says = "less than a tenth"
	w.bridge.disk = func(string) (uint64, uint64, error) { return 50, 100, nil } // nobody else asks in this test
	if now := strings.Join(w.bridge.readiness().Warnings, ";"); strings.Contains(now, says) {
		t.Errorf("warnings %q of a disk that is half free", now)
	}
	w.bridge.disk = func(string) (uint64, uint64, error) { return 9, 100, nil }
	if now := strings.Join(w.bridge.readiness().Warnings, ";"); !strings.Contains(now, says) {
		t.Errorf("warnings %q, want one of the disk", now)
	}
}
