package inventory_test

import (
	"reflect"
	"testing"

	"drawbridge/inventory"
)

func TestReportFold_TellsTheSameDevicesAndDays(t *testing.T) {
	lines := []inventory.Line{
		admitted("r1", "10.0.0.1/fax", 0), sessionEnded("r1", "10.0.0.1/fax", 1, inventory.OutcomeBridged),
		admitted("r1", "10.0.0.1/fax", 5), started("r2", "r1"), admitted("r2", "10.0.0.2/fax", 6),
		sessionEnded("r2", "10.0.0.2/fax", 90_000, inventory.OutcomeTLSFailed),
	}
	whole, f := fold(lines...), inventory.NewReportFold()
	for i := range lines {
		f.Line(&lines[i])
	}
	devices, days := whole.Devices(nil), whole.Days()
	if len(days) != 3 || devices[0].Outcomes[inventory.OutcomeCut] != 1 {
		t.Fatalf("got %v, %v, want three days and a session that was cut", days, devices)
	}
	if got := f.Devices(nil); !reflect.DeepEqual(got, devices) || !reflect.DeepEqual(f.Totals(got), whole.Totals(devices)) {
		t.Errorf("got %+v, want %+v", got, devices)
	}
	if got := f.Days(); !reflect.DeepEqual(got, days) {
		t.Errorf("got %+v, want %+v", got, days)
	}
	for id, folded := range f.Tallies() {
		if len(folded.Days) != 0 {
			t.Errorf("%s has %d days of its own", id, len(folded.Days))
		}
	}
}
