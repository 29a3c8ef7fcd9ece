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
// known of the devices stays: their tallies are apart from both. But source devices that were not seen since go with their
// days, as inventory.Fold.Forget has it. After an error some may be dropped already.
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
	if err := s.prune(ctx, "days", "day", first); err != nil {
		return err
	}
	return s.forget(ctx, FirstKept(daysBefore))
}

// FirstKept returns when the first day begins of those that Prune keeps; source devices seen before it only are gone.
func FirstKept(daysBefore time.Time) time.Time {
	return time.Unix(firstDay(daysBefore)*secondsOfDay, 0).UTC()
}

// forget drops the source devices that inventory.Fold.Forget would drop, in chunks.
func (s *Store) forget(ctx context.Context, before time.Time) error {
	for after := ""; ; {
		var ids []string
		err := s.update(ctx, "prune", func(t *tx) (err error) {
			ids, err = column[string](ctx, t, "SELECT id FROM devices d WHERE stranger = 1 AND last_seen < ? AND id > ? AND NOT EXISTS"+
				" (SELECT 1 FROM tallies t WHERE t.root = d.id AND t.id <> d.id) ORDER BY id LIMIT ?", before.UnixMilli(), after, keysAtOnce)
			if err != nil {
				return err
			}
			return t.forgetSome(ctx, ids, before)
		})
		if err != nil || len(ids) < keysAtOnce {
			return err
		}
		after = ids[len(ids)-1]
	}
}

// forgetSome drops those of the source devices of which nothing is set.
func (t *tx) forgetSome(ctx context.Context, ids []string, before time.Time) error {
	p := newProjection(t, nil)
	if err := p.loadMembers(ctx, ids); err != nil {
		return err
	}
	var gone []string
	var elsewhere int64
	for id, m := range p.members {
		if sessions, ok := m.tally.Forgettable(before); ok {
			gone, elsewhere = append(gone, id), elsewhere+sessions
		}
	}
	if len(gone) == 0 {
		return nil
	}
	for _, of := range []string{"tallies WHERE id", "devices WHERE id", "documents WHERE id", "days WHERE device",
		"open_sessions WHERE device"} {
		if err := t.exec(ctx, "DELETE FROM "+of+" IN ("+marks(len(gone))+")", args(gone)...); err != nil {
			return err
		}
	}
	return t.insert(ctx, sums, []any{sumElsewhere, elsewhere})
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

// Size returns how many bytes of this machine's disk the rows take: of a SQLite file what it has, but for the log beside it. What
// is in PostgreSQL counts nothing.
func (s *Store) Size(ctx context.Context) (size int64, err error) {
	if s.dialect.size == "" {
		return 0, nil
	}
	err = s.view(ctx, func(t *tx) error {
		sizes, err := column[int64](ctx, t, s.dialect.size)
		if err == nil {
			size = sizes[0]
		}
		return err
	})
	return size, err
}

// Shrink drops the oldest eighth of the sessions, at least one, and gives their room back to the disk. It reports whether there
// was any; of what is in PostgreSQL it drops nothing.
func (s *Store) Shrink(ctx context.Context) (bool, error) {
	if s.dialect.compact == nil {
		return false, nil
	}
	before, err := s.oldestEighth(ctx)
	if err != nil || before.IsZero() {
		return false, err
	}
	if err := s.Prune(ctx, before, time.Time{}); err != nil {
		return false, err
	}
	if err := s.dialect.compact(ctx, s); err != nil {
		return false, s.explain("shorten", err)
	}
	return true, nil
}

// oldestEighth returns the time before which an eighth of the sessions began, and one more; zero where there is none.
func (s *Store) oldestEighth(ctx context.Context) (before time.Time, err error) {
	err = s.view(ctx, func(t *tx) error {
		latest, err := column[int64](ctx, t, "SELECT started_at FROM sessions ORDER BY started_at LIMIT 1 OFFSET"+
			" (SELECT COUNT(*) / 8 FROM sessions)")
		if len(latest) > 0 {
			before = time.UnixMilli(latest[0] + 1)
		}
		return err
	})
	return before, err
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
