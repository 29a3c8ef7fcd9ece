package sqlstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// Source devices that were not seen for as long as days are kept go, as from a fold, and no figure of all devices changes.
func TestPruneForgetsStrangers(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		lines := []inventory.Line{
			session("", "198.51.100.1/-", 0), session("", "198.51.100.1/-", 1), session("", "198.51.100.2/-", 48*60),
			session("", "198.51.100.3/-", 0), change("198.51.100.3/-", inventory.KeyNote, "the old lift", 1),
			session("", "198.51.100.4/-", 0), change("198.51.100.9/-", inventory.KeyMerge, "198.51.100.4/-", 1),
			session("", "2001:db8::/64/-", 0), change("2001:db8::/64/-", inventory.KeySourceName, "x", 1), session("", "192.0.2.1/a", 0),
		}
		for i := range 600 {
			lines = append(lines, session("", fmt.Sprintf("203.0.%d.%d/-", i/200, i%200), 2))
		}
		apply(t, s, j.batch(lines...))
		before, err := s.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fold := inventory.NewFold()
		for i := range lines {
			fold.Line(&lines[i])
		}
		nextDay := noon.AddDate(0, 0, 1)
		fold.Forget(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
		for range 2 {
			if err := s.Prune(t.Context(), time.Time{}, nextDay); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"192.0.2.1/a", "198.51.100.2/-", "198.51.100.3/-", "198.51.100.4/-"}
		if got := ids(devices(t, s, inventory.Query{})); !slices.Equal(got, want) {
			t.Errorf("left are %v, want %v", got, want)
		}
		if got, want := jsonOf(t, devices(t, s, inventory.Query{})), jsonOf(t, fold.Devices(advise)); got != want {
			t.Errorf("the store has\n%s\nand the fold\n%s", got, want)
		}
		after, err := s.Totals(t.Context())
		if err != nil || after.Sessions != before.Sessions || after.Devices != before.Devices || after.Strangers != 3 {
			t.Errorf("totals %+v, %v; before %+v", after, err, before)
		}
		apply(t, s, j.batch(session("", "198.51.100.1/-", 72*60)))
		d, err := s.Device(t.Context(), "198.51.100.1/-")
		if err != nil || d.Sessions != 1 {
			t.Errorf("one that comes again: %d sessions, %v; want it to begin anew", d.Sessions, err)
		}
	})
}
