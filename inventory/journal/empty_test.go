package journal_test

import (
	"os"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/journal"
)

// TestOpen_ThatWritesNothingLeavesNothing: commands open the journal to read the inventory, also many times after a crash.
func TestOpen_ThatWritesNothingLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	openAndClose := func() *journal.Journal {
		t.Helper()
		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return j
	}
	for range 3 {
		openAndClose()
	}
	if files := names(t, dir); len(files) != 0 {
		t.Errorf("a journal without a line has the files %v", files)
	}

	j, err := journal.Open(dir, journal.Options{Instance: inventory.Instance{Bridge: "b", Run: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	j.Bridge(inventory.BridgeLine{Time: time.Now(), Bridge: "b", Run: "r", Event: inventory.BridgeStart})
	if err := j.Close(); err != nil { // without its stop line: as after a crash
		t.Fatal(err)
	}
	for range 3 {
		j = openAndClose()
	}
	if files := names(t, dir); len(files) != 1 {
		t.Errorf("opened three times after a crash: %v, want one segment", files)
	}
	if run, end := j.Previous(); run != "r" || end != inventory.PreviousCrashed {
		t.Errorf("previous run %q, %q", run, end)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
