package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/inventory/ledger"
)

// TestInventory_TornLine: a last line that a power cut tore is skipped; what is before and what comes after it counts.
func TestInventory_TornLine(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.comes("127.0.0.2")
	w.end()
	files := journalFiles(t, w.dataDir())
	f, err := os.OpenFile(files[len(files)-1], os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(`{"msg":"session","time":"2026-11-24T10:00:00.000Z","device":"127.0.0.66/torn","outc`)
	must(t, err)
	must(t, f.Close())
	w.start(w.bridge.cfg())
	w.comes("127.0.0.2")
	w.wantCounts(t, "127.0.0.2/scanner@contoso.example 2")
	must(t, w.bridge.ledger.Rebuild(t.Context()))
	w.wantCounts(t, "127.0.0.2/scanner@contoso.example 2")
	totals, err := w.bridge.ledger.Totals(t.Context())
	must(t, err)
	if totals.BadLines != 1 {
		t.Errorf("%d bad lines are told, want the torn one", totals.BadLines)
	}
}

// TestInventory_DamagedStore: a bridge or a command whose SQLite file is damaged sets it aside and makes it anew, with what
// was set; the bridge says so.
func TestInventory_DamagedStore(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.comes("127.0.0.2")
	w.wantCounts(t, "127.0.0.2/scanner@contoso.example 1")
	must(t, w.bridge.ledger.Set(t.Context(), "127.0.0.2/scanner@contoso.example", map[string]string{"owner": "Radiology", "stage": "warn"},
		"test"))
	w.end()
	damage := func() {
		for _, name := range []string{"-wal", "-shm"} {
			_ = os.Remove(filepath.Join(w.dataDir(), ledger.StoreFile+name))
		}
		must(t, os.WriteFile(filepath.Join(w.dataDir(), ledger.StoreFile), bytes.Repeat([]byte("no database"), 1000), 0o600))
	}
	damage()
	w.start(w.bridge.cfg())
	if reads := w.comes("127.0.0.2"); !strings.Contains(reads, "This device uses outdated encryption.") {
		t.Errorf("the device reads %q, want the warning of the stage that was set", reads)
	}
	w.wantCounts(t, "127.0.0.2/scanner@contoso.example 2")
	if warnings := strings.Join(w.bridge.warnings(), ";"); !strings.Contains(warnings, "remove inventory.db.aside-1 from the data") ||
		strings.Contains(warnings, "is behind the journal") {
		t.Errorf("warnings %q, want that a store was set aside", warnings)
	}
	w.end()

	damage()
	path := w.configFile(t)
	for range 2 {
		if got := inventoryOf(t, path); !strings.Contains(got, `"owner":"Radiology"`) || !strings.Contains(got, `"sessions":2`) {
			t.Errorf("made anew by a command: %s", got)
		}
		spoilPages(t, filepath.Join(w.dataDir(), ledger.StoreFile))
	}
	w.rebuild(t)
	if aside, _ := filepath.Glob(filepath.Join(w.dataDir(), ledger.StoreFile+".aside-?")); len(aside) != 4 {
		t.Errorf("set aside: %v, want four", aside)
	}
}

// spoilPages leaves a SQLite file its first page, so that it can be opened, and spoils the others.
func spoilPages(t *testing.T, path string) {
	t.Helper()
	const page = 4096
	data, err := os.ReadFile(path)
	must(t, err)
	if len(data) < 4*page {
		t.Fatalf("the store has %d bytes: there is nothing to spoil", len(data))
	}
	copy(data[page:], bytes.Repeat([]byte("spoilt"), len(data)))
	must(t, os.WriteFile(path, data, 0o600))
}

// configFile writes a configuration that names the world's data directory.
func (w *world) configFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(w.dir, "commands.yaml")
	must(t, os.WriteFile(path, []byte("data_dir: "+w.dataDir()+"\n"), 0o600))
	return path
}

func (w *world) rebuild(t *testing.T) {
	t.Helper()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"inventory", "rebuild", "--config", w.configFile(t)}, &out, &out); code != exitDone {
		t.Fatalf("rebuild: exit %d: %s", code, &out)
	}
}
