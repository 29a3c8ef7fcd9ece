package sqlstore

import (
	"context"
	"time"
)

// Reset empties the inventory, the positions of all journals with it, in one transaction. Each bridge then finds that
// nothing of its journal is there, and adds it anew.
func (s *Store) Reset(ctx context.Context) error {
	return s.update(ctx, "empty", func(t *tx) error {
		if s.dialect.unhurried != "" {
			if err := t.exec(ctx, s.dialect.unhurried); err != nil {
				return err
			}
		}
		for _, name := range tableNames() {
			if err := t.exec(ctx, "DELETE FROM "+name); err != nil {
				return err
			}
		}
		return nil
	})
}

// prunedAtOnce is how many rows go in one transaction, so that Apply never waits long.
const prunedAtOnce = 5000

// Prune drops the sessions that began, and the days that ended, before these times; the zero time drops none. What is
// known of the devices stays: their tallies are apart from both. After an error some may be dropped already.
func (s *Store) Prune(ctx context.Context, sessionsBefore, daysBefore time.Time) error {
	if !sessionsBefore.IsZero() {
		if err := s.prune(ctx, "sessions", "started_at", sessionsBefore.UnixMilli()); err != nil {
			return err
		}
	}
	if daysBefore.IsZero() {
		return nil
	}
	first := firstDay(daysBefore)
	err := s.update(ctx, "prune", func(t *tx) error {
		return t.exec(ctx, "INSERT INTO sums (name, amount) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET amount = excluded.amount"+
			" WHERE sums.amount < excluded.amount", sumFirstDay, first)
	})
	if err != nil {
		return err
	}
	return s.prune(ctx, "days", "day", first)
}

// prune deletes the rows before a value in chunks.
func (s *Store) prune(ctx context.Context, from, by string, before int64) error {
	row := s.dialect.row
	statement := "DELETE FROM " + from + " WHERE " + row + " IN (SELECT " + row + " FROM " + from + " WHERE " + by + " < ? LIMIT ?)"
	for {
		var n int64
		err := s.update(ctx, "prune", func(t *tx) error {
			done, err := t.ExecContext(ctx, s.dialect.rebind(statement), before, prunedAtOnce)
			if err != nil {
				return err
			}
			n, err = done.RowsAffected()
			return err
		})
		if err != nil || n < prunedAtOnce {
			return err
		}
	}
}

// Refresh computes all devices anew from what is stored of them: Options.Advise may advise otherwise than that of an
// earlier version did. It goes through them in chunks, a transaction each.
func (s *Store) Refresh(ctx context.Context) error {
	for after := ""; ; {
		var roots []string
		err := s.update(ctx, "refresh", func(t *tx) (err error) {
			roots, err = column[string](ctx, t, "SELECT id FROM devices WHERE id > ? ORDER BY id LIMIT ?", after, keysAtOnce)
			if err != nil || len(roots) == 0 {
				return err
			}
			return newProjection(t, s.advise).showRoots(ctx, roots)
		})
		if err != nil || len(roots) < keysAtOnce {
			return err
		}
		after = roots[len(roots)-1]
	}
}
