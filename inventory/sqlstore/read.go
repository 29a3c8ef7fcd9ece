package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
)

// Devices returns the devices that q selects, and how many they are without q.Limit. What is not known sorts last.
func (s *Store) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	order, err := orderOf(&q)
	if err != nil {
		return nil, 0, err
	}
	var devices []inventory.Device
	var total int
	err = s.view(ctx, func(t *tx) error {
		var ids []string
		if ids, total, err = t.selectDevices(ctx, &q, order); err != nil {
			return err
		}
		devices, err = t.documents(ctx, ids, &q)
		return err
	})
	return devices, total, err
}

// devicesAtOnce is how many devices EachDevice holds.
const devicesAtOnce = 64

// EachDevice implements inventory.Reader. All that it holds are the ids.
func (s *Store) EachDevice(ctx context.Context, q inventory.Query, do func(*inventory.Device) error) (total int, err error) {
	order, err := orderOf(&q)
	if err != nil {
		return 0, err
	}
	var ids []string
	err = s.view(ctx, func(t *tx) (err error) {
		ids, total, err = t.selectDevices(ctx, &q, order)
		return err
	})
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(ids, devicesAtOnce) {
		if err := s.eachDocument(ctx, some, &q, do); err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *Store) eachDocument(ctx context.Context, ids []string, q *inventory.Query, do func(*inventory.Device) error) error {
	var devices []inventory.Device
	err := s.view(ctx, func(t *tx) (err error) {
		devices, err = t.documents(ctx, ids, q)
		return err
	})
	if err != nil {
		return err
	}
	for i := range devices {
		if devices[i].ID == "" {
			continue // it was removed since its id was read
		}
		if err := do(&devices[i]); err != nil {
			return err
		}
	}
	return nil
}

// selectDevices returns the ids of a page and how many there are in all. What a search finds is read whole: looking
// through all devices costs more than the ids do, and is done once then.
func (t *tx) selectDevices(ctx context.Context, q *inventory.Query, order string) ([]string, int, error) {
	where, values := conditionsOf(q)
	query, offset := "SELECT id FROM devices"+where+order, max(q.Offset, 0)
	if q.Search != "" || q.Limit <= 0 {
		ids, err := column[string](ctx, t, query, values...)
		return page(ids, offset, q.Limit), len(ids), err
	}
	ids, err := column[string](ctx, t, query+" LIMIT ? OFFSET ?", slices.Concat(values, []any{q.Limit, offset})...)
	if err != nil || offset == 0 && len(ids) < q.Limit {
		return ids, len(ids), err
	}
	counts, err := column[int](ctx, t, "SELECT COUNT(*) FROM devices"+where, values...)
	if err != nil {
		return nil, 0, err
	}
	return ids, counts[0], nil
}

// page returns limit ids from offset on, all of those where limit is 0.
func page(ids []string, offset, limit int) []string {
	ids = ids[min(offset, len(ids)):]
	if limit > 0 {
		ids = ids[:min(limit, len(ids))]
	}
	return ids
}

// documents returns devices in the order of their ids, and where q asks tells which are not served.
func (t *tx) documents(ctx context.Context, ids []string, q *inventory.Query) ([]inventory.Device, error) {
	devices, place := make([]inventory.Device, len(ids)), make(map[string]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	err := t.eachOf(ctx, ids, func(rows *sql.Rows) error {
		var id string
		var document sql.RawBytes
		if err := rows.Scan(&id, &document); err != nil {
			return err
		}
		return unreadable(json.Unmarshal(document, &devices[place[id]]))
	}, "SELECT id, document FROM documents WHERE id IN ()")
	if err != nil || q.NotServedSince.IsZero() {
		return devices, err
	}
	since := q.NotServedSince.UnixMilli()
	err = t.eachOf(ctx, ids, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		devices[place[id]].NotServed = err == nil
		return err
	}, "SELECT id FROM devices WHERE id IN () AND "+notServed, since, since)
	return devices, err
}

// sortColumns are the columns of inventory.SortKeys, and whether all devices have them.
var sortColumns = map[string]struct {
	name  string
	known bool
}{
	"id": {"id", true}, "account": {"account", true}, "mailbox": {"mailbox", false}, "vendor": {"vendor_key", false},
	"readiness": {"readiness", true}, "category": {"category", true}, "stage": {"stage_rank", true},
	"deadline": {"deadline", false}, "owner": {"owner_key", false}, "priority": {"priority_rank", false},
	"cost": {"cents", false}, "tls_version": {"version_rank", false}, "next_step": {"next_step", false},
	"first_seen": {"first_seen", false}, "last_seen": {"last_seen", false}, "sessions": {"sessions", true},
}

func orderOf(q *inventory.Query) (string, error) {
	by := cmp.Or(q.Sort, "id")
	c, ok := sortColumns[by]
	if !ok {
		return "", fmt.Errorf("devices cannot be sorted by %q; there are %s", by, strings.Join(inventory.SortKeys[:], ", "))
	}
	order := " ORDER BY "
	if !c.known {
		order += c.name + " IS NULL, "
	}
	order += c.name
	if q.Descending {
		order += " DESC"
	}
	if c.name != "id" {
		order += ", id"
	}
	return order, nil
}

// Device returns one device. The id of one that was merged into another finds that.
func (s *Store) Device(ctx context.Context, id string) (inventory.Device, error) {
	var d inventory.Device
	err := s.view(ctx, func(t *tx) error {
		root, err := t.rootOf(ctx, id)
		if err != nil {
			return err
		}
		documents, err := column[[]byte](ctx, t, "SELECT document FROM documents WHERE id = ?", root)
		if err != nil {
			return err
		}
		if len(documents) == 0 {
			return inventory.ErrNoDevice
		}
		return unreadable(json.Unmarshal(documents[0], &d))
	})
	return d, err
}

// History returns the changes of a device and of the ids that are merged into it, the oldest first, and of a device
// that was removed as well.
func (s *Store) History(ctx context.Context, id string) ([]inventory.Change, error) {
	var all inventory.Tally
	err := s.view(ctx, func(t *tx) error {
		ids, err := t.memberIDs(ctx, id)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return inventory.ErrNoDevice
		}
		p := newProjection(t, nil)
		if err := p.loadMembers(ctx, ids); err != nil {
			return err
		}
		for _, m := range p.members {
			all.Add(m.tally)
		}
		return nil
	})
	return all.History(), err
}

