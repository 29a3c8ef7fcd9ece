package inventory_test

import (
	"slices"
	"testing"

	"drawbridge/inventory"
)

// TestFold_ForgetsStrangers that were last heard of before a time, and nothing that people have to do with; their sessions
// count on.
func TestFold_ForgetsStrangers(t *testing.T) {
	const early, late = 10, 100
	f := fold(
		sessionEnded("r", "10.0.0.1/-", early, inventory.OutcomeTLSFailed), sessionEnded("r", "10.0.0.1/-", early, inventory.OutcomeRefused),
		sessionEnded("r", "2001:db8::/64/-", early, inventory.OutcomeTLSFailed), changed("2001:db8::/64/-", inventory.KeySourceName, "x", early),
		sessionEnded("r", "10.0.0.2/-", early, inventory.OutcomeTLSFailed), sessionEnded("r", "10.0.0.2/-", late, inventory.OutcomeTLSFailed),
		sessionEnded("r", "10.0.0.3/-", early, inventory.OutcomeTLSFailed), changed("10.0.0.3/-", inventory.KeyNote, "the old lift", early),
		sessionEnded("r", "10.0.0.4/-", early, inventory.OutcomeTLSFailed), changed("10.0.0.9/-", inventory.KeyMerge, "10.0.0.4/-", early),
		sessionEnded("r", "10.0.0.5/fax", early, inventory.OutcomeBridged), changed("10.0.0.6/-", inventory.KeyImport, "named", early))
	f.Forget(at(late))
	f.Forget(at(late)) // once more changes nothing
	var ids []string
	for id := range f.Tallies() {
		ids = append(ids, id)
	}
	want := []string{"10.0.0.2/-", "10.0.0.3/-", "10.0.0.4/-", "10.0.0.5/fax", "10.0.0.6/-", "10.0.0.9/-"}
	if !slices.Equal(ids, want) || f.Elsewhere() != 3 {
		t.Errorf("left are %v and %d sessions of no source, want %v and 3", ids, f.Elsewhere(), want)
	}
}
