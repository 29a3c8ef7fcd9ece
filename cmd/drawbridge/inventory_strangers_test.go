package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
)

// TestInventory_LeavesStrangersOutAndNotWhatIsNotServed has strangers beside a device that is served, of long ago, and of a source
// that nobody is served from.
func TestInventory_LeavesStrangersOutAndNotWhatIsNotServed(t *testing.T) {
	since := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	before, after := since.Add(-time.Hour), since.Add(inventory.NotServedAfter)
	all := []inventory.Device{
		{ID: "a/-", Source: "a", Account: "-", LastSeen: after}, {ID: "a/fax", Source: "a", Account: "fax", LastSeen: after, LastServed: &after},
		{ID: "b/-", Source: "b", Account: "-", LastSeen: after}, {ID: "b/fax", Source: "b", Account: "fax", LastSeen: after, LastServed: &before},
		{ID: "c/-", Source: "c", Account: "-", LastSeen: before}, {ID: "d/-", Source: "d", Account: "-", LastSeen: after},
	}
	var ids []string
	leftOut := 0
	for d := range withoutStrangers(inventory.MarkNotServed(slices.Values(all)), &leftOut) {
		ids = append(ids, d.ID)
	}
	if got := strings.Join(ids, " "); got != "a/fax b/- b/fax d/-" || leftOut != 2 {
		t.Errorf("listed are %s, %d left out, want a/fax b/- b/fax d/- and 2", got, leftOut)
	}
}
