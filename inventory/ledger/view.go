package ledger

import (
	"context"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// view is an inventory.Reader of the store that it returns; where it returns none, reading says why.
type view func(context.Context) (*sqlstore.Store, error)

// Devices implements inventory.Reader, as the methods below do.
func (v view) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	store, err := v(ctx)
	if err != nil {
		return nil, 0, err
	}
	return store.Devices(ctx, q)
}

func (v view) Device(ctx context.Context, id string) (inventory.Device, error) {
	return read(ctx, v, func(s *sqlstore.Store) (inventory.Device, error) { return s.Device(ctx, id) })
}

func (v view) History(ctx context.Context, id string) ([]inventory.Change, error) {
	return read(ctx, v, func(s *sqlstore.Store) ([]inventory.Change, error) { return s.History(ctx, id) })
}

func (v view) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	return read(ctx, v, func(s *sqlstore.Store) ([]inventory.Day, error) { return s.Days(ctx, id, since) })
}

func (v view) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	return read(ctx, v, func(s *sqlstore.Store) ([]inventory.StoredSession, error) { return s.Sessions(ctx, q) })
}

func (v view) Totals(ctx context.Context) (inventory.Totals, error) {
	return read(ctx, v, func(s *sqlstore.Store) (inventory.Totals, error) { return s.Totals(ctx) })
}

func read[T any](ctx context.Context, v view, from func(*sqlstore.Store) (T, error)) (T, error) {
	store, err := v(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return from(store)
}

// Current is a Ledger of which nothing is read while its store is behind the journal: what a command prints is what is so, or
// it says why it cannot be told.
type Current struct {
	*Ledger
	view
}

// Current returns the ledger for those who want to read nothing that is out of date.
func (l *Ledger) Current() Current {
	return Current{l, func(ctx context.Context) (*sqlstore.Store, error) {
		if err := l.Behind(); err != nil {
			return nil, err
		}
		return l.reader(ctx)
	}}
}
