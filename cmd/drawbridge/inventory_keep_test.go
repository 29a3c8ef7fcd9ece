package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
)

// TestInventory_NothingIsLostByRetention: single sessions and the journal's files go, what a device came to stays, also
// in a store that is made anew from what is left.
func TestInventory_NothingIsLostByRetention(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.end()
	w.bridge.cfg().Inventory.Journal.Rotate = 1 // every write begins a file
	w.start(w.bridge.cfg())
	const id = "127.0.0.2/scanner@contoso.example"
	for range 4 {
		w.comes("127.0.0.2")
	}
	w.wantCounts(t, id+" 4")
	must(t, w.bridge.ledger.Set(t.Context(), id, map[string]string{"owner": "Radiology"}, "test"))
	before := printed(t, w.stored(t))
	files := len(journalFiles(t, w.dataDir()))

	later := time.Now().Add(w.bridge.cfg().Inventory.Keep.Sessions + time.Hour)
	must(t, w.bridge.ledger.Drop(t.Context(), later))
	if left := len(journalFiles(t, w.dataDir())); left >= files {
		t.Errorf("%d files of the journal are left of %d", left, files)
	}
	if _, err := os.Stat(snapshotOf(t, w.dataDir())); err != nil {
		t.Error(err)
	}
	sessions, err := w.bridge.ledger.Sessions(t.Context(), inventory.SessionQuery{})
	must(t, err)
	if len(sessions) != 0 {
		t.Errorf("%d single sessions are kept", len(sessions))
	}
	if after := printed(t, w.stored(t)); after != before {
		t.Errorf("after retention:\n%s\nbefore:\n%s", after, before)
	}
	w.comes("127.0.0.2")
	must(t, w.bridge.ledger.Rebuild(t.Context()))
	w.wantCounts(t, id+" 5")
	whole := printed(t, w.stored(t))
	if alone := fromFiles(t, append(journalFiles(t, w.dataDir()), snapshotOf(t, w.dataDir()))...); alone != whole {
		t.Errorf("from what is left of the journal alone:\n%s\nthe store:\n%s", alone, whole)
	}
	d, err := w.bridge.ledger.Device(t.Context(), id)
	must(t, err)
	if d.Owner != "Radiology" || d.Outcomes[inventory.OutcomeBridged] != 5 {
		t.Errorf("made anew: owner %q, outcomes %v", d.Owner, d.Outcomes)
	}
}

// TestInventory_StoreFromAnOldCopy: a store that is older than what the journal has dropped is told of, with its mend, and
// rebuild mends it.
func TestInventory_StoreFromAnOldCopy(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.end()
	w.bridge.cfg().Inventory.Journal.Rotate = 1
	w.start(w.bridge.cfg())
	const id = "127.0.0.2/scanner@contoso.example"
	w.comes("127.0.0.2")
	w.wantCounts(t, id+" 1")
	w.end()
	store := filepath.Join(w.dataDir(), ledger.StoreFile)
	old, err := os.ReadFile(store)
	must(t, err)

	w.start(w.bridge.cfg())
	for range 3 {
		w.comes("127.0.0.2")
	}
	w.wantCounts(t, id+" 4")
	must(t, w.bridge.ledger.Drop(t.Context(), time.Now().Add(w.bridge.cfg().Inventory.Keep.Sessions+time.Hour)))
	w.end()
	must(t, os.WriteFile(store, old, 0o600))
	w.start(w.bridge.cfg())
	if err := w.bridge.ledger.CatchUp(t.Context()); err == nil || !strings.Contains(err.Error(), "drawbridge inventory rebuild") {
		t.Errorf("with an old copy of the store: %v, want the mend", err)
	}
	must(t, w.bridge.ledger.Rebuild(t.Context()))
	w.wantCounts(t, id+" 4")
}

func snapshotOf(t *testing.T, dataDir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dataDir, ledger.JournalFolder, "*snapshot*"))
	must(t, err)
	return strings.Join(found, "")
}
