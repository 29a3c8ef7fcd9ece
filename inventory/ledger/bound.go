package ledger

import (
	"context"
	"errors"
	"time"

	"drawbridge/inventory/sqlstore"
)

// errTooMuch says that all was dropped that may be.
var errTooMuch = errors.New("what the inventory must keep, its devices, their days and what the store has not read yet, " +
	"is more than inventory.keep.size: give it more, or keep days for a shorter time")

// Bound lets go of what is more than Options.KeepSize: the oldest files of the journal, whose fold stays, and the oldest single
// sessions. The file that is being written stays, and what the store has not read yet.
func (l *Ledger) Bound(ctx context.Context, now time.Time) error {
	if l.o.KeepSize == 0 {
		return nil
	}
	store, err := l.reader(ctx)
	for err == nil {
		var over int64
		if over, err = l.over(ctx, store); err != nil || over <= 0 {
			return err
		}
		err = l.shrink(ctx, store, now)
	}
	return err
}

// over is how many bytes there are too many.
func (l *Ledger) over(ctx context.Context, store *sqlstore.Store) (int64, error) {
	files, err := l.Journal.Size()
	if err != nil {
		return 0, err
	}
	rows, err := store.Size(ctx)
	return files + rows - l.o.KeepSize, err
}

// shrink lets go of an eighth of what may go, of the journal's files and of the sessions alike, however they share the room.
func (l *Ledger) shrink(ctx context.Context, store *sqlstore.Store, now time.Time) error {
	passed, known, err := store.Position(ctx, l.Journal.ID())
	if err != nil {
		return err
	}
	files := 0
	if known {
		if files, err = l.Journal.DropEighth(ctx, passed, l.fold(now)); err != nil {
			return err
		}
	}
	sessions, err := store.Shrink(ctx)
	if err == nil && files == 0 && !sessions {
		return errTooMuch
	}
	return err
}
