package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
)

func TestSet_WritesWhatDiffers(t *testing.T) {
	t.Parallel()
	d := start(t, t.TempDir())
	must(t, d.Import(t.Context(), []string{scanner, scanner}, "test"))
	for range 2 {
		must(t, d.Set(t.Context(), scanner, map[string]string{"owner": " Radiology ", "cost": "450,50"}, "test"))
	}
	if got := d.device(scanner); got.Owner != "Radiology" || got.Cost != "450.50" {
		t.Errorf("owner %q, cost %q", got.Owner, got.Cost)
	}
	var wrong *inventory.SettingError
	if err := d.Set(t.Context(), scanner, map[string]string{"owner": "x", "stage": "gone"}, "test"); !errors.As(err, &wrong) {
		t.Errorf("a stage that there is not: %v", err)
	}
	if err := d.Set(t.Context(), fax, map[string]string{"owner": "x"}, "test"); !errors.Is(err, inventory.ErrNoDevice) {
		t.Errorf("a device that there is not: %v", err)
	}
	history, err := d.History(t.Context(), scanner)
	must(t, err)
	keys := func(changes []inventory.Change) (all []string) {
		for _, c := range changes {
			all = append(all, c.Key)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	const want = "cost,import,owner"
	if got := strings.Join(keys(history), ","); len(history) != len(d.recorded) || got != want {
		t.Errorf("the history has %s, want %s: %+v", got, want, history)
	}
	if got := strings.Join(keys(d.recorded), ","); got != want {
		t.Errorf("the log has %s, want %s: %+v", got, want, d.recorded)
	}
}

func TestMerge_AndItsUndoing(t *testing.T) {
	t.Parallel()
	d := start(t, t.TempDir())
	d.comes(scanner)
	d.comes(fax)
	d.counts(scanner + " 1, " + fax + " 1")
	must(t, d.Merge(t.Context(), fax, scanner, "test"))
	d.counts(scanner + " 2")
	if err := d.Merge(t.Context(), fax, scanner, "test"); err == nil || !strings.Contains(err.Error(), "one device already") {
		t.Errorf("once more: %v", err)
	}
	must(t, d.Merge(t.Context(), fax, "", "test"))
	d.counts(scanner + " 1, " + fax + " 1")
	if err := d.Merge(t.Context(), fax, "", "test"); err == nil || !strings.Contains(err.Error(), "a device of its own already") {
		t.Errorf("parted once more: %v", err)
	}
}

func TestImport_TakesWhatASessionCanHave(t *testing.T) {
	t.Parallel()
	d := start(t, t.TempDir())
	for _, id := range []string{"", "fax", "10.0.0.1/", "/fax", "10.0.0.1/FAX", "10.0.0.1/f\nx", "10.0.0.1/" + strings.Repeat("x", 1024)} {
		if err := d.Import(t.Context(), []string{fax, id}, "test"); err == nil || !strings.Contains(err.Error(), "is no device") {
			t.Errorf("%.40q: %v", id, err)
		}
	}
	d.counts("")
}

// TestRemove_LiftsNoBlock: what was removed is off the list until it comes again; a blocked device stays.
func TestRemove_LiftsNoBlock(t *testing.T) {
	t.Parallel()
	d := start(t, t.TempDir())
	d.comes(scanner)
	d.counts(scanner + " 1")
	must(t, d.Set(t.Context(), scanner, map[string]string{"stage": "block"}, "test"))
	if err := d.Remove(t.Context(), scanner, "test"); err == nil || !strings.Contains(err.Error(), "stage block") {
		t.Errorf("a blocked device: %v", err)
	}
	must(t, d.Set(t.Context(), scanner, map[string]string{"stage": ""}, "test"))
	must(t, d.Remove(t.Context(), scanner, "test"))
	d.counts("")
	d.comes(scanner)
	d.counts(scanner + " 2")
}

// TestLearn_WritesWhatTheInventoryDoesNotHave and nothing twice.
func TestLearn_WritesWhatTheInventoryDoesNotHave(t *testing.T) {
	t.Parallel()
	d := start(t, t.TempDir())
	d.comes(scanner)
	d.counts(scanner + " 1")
	for range 3 {
		d.Learn(t.Context(), inventory.Change{Device: scanner, Key: inventory.KeyDescription, New: "RICOH MP C307", By: "SNMP"})
		must(t, d.CatchUp(t.Context()))
	}
	d.Learn(t.Context(), inventory.Change{Device: "10.20.3.7/nobody", Key: inventory.KeyDescription, New: "x", By: "SNMP"})
	found := d.device(scanner)
	history, err := d.History(t.Context(), scanner)
	must(t, err)
	if found.Description != "RICOH MP C307" || len(history) != 1 || found.Category != inventory.CategoryPrinter {
		t.Errorf("description %q, category %s, history %+v", found.Description, found.Category, history)
	}
	d.counts(scanner + " 1")
}

func TestStages_AreKeptForABridgeWithoutItsStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, dir)
	must(t, d.Import(t.Context(), []string{scanner, fax}, "test"))
	must(t, d.Set(t.Context(), scanner, map[string]string{"stage": "block", "owner": "x"}, "test"))
	must(t, d.Set(t.Context(), fax, map[string]string{"owner": "y", "deadline": "2027-03-01"}, "test"))
	must(t, d.Close())
	again := open(t, dir)
	for id, want := range map[string]inventory.Stage{scanner: inventory.StageBlock, fax: ""} {
		source, account, _ := strings.Cut(id, "/")
		if got := again.Plans(source)[account].Deadline; (id == fax) != (got == "2027-03-01") {
			t.Errorf("after a restart the deadline of %s is %q", id, got)
		}
		if got := again.Plans(source)[account].Stage; got != want {
			t.Errorf("after a restart the stage of %s is %q, want %q", id, got, want)
		}
	}
	must(t, again.Close())
	path := filepath.Join(dir, ledger.StagesFile)
	kept, err := os.ReadFile(path)
	must(t, err)
	if got, want := string(kept), `{"`+scanner+`":"block","`+fax+`":{"deadline":"2027-03-01"}}`; got != want {
		t.Errorf("%s has %s, want %s", ledger.StagesFile, got, want)
	}
	must(t, os.WriteFile(path, []byte("{"), 0o600))
	if _, err := ledger.Open(ledger.Options{Dir: dir}); err == nil {
		t.Error("a damaged file is read as no stages: blocked devices would be served")
	}
}
