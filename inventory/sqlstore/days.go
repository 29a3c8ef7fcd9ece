package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
)

// dayColumns returns the columns of days that are summed, in the order of an inventory.DayTally.
func dayColumns() []string {
	var columns []string
	for _, o := range inventory.OutcomeOrder() {
		columns = append(columns, string(o))
	}
	return append(columns, "no_version", "ssl3", "tls10", "tls11", "tls12", "tls13", "flooded", "bytes_from", "bytes_to")
}

// everyDevice is the id under which days has the sum of all devices.
const everyDevice = ""

// deviceDay is the key of days.
type deviceDay struct {
	device string
	day    int32
}

func (p *projection) addDays(ctx context.Context, b *inventory.Batch) error {
	days := make(map[deviceDay]*inventory.DayTally)
	add := func(id string, d inventory.DayTally) {
		dayOf(days, deviceDay{id, d.Day}, d.Day).Add(d)
	}
	for id, folded := range b.Fold.Tallies() {
		for _, d := range folded.Days {
			add(key(id), d)
			add(everyDevice, d)
		}
	}
	columns := dayColumns()
	into := table{"days", append([]string{"device", "day"}, columns...), added("days", "device,day", columns...)}
	values := make([]any, 0, len(days)*len(into.columns))
	for k, d := range days {
		values = append(values, k.device, k.day)
		values = appendDay(values, d)
	}
	return p.insert(ctx, into, values)
}

// appendDay appends the values of dayColumns.
func appendDay(values []any, d *inventory.DayTally) []any {
	for _, n := range d.Outcomes {
		values = append(values, int64(n))
	}
	for _, n := range d.Versions {
		values = append(values, int64(n))
	}
	return append(values, int64(d.Flooded), d.BytesFrom, d.BytesTo)
}

// Days returns what a device did each day, the oldest first, with the ids that are merged into it; of an empty id what
// all devices did. Days before the retention are not there. A day without sessions is left out.
func (s *Store) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	days := make(map[int32]*inventory.DayTally)
	err := s.view(ctx, func(t *tx) error {
		sums, err := t.sums(ctx)
		if err != nil {
			return err
		}
		first := firstDay(since)
		if dropped, ok := sums[sumFirstDay]; ok {
			first = max(first, dropped)
		}
		ids := []string{everyDevice}
		if id != "" {
			if ids, err = t.memberIDs(ctx, id); err != nil {
				return err
			}
		}
		if err := t.readDays(ctx, days, ids, first); err != nil {
			return err
		}
		return t.readCutDays(ctx, days, ids, first)
	})
	var all []inventory.Day
	for _, d := range slices.Sorted(maps.Keys(days)) {
		all = append(all, days[d].Shown())
	}
	return all, err
}

// firstDay returns the first day at or after which since is; of the zero time all days are.
func firstDay(since time.Time) int64 {
	if since.IsZero() {
		return math.MinInt32
	}
	return since.Unix() / secondsOfDay
}

const secondsOfDay = 24 * 60 * 60

func (t *tx) readDays(ctx context.Context, days map[int32]*inventory.DayTally, ids []string, first int64) error {
	columns := dayColumns()
	for i, c := range columns {
		columns[i] = "CAST(SUM(" + c + ") AS BIGINT)"
	}
	query := "SELECT day, " + strings.Join(columns, ", ") + " FROM days WHERE device IN () AND day >= ? GROUP BY day"
	return t.eachOf(ctx, ids, func(rows *sql.Rows) error {
		var d inventory.DayTally
		if err := rows.Scan(targets(&d)...); err != nil {
			return err
		}
		dayOf(days, d.Day, d.Day).Add(d)
		return nil
	}, query, first)
}

// targets returns where the day and the values of dayColumns are read to.
func targets(d *inventory.DayTally) []any {
	targets := []any{&d.Day}
	for i := range d.Outcomes {
		targets = append(targets, &d.Outcomes[i])
	}
	for i := range d.Versions {
		targets = append(targets, &d.Versions[i])
	}
	return append(targets, &d.Flooded, &d.BytesFrom, &d.BytesTo)
}

// readCutDays adds the sessions that were admitted in a run that is over, and never ended.
func (t *tx) readCutDays(ctx context.Context, days map[int32]*inventory.DayTally, ids []string, first int64) error {
	query := "SELECT o.day, CAST(SUM(o.balance) AS BIGINT) FROM open_sessions o JOIN ended_runs e ON e.run = o.run" +
		" WHERE o.balance > 0 AND o.device IN () AND o.day >= ? GROUP BY o.day"
	row := func(rows *sql.Rows) error {
		var day int32
		var n uint32
		if err := rows.Scan(&day, &n); err != nil {
			return err
		}
		dayOf(days, day, day).AddCut(n)
		return nil
	}
	if slices.Equal(ids, []string{everyDevice}) {
		return t.each(ctx, row, strings.Replace(query, "o.device IN () AND ", "", 1), first)
	}
	return t.eachOf(ctx, ids, row, query, first)
}

func dayOf[K comparable](days map[K]*inventory.DayTally, k K, day int32) *inventory.DayTally {
	if days[k] == nil {
		days[k] = &inventory.DayTally{Day: day}
	}
	return days[k]
}
