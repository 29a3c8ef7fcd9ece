package ledger_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/ledger"
)

// bounded opens a ledger that keeps so many bytes, in files of 64 KiB of the journal.
func bounded(t *testing.T, dir string, size int64) *desk {
	t.Helper()
	d := openWith(t, ledger.Options{Dir: dir, KeepSize: size, Journal: journal.Options{Rotate: 64 << 10}})
	d.Start()
	return d
}

// talks tells of n sessions of a device, of about a KiB each, a second after another.
func (d *desk) talks(device string, n int, began time.Time) {
	source, account := inventory.SplitID(device)
	for i := range n {
		at := began.Add(time.Duration(i) * time.Second)
		s := &inventory.Session{ID: fmt.Sprint("talk ", i), Run: "4f2a", Listener: "imaps", Protocol: "imap", StartedAt: at, Time: at,
			Source: inventory.Source{IP: netip.MustParseAddr(source)}, Login: inventory.Login{Account: account},
			Outcome: inventory.OutcomeBridged, Reason: strings.Repeat(fmt.Sprint("word ", i, " "), 80)}
		d.Journal.Ended(s)
	}
}

// onDisk is what files of the data directory have, by default those of journal and store.
func onDisk(t *testing.T, dir string, patterns ...string) (total int64) {
	t.Helper()
	if patterns == nil {
		patterns = []string{ledger.StoreFile + "*", filepath.Join(ledger.JournalFolder, "*")}
	}
	var all []string
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		must(t, err)
		all = append(all, names...)
	}
	for _, name := range all {
		info, err := os.Stat(name)
		must(t, err)
		if !strings.HasSuffix(name, "-shm") {
			total += info.Size()
		}
	}
	return total
}

// TestLedger_BoundsItsSize: the oldest sessions and files go, what devices came to stays, also in a store that is made anew; and
// also where the store was made by a version whose files could not be shortened.
func TestLedger_BoundsItsSize(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]func(t *testing.T, dir string){
		"new": func(*testing.T, string) {},
		"old": func(t *testing.T, dir string) {
			database(t, filepath.Join(dir, ledger.StoreFile), "PRAGMA auto_vacuum = NONE", "PRAGMA user_version = 1", "VACUUM")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n, size = 2500, 600 << 10
			dir := t.TempDir()
			made(t, dir)
			d := bounded(t, dir, size)
			d.talks(scanner, n, time.Now().Add(-n*time.Second))
			d.counts(fmt.Sprintf("%s %d", scanner, n))
			must(t, d.Set(t.Context(), scanner, map[string]string{"owner": "Radiology"}, "test"))
			before := onDisk(t, dir)
			must(t, d.Bound(t.Context(), time.Now()))
			if after := onDisk(t, dir); after > size || before <= size {
				t.Errorf("%d bytes of %d are kept, want at most %d", after, before, size)
			}
			sessions, err := d.Sessions(t.Context(), inventory.SessionQuery{Limit: 1000})
			must(t, err)
			if len(sessions) == 0 || len(sessions) == 1000 || sessions[0].ID != fmt.Sprint("talk ", n-1) {
				t.Errorf("%d single sessions are kept, want the latest", len(sessions))
			}
			must(t, d.Rebuild(t.Context()))
			d.counts(fmt.Sprintf("%s %d", scanner, n))
			if got := d.device(scanner); got.Owner != "Radiology" {
				t.Errorf("owner %q, want Radiology", got.Owner)
			}
		})
	}
}

// TestLedger_BoundsJournalAndStoreTogether: the store alone would fit.
func TestLedger_BoundsJournalAndStoreTogether(t *testing.T) {
	t.Parallel()
	const n = 2500
	dir := t.TempDir()
	d := bounded(t, dir, 0)
	d.talks(scanner, n, time.Now().Add(-n*time.Second))
	d.counts(fmt.Sprintf("%s %d", scanner, n))
	must(t, d.Close())
	all, store := onDisk(t, dir), onDisk(t, dir, ledger.StoreFile+"*")
	size := store + (all-store)/2
	d = bounded(t, dir, size)
	must(t, d.Bound(t.Context(), time.Now()))
	if after := onDisk(t, dir); after > size || after == 0 {
		t.Errorf("%d bytes of %d are kept, want at most %d", after, all, size)
	}
}

// TestLedger_BoundsTooTight: where even what must stay is too much, nothing of that goes, and the error names the key.
func TestLedger_BoundsTooTight(t *testing.T) {
	t.Parallel()
	d := bounded(t, t.TempDir(), 1000)
	d.talks(scanner, 300, time.Now().Add(-300*time.Second))
	d.counts(scanner + " 300")
	if err := d.Bound(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "inventory.keep.size") {
		t.Errorf("%v, want that inventory.keep.size is too small", err)
	}
	must(t, d.Rebuild(t.Context()))
	d.counts(scanner + " 300")
}

// TestLedger_BoundsNothingByDefault.
func TestLedger_BoundsNothingByDefault(t *testing.T) {
	t.Parallel()
	d := bounded(t, t.TempDir(), 0)
	d.talks(scanner, 300, time.Now().Add(-300*time.Second))
	d.counts(scanner + " 300")
	must(t, d.Bound(t.Context(), time.Now()))
	sessions, err := d.Sessions(t.Context(), inventory.SessionQuery{Limit: 1000})
	must(t, err)
	if len(sessions) != 300 {
		t.Errorf("%d single sessions are kept, want 300", len(sessions))
	}
}

// TestLedger_BoundsWhileTheStoreIsAway: what the store has not read is kept, and the error says why.
func TestLedger_BoundsWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, ledger.StoreFile), 0o700))
	d := bounded(t, dir, 100<<10)
	d.talks(scanner, 300, time.Now().Add(-300*time.Second))
	if err := d.Bound(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("%v, want that the store cannot be reached", err)
	}
	must(t, d.Rebuild(t.Context()))
	d.counts(scanner + " 300")
}
