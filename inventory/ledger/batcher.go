package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/sqlstore"
)

// batchLines is how many lines are in one transaction at most.
const batchLines = 10_000

// feed gives the store what it does not have yet of the journal. One that has nothing of this journal begins with its
// snapshot, so that a store which was emptied, by this bridge or another one, is made anew.
func (f *follower) feed(ctx context.Context, store *sqlstore.Store) error {
	from, known, err := store.Position(ctx, f.journal.ID())
	if err != nil {
		return err
	}
	if !known {
		if from, err = f.begin(ctx, store); err != nil {
			return err
		}
	}
	b := newBatcher(store, from)
	end, stats, err := f.journal.ReadFrom(ctx, from, func(l *inventory.Line, raw []byte, next inventory.Position) error {
		return b.add(ctx, l, raw, next)
	})
	if errors.Is(err, journal.ErrDropped) || errors.Is(err, journal.ErrPastEnd) { // an older or newer copy was put back
		return fmt.Errorf("the store and the journal do not fit together, one of them was put back from a copy: "+
			"drawbridge inventory rebuild makes the store anew: %w", err)
	}
	if err != nil {
		return err
	}
	b.batch.Bad += stats.Bad
	if end != b.batch.From || b.lines > 0 {
		b.batch.To = end
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	if known {
		return nil
	}
	return f.prune(ctx, store, time.Now()) // one made anew has no more than the one before it
}

// begin gives it the snapshot of what was dropped from the journal, if there is one, and returns where to go on.
func (f *follower) begin(ctx context.Context, store *sqlstore.Store) (inventory.Position, error) {
	zero := inventory.Position{Journal: f.journal.ID()}
	snapshot, err := f.journal.Snapshot(ctx)
	if err != nil || snapshot == nil {
		return zero, err
	}
	defer func() { _ = snapshot.Close() }()
	fold, err := inventory.ReadSnapshot(snapshot)
	if err != nil {
		return zero, err
	}
	return snapshot.Next, store.Apply(ctx, inventory.Batch{From: zero, To: snapshot.Next, Fold: fold})
}

// batcher makes batches of lines and hands them to the store.
type batcher struct {
	store *sqlstore.Store
	batch inventory.Batch
	lines int
}

func newBatcher(store *sqlstore.Store, from inventory.Position) *batcher {
	return &batcher{store: store, batch: inventory.Batch{From: from, Fold: inventory.NewFold()}}
}

func (b *batcher) add(ctx context.Context, l *inventory.Line, raw []byte, next inventory.Position) error {
	b.batch.Fold.Line(l)
	if l.Message == inventory.MessageSession {
		b.batch.Sessions = append(b.batch.Sessions, inventory.StoredSession{ID: l.Session.ID, Device: l.Session.Device,
			StartedAt: l.Session.StartedAt, Outcome: l.Session.Outcome, Record: append([]byte(nil), raw...)})
	}
	b.batch.To = next
	if b.lines++; b.lines < batchLines {
		return nil
	}
	return b.flush(ctx)
}

func (b *batcher) flush(ctx context.Context) error {
	if err := b.store.Apply(ctx, b.batch); err != nil {
		return fmt.Errorf("project the journal: %w", err)
	}
	*b = *newBatcher(b.store, b.batch.To)
	return nil
}
