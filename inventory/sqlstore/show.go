package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"

	"drawbridge/inventory"
)

// show computes anew the devices that the batch concerns.
func (p *projection) show(ctx context.Context, _ *inventory.Batch) error {
	var unknown []string
	for id := range p.touched {
		if m := p.members[id]; m != nil {
			p.roots[m.root] = struct{}{}
			continue
		}
		unknown = append(unknown, id)
	}
	roots, err := p.columnOf(ctx, unknown, "SELECT root FROM tallies WHERE id IN ()")
	if err != nil {
		return err
	}
	for _, root := range roots {
		p.roots[root] = struct{}{}
	}
	return p.showRoots(ctx, slices.Sorted(maps.Keys(p.roots)))
}

func (p *projection) showRoots(ctx context.Context, roots []string) error {
	for some := range slices.Chunk(roots, keysAtOnce) {
		if err := p.showSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// showSome computes a chunk of devices and writes those that are to be listed; the others are no more.
func (p *projection) showSome(ctx context.Context, roots []string) error {
	groups, err := p.groups(ctx, roots)
	if err != nil {
		return err
	}
	var gone []string
	var rows, documents []any
	for _, root := range roots {
		d, listed := inventory.NewDevice(root, groups[root], p.advise)
		if !listed {
			gone = append(gone, root)
			continue
		}
		document, err := documentOf(&d)
		if err != nil {
			return err
		}
		rows = appendDevice(rows, &d)
		documents = append(documents, document...)
	}
	if err := p.insert(ctx, deviceRows, rows); err != nil {
		return err
	}
	if err := p.insert(ctx, deviceDocuments, documents); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	for _, from := range []string{deviceRows.name, deviceDocuments.name} {
		if err := p.exec(ctx, "DELETE FROM "+from+" WHERE id IN ("+marks(len(gone))+")", args(gone)...); err != nil {
			return err
		}
	}
	return nil
}

// groups returns the members of devices. The tallies that the batch did not touch are read, and dropped again:
// what is held are those of the batch.
func (p *projection) groups(ctx context.Context, roots []string) (map[string][]inventory.Member, error) {
	rootOf := make(map[string]string)
	var missing []string
	err := p.eachOf(ctx, roots, func(rows *sql.Rows) error {
		var id, root string
		err := rows.Scan(&id, &root)
		rootOf[id] = root
		if p.members[id] == nil {
			missing = append(missing, id)
		}
		return err
	}, "SELECT id, root FROM tallies WHERE root IN ()")
	if err != nil {
		return nil, err
	}
	if err := p.loadMembers(ctx, missing); err != nil {
		return nil, err
	}
	cut, err := p.cutByDevice(ctx, slices.Collect(maps.Keys(rootOf)))
	if err != nil {
		return nil, err
	}
	groups := make(map[string][]inventory.Member)
	for id, root := range rootOf {
		groups[root] = append(groups[root], inventory.Member{ID: id, Tally: p.members[id].tally, Cut: cut[id]})
	}
	for _, id := range missing {
		delete(p.members, id)
	}
	return groups, nil
}

// cutByDevice counts the sessions that were admitted in a run that is over, and never ended.
func (p *projection) cutByDevice(ctx context.Context, ids []string) (map[string]int64, error) {
	cut := make(map[string]int64)
	err := p.eachOf(ctx, ids, func(rows *sql.Rows) error {
		var id string
		var n int64
		err := rows.Scan(&id, &n)
		cut[id] = n
		return err
	}, "SELECT o.device, CAST(SUM(o.balance) AS BIGINT) FROM open_sessions o JOIN ended_runs e ON e.run = o.run"+
		" WHERE o.balance > 0 AND o.device IN () GROUP BY o.device")
	return cut, err
}

var deviceDocuments = table{"documents", []string{"id", "settings", "document"}, replaced("id", "settings", "document")}

// documentOf returns the row of documents of a device.
func documentOf(d *inventory.Device) ([]any, error) {
	document, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	settings := ""
	if set := d.Settings(); len(set) > 0 {
		values, err := json.Marshal(set)
		if err != nil {
			return nil, err
		}
		settings = string(values)
	}
	return []any{d.ID, settings, clean(string(document))}, nil
}
