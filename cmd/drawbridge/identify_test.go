package main

import (
	"testing"

	"drawbridge/inventory"
)

// TestLearn_WritesWhatTheInventoryDoesNotHave and nothing twice.
func TestLearn_WritesWhatTheInventoryDoesNotHave(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.comes("127.0.0.2")
	const id = "127.0.0.2/scanner@contoso.example"
	w.wantCounts(t, id+" 1")
	for range 3 {
		w.bridge.ledger.learn(t.Context(), inventory.Change{Device: id, Key: inventory.KeyDescription, New: "RICOH MP C307", By: "SNMP"})
		must(t, w.bridge.ledger.through(t.Context()))
	}
	w.bridge.ledger.learn(t.Context(), inventory.Change{Device: "127.0.0.2/nobody", Key: inventory.KeyDescription, New: "x", By: "SNMP"})
	d, err := w.bridge.ledger.Device(t.Context(), id)
	must(t, err)
	history, err := w.bridge.ledger.History(t.Context(), id)
	must(t, err)
	if d.Description != "RICOH MP C307" || len(history) != 1 || d.Category != inventory.CategoryPrinter {
		t.Errorf("description %q, category %s, history %+v", d.Description, d.Category, history)
	}
	w.wantCounts(t, id+" 1")
}
