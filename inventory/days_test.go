package inventory_test

import (
	"reflect"
	"testing"

	"drawbridge/inventory"
)

func TestFold_DropDaysKeepsDevicesAndTotals(t *testing.T) {
	f := fold(admitted("r1", "10.0.0.1/fax", 0), sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged),
		admitted("r1", "10.0.0.1/fax", 5), started("r2", "r1"), admitted("r2", "10.0.0.2/fax", 6))
	devices := f.Devices(nil)
	totals := f.Totals(devices)
	if len(f.Days()) == 0 || devices[0].Outcomes[inventory.OutcomeCut] != 1 {
		t.Fatalf("got %v, %v, want days and a session that was cut", f.Days(), devices)
	}
	f.DropDays()
	if got := f.Devices(nil); !reflect.DeepEqual(got, devices) || !reflect.DeepEqual(f.Totals(got), totals) {
		t.Errorf("got %+v, want %+v", got, devices)
	}
	for id, folded := range f.Tallies() {
		if len(folded.Days) != 0 {
			t.Errorf("%s has %d days", id, len(folded.Days))
		}
	}
}