const (
	defaultSessions = 100
	maxSessions     = 1000
)

// Sessions returns the sessions that q selects, the latest first, and of a device those of the ids that are merged into
// it as well.
func (s *Store) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	var found []inventory.StoredSession
	err := s.view(ctx, func(t *tx) error {
		var c conditions
		if q.Device != "" {
			ids, err := t.memberIDs(ctx, q.Device)
			if err != nil || len(ids) == 0 {
				return err
			}
			oneOf(&c, "device", ids)
		}
		oneOf(&c, "outcome", q.Outcomes)
		addBefore(&c, &q)
		where, values := c.where()
		limit := q.Limit
		if limit <= 0 {
			limit = defaultSessions
		}
		query := "SELECT id, device, started_at, outcome, record FROM sessions" + where + " ORDER BY started_at DESC, id LIMIT ?"
		return t.each(ctx, func(rows *sql.Rows) error {
			var one inventory.StoredSession
			var started int64
			var record []byte
			err := rows.Scan(&one.ID, &one.Device, &started, &one.Outcome, &record)
			one.StartedAt, one.Record = time.UnixMilli(started).UTC(), record
			found = append(found, one)
			return err
		}, query, append(values, min(limit, maxSessions))...)
	})
	return found, err
}

// addBefore adds where a list of sessions goes on.
func addBefore(c *conditions, q *inventory.SessionQuery) {
	switch at := q.Before.UnixMilli(); {
	case q.Before.IsZero():
	case q.BeforeID == "":
		c.add("started_at < ?", at)
	default: // the first part is what the index knows
		c.add("started_at <= ? AND (started_at < ? OR id > ?)", at, at, clean(q.BeforeID))
	}
}

// Settings returns what people set, by device id, for the devices of which anything is. An id that is merged into a
// device has what is set for the whole. The maps are not to be changed.
func (s *Store) Settings(ctx context.Context) (map[string]map[string]string, error) {
	all := make(map[string]map[string]string)
	err := s.view(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var root string
			var member sql.NullString
			var settings sql.RawBytes
			if err := rows.Scan(&root, &member, &settings); err != nil {
				return err
			}
			if all[root] == nil {
				var values map[string]string
				if err := json.Unmarshal(settings, &values); err != nil {
					return unreadable(err)
				}
				all[root] = values
			}
			if member.Valid {
				all[member.String] = all[root]
			}
			return nil
		}, "SELECT d.id, t.id, d.settings FROM documents d LEFT JOIN tallies t ON t.root = d.id WHERE d.settings <> ''")
	})
	return all, err
}

// Totals returns the figures of all devices that are listed, from an index alone. Sessions has those of strangers and of
// no known source too.
func (s *Store) Totals(ctx context.Context) (inventory.Totals, error) {
	totals := inventory.Totals{Readiness: make(map[string]int64), Stages: make(map[inventory.Stage]int64),
		Categories: make(map[inventory.Category]int64), Versions: make(map[string]int64), Steps: make(map[inventory.NextStep]int64)}
	err := s.view(ctx, func(t *tx) error {
		sums, err := t.sums(ctx)
		if err != nil {
			return err
		}
		totals.Sessions, totals.TurnedAway, totals.BadLines = sums[sumElsewhere], sums[sumTurnedAway], sums[sumBadLines]
		return t.each(ctx, func(rows *sql.Rows) error { return addGroup(&totals, rows) },
			"SELECT stranger, readiness, category, stage, tls_version, next_step, COUNT(*), CAST(SUM(sessions) AS BIGINT)"+
				" FROM devices GROUP BY stranger, readiness, category, stage, tls_version, next_step")
	})
	return totals, err
}

// addGroup adds the devices that have all of these in common.
func addGroup(t *inventory.Totals, rows *sql.Rows) error {
	var stranger bool
	var readiness, version string
	var category inventory.Category
	var stage inventory.Stage
	var step sql.Null[inventory.NextStep]
	var devices, sessions int64
	if err := rows.Scan(&stranger, &readiness, &category, &stage, &version, &step, &devices, &sessions); err != nil {
		return err
	}
	t.Sessions += sessions
	if stranger {
		t.Strangers += devices
		return nil
	}
	t.Devices += devices
	t.Readiness[readiness] += devices
	t.Categories[category] += devices
	t.Stages[stage] += devices
	t.Versions[version] += devices
	if step.Valid {
		t.Steps[step.V] += devices
	}
	return nil
}
