package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// Two bridges on one PostgreSQL, with sessions of the same devices: each session counts once, also when one of them
// empties the inventory meanwhile and both begin anew.
func TestTwoBridgesOnOnePostgreSQL(t *testing.T) {
	o := sqlstore.Options{Postgres: postgres(t), Advise: advise}
	const batches = 12
	stores := []*sqlstore.Store{open(t, o), open(t, o)}
	failed := make([]error, len(stores))
	var bridges sync.WaitGroup
	for i, s := range stores {
		bridges.Go(func() { failed[i] = project(t.Context(), s, fmt.Sprint("journal ", i), batches, i == 0) })
	}
	bridges.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	for i, s := range stores { // what the other's Reset took
		if err := project(t.Context(), s, fmt.Sprint("journal ", i), batches, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range devices(t, stores[0], inventory.Query{}) {
		if d.Sessions != 2*batches {
			t.Errorf("%s: %d sessions, want %d", d.ID, d.Sessions, 2*batches)
		}
	}
	totals, err := stores[1].Totals(t.Context())
	if err != nil || totals.Sessions != 2*batches*10 || totals.Devices != 10 {
		t.Errorf("totals %+v, %v", totals, err)
	}
	for i := range stores {
		found, err := stores[i].Sessions(t.Context(), inventory.SessionQuery{Limit: 1000})
		if err != nil || len(found) != 2*batches*10 {
			t.Errorf("%d sessions, %v", len(found), err)
		}
	}
}

// project is a bridge: it adds the batches of its journal from where the store is, and starts anew when the store was
// emptied. Halfway it empties it itself, if it is to.
func project(ctx context.Context, s *sqlstore.Store, id string, batches int, resets bool) error {
	for {
		at, _, err := s.Position(ctx, id)
		if err != nil {
			return err
		}
		next := int(at.Offset) / 10
		if next == batches {
			return nil
		}
		if resets && next == batches/2 {
			resets = false
			if err := s.Reset(ctx); err != nil {
				return err
			}
			continue
		}
		j := journal{id: id, next: at.Offset}
		if err := s.Apply(ctx, j.batch(tenSessions(id, next)...)); err != nil && !errors.Is(err, sqlstore.ErrPosition) {
			return err
		}
	}
}

func tenSessions(journal string, n int) []inventory.Line {
	var lines []inventory.Line
	for i := range 10 {
		lines = append(lines, session(fmt.Sprint(journal, n, i), fmt.Sprintf("192.0.2.%d/a", i), n))
	}
	return lines
}

// Pages are read while a batch is being added.
func TestReadingWaitsForNoWriter(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		reading, done := make(chan struct{}), make(chan struct{})
		o.Advise = func(d *inventory.Device) { // called in the middle of the transaction
			if d.Sessions == 2 {
				close(reading)
				<-done
			}
		}
		s, j := open(t, o), journal{id: "a"}
		apply(t, s, j.batch(session("1", "192.0.2.1/a", 0)))
		var writer sync.WaitGroup
		var failed error
		b := j.batch(session("2", "192.0.2.1/a", 1))
		writer.Go(func() { failed = s.Apply(t.Context(), b) })
		<-reading
		d, err := s.Device(t.Context(), "192.0.2.1/a")
		close(done)
		writer.Wait()
		if err != nil || failed != nil || d.Sessions != 1 {
			t.Errorf("%d sessions, %v, %v", d.Sessions, err, failed)
		}
	})
}
