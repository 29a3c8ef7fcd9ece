package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"drawbridge/inventory"
)

// keysAtOnce bounds the list of one statement; SQLite takes 32,766 arguments and PostgreSQL 65,535.
const keysAtOnce = 500

var tallies = table{"tallies", []string{"id", "merged_into", "root", "tally"}, replaced("id", "merged_into", "root", "tally")}

// addTallies adds the batch to the tallies of its ids and finds out which devices those ids are part of.
func (p *projection) addTallies(ctx context.Context, b *inventory.Batch) error {
	folded := make(map[string]*inventory.Tally)
	for id, f := range b.Fold.Tallies() {
		id = key(id)
		if folded[id] == nil {
			folded[id] = &inventory.Tally{}
		}
		folded[id].Add(f.Tally)
		p.touched[id] = struct{}{}
	}
	ids := slices.Sorted(maps.Keys(folded))
	if err := p.loadMembers(ctx, ids); err != nil {
		return err
	}
	var remerged []string
	for _, id := range ids {
		m := p.members[id]
		if m == nil {
			m = &member{tally: &inventory.Tally{}, root: id}
			p.members[id] = m
		}
		m.tally.Add(folded[id])
		if into := key(m.tally.MergedInto()); into != m.mergedInto {
			m.mergedInto = into
			remerged = append(remerged, id)
		}
	}
	if err := p.saveTallies(ctx, ids); err != nil {
		return err
	}
	return p.regroup(ctx, remerged)
}

// loadMembers reads ids that were not read before.
func (p *projection) loadMembers(ctx context.Context, ids []string) error {
	return p.eachOf(ctx, ids, func(rows *sql.Rows) error {
		var id string
		var stored sql.RawBytes
		m := &member{tally: &inventory.Tally{}}
		if err := rows.Scan(&id, &m.mergedInto, &m.root, &stored); err != nil {
			return err
		}
		p.members[id] = m
		return unreadable(m.tally.UnmarshalJSON(stored))
	}, "SELECT id, merged_into, root, tally FROM tallies WHERE id IN ()")
}

func (p *projection) saveTallies(ctx context.Context, ids []string) error {
	values := make([]any, 0, len(ids)*len(tallies.columns))
	for _, id := range ids {
		m := p.members[id]
		stored, err := m.tally.MarshalJSON()
		if err != nil {
			return err
		}
		values = append(values, id, m.mergedInto, m.root, string(stored))
	}
	return p.insert(ctx, tallies, values)
}

// maxMerges is how many merges inventory.Root follows, so that no id further away is concerned.
const maxMerges = 16

// regroup finds the devices anew of which ids are part that people merged or parted, and of all ids that were merged
// into those.
func (p *projection) regroup(ctx context.Context, remerged []string) error {
	if len(remerged) == 0 {
		return nil
	}
	concerned, err := p.mergedIntoAny(ctx, remerged)
	if err != nil {
		return err
	}
	chains := &mergeChains{tx: p.tx, into: make(map[string]string)}
	for _, id := range concerned {
		before, err := column[string](ctx, p.tx, "SELECT root FROM tallies WHERE id = ?", id)
		if err != nil {
			return err
		}
		after, err := chains.root(ctx, id)
		if err != nil {
			return err
		}
		for _, root := range append(before, after) {
			p.roots[root] = struct{}{}
		}
		if err := p.exec(ctx, "UPDATE tallies SET root = ? WHERE id = ?", after, id); err != nil {
			return err
		}
		if m := p.members[id]; m != nil {
			m.root = after
		}
	}
	return nil
}

// mergedIntoAny returns ids and what was merged into them, directly or not.
func (p *projection) mergedIntoAny(ctx context.Context, ids []string) ([]string, error) {
	found := make(map[string]struct{})
	for range maxMerges + 1 {
		for _, id := range ids {
			found[id] = struct{}{}
		}
		next, err := p.columnOf(ctx, ids, "SELECT id FROM tallies WHERE merged_into <> '' AND merged_into IN ()")
		if err != nil {
			return nil, err
		}
		next = slices.DeleteFunc(next, func(id string) bool { _, known := found[id]; return known })
		if len(next) == 0 {
			break
		}
		ids = next
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// mergeChains follows what people merged, reading each id once.
type mergeChains struct {
	*tx
	into map[string]string
}

func (c *mergeChains) root(ctx context.Context, id string) (string, error) {
	var failed error
	root := inventory.Root(id, func(id string) string {
		into, known := c.into[id]
		if known || failed != nil {
			return into
		}
		rows, err := column[string](ctx, c.tx, "SELECT merged_into FROM tallies WHERE id = ?", id)
		if len(rows) > 0 {
			into = rows[0]
		}
		c.into[id], failed = into, err
		return into
	})
	return root, failed
}

// memberIDs returns the ids of the device that id is part of; none where there is no such device.
func (t *tx) memberIDs(ctx context.Context, id string) ([]string, error) {
	root, err := t.rootOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return column[string](ctx, t, "SELECT id FROM tallies WHERE root = ? ORDER BY id", root)
}

// rootOf returns the device that id is part of, id itself where that is not known.
func (t *tx) rootOf(ctx context.Context, id string) (string, error) {
	id = key(id)
	roots, err := column[string](ctx, t, "SELECT root FROM tallies WHERE id = ?", id)
	if err != nil || len(roots) == 0 {
		return id, err
	}
	return roots[0], nil
}
