package ledger_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // what damages it from outside

	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
)

// TestLedger_SetsAsideWhatIsNoStore: whatever stands in the store's place at the start is kept under another name, as it is,
// and the store is made anew, with what was set.
func TestLedger_SetsAsideWhatIsNoStore(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string, whole []byte) []byte{
		"random bytes": func(*testing.T, string, []byte) []byte {
			noise := make([]byte, 8<<10)
			_, _ = rand.Read(noise)
			return noise
		},
		"truncated":           func(_ *testing.T, _ string, whole []byte) []byte { return whole[:len(whole)/2+100] },
		"truncated in a page": func(_ *testing.T, _ string, whole []byte) []byte { return whole[:5000] },
		"only a head":         func(_ *testing.T, _ string, whole []byte) []byte { return whole[:200] },
		"pages of noise": func(_ *testing.T, _ string, whole []byte) []byte {
			return append(bytes.Clone(whole[:8192]), bytes.Repeat([]byte{0xa5}, len(whole)-8192)...)
		},
		"somebody else's": func(t *testing.T, path string, _ []byte) []byte {
			return database(t, path, "CREATE TABLE recipes (name TEXT)", "INSERT INTO recipes VALUES ('soup')")
		},
		"somebody else's with a table of our name": func(t *testing.T, path string, _ []byte) []byte {
			return database(t, path, "CREATE TABLE devices (name TEXT)", "INSERT INTO devices VALUES ('lamp')")
		},
		"somebody else's by goose": func(t *testing.T, path string, _ []byte) []byte {
			return database(t, path, "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER, is_applied INTEGER, tstamp TEXT)",
				"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (77, 1)", "CREATE TABLE recipes (name TEXT)")
		},
		"ours without a table": func(t *testing.T, path string, whole []byte) []byte {
			must(t, os.WriteFile(path, whole, 0o600))
			return database(t, path, "DROP TABLE sessions")
		},
		"ours with a row that cannot be read": func(t *testing.T, path string, whole []byte) []byte {
			must(t, os.WriteFile(path, whole, 0o600))
			return database(t, path, "UPDATE tallies SET tally = '{'")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := start(t, dir)
			d.comes(scanner)
			d.counts(scanner + " 1")
			must(t, d.Set(t.Context(), scanner, map[string]string{"owner": "Radiology"}, "test"))
			must(t, d.Close())
			path := filepath.Join(dir, ledger.StoreFile)
			whole, err := os.ReadFile(path)
			must(t, err)
			removeAll(t, path)
			damaged := damage(t, path, whole)
			must(t, os.WriteFile(path, damaged, 0o600))

			d = start(t, dir)
			d.comes(scanner)
			d.counts(scanner + " 2")
			if got := d.device(scanner); got.Owner != "Radiology" {
				t.Errorf("owner %q, want Radiology", got.Owner)
			}
			aside := d.SetAside()
			if len(aside) != 1 {
				t.Fatalf("set aside: %v, want one file", aside)
			}
			kept, err := os.ReadFile(filepath.Join(dir, aside[0]))
			const head = 100 // where SQLite notes how a file is written
			if err != nil || !strings.HasPrefix(name, "ours") && !bytes.Equal(kept[head:], damaged[head:]) {
				t.Errorf("what was set aside is not what stood there: %d of %d bytes, %v", len(kept), len(damaged), err)
			}
			if err := d.Behind(); err != nil {
				t.Error(err)
			}
			must(t, os.Remove(filepath.Join(dir, aside[0])))
			if aside := d.SetAside(); len(aside) != 0 {
				t.Errorf("after it was removed: %v", aside)
			}
		})
	}
}

// TestLedger_NoStoreIsNotDamaged: an empty file, or one that a kill left before its first table, is a new store.
func TestLedger_NoStoreIsNotDamaged(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{"empty": "", "half made": "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY " +
		"AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, ledger.StoreFile)
			must(t, os.WriteFile(path, nil, 0o600))
			if statement != "" {
				database(t, path, statement, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)")
			}
			d := start(t, dir)
			d.comes(scanner)
			d.counts(scanner + " 1")
			if aside := d.SetAside(); len(aside) != 0 {
				t.Errorf("set aside: %v", aside)
			}
		})
	}
}

// TestLedger_SetsAsideWhatIsFoundDamagedLater, at the start or by who reads a page that the passes of the follower never touch.
func TestLedger_SetsAsideWhatIsFoundDamagedLater(t *testing.T) {
	t.Parallel()
	for _, table := range strings.Fields("goose_db_version positions sums tallies days devices documents sessions") {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := start(t, dir)
			d.comes(scanner)
			d.counts(scanner + " 1")
			must(t, d.Close())
			spoilTable(t, filepath.Join(dir, ledger.StoreFile), table)
			d = start(t, dir)
			must(t, d.CatchUp(t.Context()))
			if aside := d.SetAside(); len(aside) == 0 && d.readAll() == nil {
				t.Fatal("the spoilt page was read")
			}
			must(t, d.CatchUp(t.Context()))
			must(t, d.readAll())
			d.counts(scanner + " 1")
			if aside := d.SetAside(); len(aside) != 1 {
				t.Errorf("set aside: %v, want one file", aside)
			}
		})
	}
}

// readAll reads all that there is to read.
func (d *desk) readAll() error {
	ctx := d.t.Context()
	_, _, devices := d.Devices(ctx, inventory.Query{})
	_, device := d.Device(ctx, scanner)
	_, history := d.History(ctx, scanner)
	_, days := d.Days(ctx, "", time.Time{})
	_, sessions := d.Sessions(ctx, inventory.SessionQuery{})
	_, totals := d.Totals(ctx)
	return errors.Join(devices, device, history, days, sessions, totals)
}

// TestLedger_SetsAsideSoManyTimes: a disk that damages each store is not filled with them.
func TestLedger_SetsAsideSoManyTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 12 {
		must(t, os.WriteFile(filepath.Join(dir, ledger.StoreFile), bytes.Repeat([]byte("noise"), 4000), 0o600))
		d := start(t, dir)
		_ = d.CatchUp(t.Context())
		must(t, d.Close())
		removeAll(t, filepath.Join(dir, ledger.StoreFile))
	}
	d := open(t, dir)
	if aside := d.SetAside(); len(aside) != 9 {
		t.Errorf("%d files were set aside, want 9: %v", len(aside), aside)
	}
}

// database runs statements on a SQLite file past any store, and returns what the file is then.
func database(t *testing.T, path string, statements ...string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	for _, s := range append(statements, "PRAGMA journal_mode = DELETE") {
		_, err = db.Exec(s)
		must(t, err)
	}
	must(t, db.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

// spoilTable overwrites the first page of a table and of its indexes.
func spoilTable(t *testing.T, path, table string) {
	t.Helper()
	content := database(t, path)
	db, err := sql.Open("sqlite", path)
	must(t, err)
	rows, err := db.Query("SELECT rootpage FROM sqlite_master WHERE tbl_name = ?", table)
	must(t, err)
	var page int
	must(t, db.QueryRow("PRAGMA page_size").Scan(&page))
	for rows.Next() {
		var n int
		must(t, rows.Scan(&n))
		copy(content[(n-1)*page:n*page], bytes.Repeat([]byte{0xa5}, page))
	}
	must(t, rows.Close())
	must(t, db.Close())
	must(t, os.WriteFile(path, content, 0o600))
}

func removeAll(t *testing.T, path string) {
	t.Helper()
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		_ = os.Remove(name)
	}
}
