package sqlstore_test

import (
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// An administrator who ends the connections of a PostgreSQL server in the middle of a batch costs nothing: the next
// call takes a new connection.
func TestConnectionsAreEndedInTheMiddle(t *testing.T) {
	o := sqlstore.Options{Postgres: postgres(t)}
	db := raw(t, o)
	end := false
	o.Advise = func(*inventory.Device) {
		if !end {
			return
		}
		end = false
		if _, err := db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
			"WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			t.Error(err)
		}
	}
	s := open(t, o)
	first, second := richBatches()
	want := reference(t, s, first, second)
	if err := s.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	apply(t, s, first)
	end = true
	if err := s.Apply(t.Context(), second); err == nil {
		t.Fatal("the batch was added on a connection that was ended")
	}
	if got := everything(t, s); got != want[0] {
		t.Fatalf("the store has\n%s\nwant\n%s", got, want[0])
	}
	apply(t, s, second)
	if got := everything(t, s); got != want[1] {
		t.Fatalf("the store has\n%s\nwant\n%s", got, want[1])
	}
}
