package ledger_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/ledger"
)

// TestLedger_GoesOnWhereItWas: what one run told and was told is there in the next, once.
func TestLedger_GoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, dir)
	d.comes(scanner)
	d.counts(scanner + " 1")
	must(t, d.Set(t.Context(), scanner, map[string]string{"owner": "Radiology"}, "test"))
	d.comes(scanner) // is written and read by Close
	must(t, d.Close())
	if _, err := d.Device(t.Context(), scanner); err == nil || !strings.Contains(err.Error(), "the bridge has ended") {
		t.Errorf("reading after Close: %v, want that the bridge has ended", err)
	}
	d = start(t, dir)
	d.counts(scanner + " 2")
	if got := d.device(scanner); got.Owner != "Radiology" {
		t.Errorf("owner %q, want Radiology", got.Owner)
	}
}

// TestLedger_WithoutItsStore: a store that cannot be opened keeps no change from the journal, reading says why it cannot be
// done, and Rebuild mends the store.
func TestLedger_WithoutItsStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, ledger.StoreFile), 0o700))
	d := start(t, dir)
	d.comes(scanner)
	if err := d.CatchUp(t.Context()); err == nil {
		t.Error("a store that cannot be opened is said to have caught up")
	}
	if d.Behind() == nil {
		t.Error("a store that cannot be opened is not behind")
	}
	if _, err := d.Totals(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("reading: %v, want that the store cannot be reached", err)
	}
	must(t, d.Rebuild(t.Context()))
	d.counts(scanner + " 1")
	if err := d.Behind(); err != nil {
		t.Errorf("behind after it was made anew: %v", err)
	}
}

// TestLedger_DropKeepsWhatDevicesCameTo, also in a store that is made anew from what is left.
func TestLedger_DropKeepsWhatDevicesCameTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, dir)
	for range 3 {
		d.comes(scanner)
	}
	d.counts(scanner + " 3")
	must(t, d.Drop(t.Context(), time.Now().Add(2*time.Hour)))
	sessions, err := d.Sessions(t.Context(), inventory.SessionQuery{})
	must(t, err)
	if len(sessions) != 0 {
		t.Errorf("%d single sessions are kept", len(sessions))
	}
	if snapshots, _ := filepath.Glob(filepath.Join(dir, ledger.JournalFolder, "*snapshot*")); len(snapshots) != 1 {
		t.Errorf("snapshots %v, want one", snapshots)
	}
	d.comes(scanner)
	must(t, d.Rebuild(t.Context()))
	d.counts(scanner + " 4")
	days, err := d.Days(t.Context(), "", time.Time{})
	must(t, err)
	if len(days) == 0 {
		t.Error("no sums of days are kept")
	}
}

// TestCurrent_ReadsNothingOutOfDate: where the store does not fit the journal pages go on with what it has, and commands read
// nothing.
func TestCurrent_ReadsNothingOutOfDate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, dir)
	d.comes(scanner)
	d.counts(scanner + " 1")
	must(t, d.Close())
	old, err := os.ReadFile(filepath.Join(dir, ledger.StoreFile))
	must(t, err)
	d = start(t, dir)
	d.comes(scanner)
	d.counts(scanner + " 2")
	must(t, d.Drop(t.Context(), time.Now().Add(2*time.Hour)))
	must(t, d.Close())
	must(t, os.WriteFile(filepath.Join(dir, ledger.StoreFile), old, 0o600))

	d = start(t, dir)
	d.CatchUpSoon(t.Context())
	ctx, current := t.Context(), d.Current()
	for what, read := range map[string]func(inventory.Reader) error{
		"Devices":  func(r inventory.Reader) error { _, _, err := r.Devices(ctx, inventory.Query{}); return err },
		"Device":   func(r inventory.Reader) error { _, err := r.Device(ctx, scanner); return err },
		"History":  func(r inventory.Reader) error { _, err := r.History(ctx, scanner); return err },
		"Days":     func(r inventory.Reader) error { _, err := r.Days(ctx, "", time.Time{}); return err },
		"Sessions": func(r inventory.Reader) error { _, err := r.Sessions(ctx, inventory.SessionQuery{}); return err },
		"Totals":   func(r inventory.Reader) error { _, err := r.Totals(ctx); return err },
	} {
		if err := read(current); err == nil || !strings.Contains(err.Error(), "drawbridge inventory rebuild") {
			t.Errorf("%s: %v, want the mend", what, err)
		}
		if err := read(d); err != nil {
			t.Errorf("%s of the ledger itself: %v, want what the store has", what, err)
		}
	}
	must(t, current.Rebuild(t.Context()))
	if got, err := current.Device(t.Context(), scanner); err != nil || got.Sessions != 2 {
		t.Errorf("made anew: %d sessions, %v", got.Sessions, err)
	}
}

// TestLedger_ReadingWaitsForTheStoreToBeTried, and for as long as its caller does.
func TestLedger_ReadingWaitsForTheStoreToBeTried(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Totals(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("before Start: %v, want that the caller has gone", err)
	}
	if err := d.CatchUp(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("CatchUp before Start: %v, want that the caller has gone", err)
	}
	d.Start()
	if _, err := d.Totals(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLedger_ForgetsStrangers: source devices that were not seen for keep.days go from store and snapshot alike, so that one made
// anew has none of them either; what was set stays.
func TestLedger_ForgetsStrangers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, dir)
	d.comes(scanner)
	d.counts(scanner + " 1") // a store that begins anew is tidied at once
	const gone, set, here = "198.51.100.1/-", "198.51.100.2/-", "198.51.100.3/-"
	old := time.Now().AddDate(0, 0, -500)
	d.knocks("198.51.100.1", old)
	d.knocks("198.51.100.1", old.Add(time.Minute))
	d.knocks("198.51.100.2", old)
	d.knocks("198.51.100.3", time.Now())
	d.counts(scanner + " 1, " + gone + " 2, " + set + " 1, " + here + " 1")
	must(t, d.Set(t.Context(), set, map[string]string{"note": "the old lift"}, "test"))
	before, err := d.Totals(t.Context())
	must(t, err)
	for i, do := range []func() error{
		func() error { return d.Drop(t.Context(), time.Now()) },
		func() error { return d.Rebuild(t.Context()) },
		func() error { return d.Drop(t.Context(), time.Now().Add(2*time.Hour)) }, // all files of the journal
		func() error { return d.Rebuild(t.Context()) },
	} {
		must(t, do())
		d.counts(scanner + " 1, " + set + " 1, " + here + " 1")
		if after, err := d.Totals(t.Context()); err != nil || after.Sessions != before.Sessions {
			t.Errorf("step %d: %d sessions in all, %v; want %d", i, after.Sessions, err, before.Sessions)
		}
	}
	if snapshot := snapshotText(t, dir); strings.Contains(snapshot, gone) || !strings.Contains(snapshot, set) {
		t.Errorf("the snapshot has %s", snapshot)
	}
}

// snapshotText is what the journal's snapshot says.
func snapshotText(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ledger.JournalFolder, "*.snapshot.zst"))
	must(t, err)
	s, err := journal.OpenSnapshot(t.Context(), strings.Join(names, ""))
	must(t, err)
	defer s.Close()
	text, err := io.ReadAll(s)
	must(t, err)
	return string(text)
}
