package inventory_test

import (
	"encoding/json"
	"testing"

	"drawbridge/inventory"
)

// TestSettings_AllReachTheDevice sets each key, and finds it in the device, its settings and its JSON.
func TestSettings_AllReachTheDevice(t *testing.T) {
	values := map[string]string{"stage": "warn", "deadline": "2027-03-01", "category": "medical", "priority": "high", "cost": "450.50"}
	lines := []inventory.Line{sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged)}
	for i, key := range inventory.Settings {
		if values[key] == "" {
			values[key] = "the " + key
		}
		lines = append(lines, changed("10.0.0.1/fax", key, values[key], i+2))
	}
	d := only(t, fold(lines...))
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	for _, key := range inventory.Settings {
		if d.Setting(key) != values[key] || d.Settings()[key] != values[key] || object[key] != values[key] {
			t.Errorf("%s: %q, among what is set %q, in JSON %v; want %q", key, d.Setting(key), d.Settings()[key], object[key], values[key])
		}
	}
	if got := d.Setting("vendor"); got != "" {
		t.Errorf("what nobody can set is %q", got)
	}
}
