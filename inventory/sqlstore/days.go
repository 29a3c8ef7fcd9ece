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

// dayOutcomes and dayVersions are the columns of days in the order of an inventory.DayTally.
var (
	dayOutcomes = [...]inventory.Outcome{inventory.OutcomeBridged, inventory.OutcomeCut, inventory.OutcomeTLSFailed,
		inventory.OutcomeRefused, inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed,
		inventory.OutcomeProtocolError, inventory.OutcomeAbandoned}
	dayVersions = [...]string{"no_version", "ssl3", "tls10", "tls11", "tls12", "tls13"}
)

// dayColumns returns the columns that are summed.
func dayColumns() []string {
	var columns []string
	for _, o := range dayOutcomes {
		columns = append(columns, string(o))
	}
	columns = append(columns, dayVersions[:]...)
	return append(columns, "flooded", "bytes_from", "bytes_to")
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
		k := deviceDay{id, d.Day}
		if days[k] == nil {
			days[k] = &inventory.DayTally{Day: d.Day}
		}
		days[k].Add(d)
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
	days := make(map[int64]*inventory.Day)
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
		for some := range slices.Chunk(ids, keysAtOnce) {
			if err := t.readDays(ctx, days, some, first); err != nil {
				return err
			}
			if err := t.readCutDays(ctx, days, some, first); err != nil {
				return err
			}
		}
		return nil
	})
	var all []inventory.Day
	for _, d := range slices.Sorted(maps.Keys(days)) {
		all = append(all, *days[d])
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

func (t *tx) readDays(ctx context.Context, days map[int64]*inventory.Day, ids []string, first int64) error {
	columns := dayColumns()
	for i, c := range columns {
		columns[i] = "CAST(SUM(" + c + ") AS BIGINT)"
	}
	query := "SELECT day, " + strings.Join(columns, ", ") + " FROM days WHERE device IN (" + marks(len(ids)) + ") AND day >= ? GROUP BY day"
	return t.each(ctx, func(rows *sql.Rows) error {
		var d dayRow
		if err := rows.Scan(d.targets()...); err != nil {
			return err
		}
		d.addTo(dayOf(days, d.day))
		return nil
	}, query, append(args(ids), first)...)
}

// readCutDays adds the sessions that were admitted in a run that is over, and never ended.
func (t *tx) readCutDays(ctx context.Context, days map[int64]*inventory.Day, ids []string, first int64) error {
	query := "SELECT o.day, CAST(SUM(o.balance) AS BIGINT) FROM open_sessions o JOIN ended_runs e ON e.run = o.run WHERE o.balance > 0 AND o.day >= ?"
	values := []any{first}
	if !slices.Equal(ids, []string{everyDevice}) {
		query += " AND o.device IN (" + marks(len(ids)) + ")"
		values = append(values, args(ids)...)
	}
	return t.each(ctx, func(rows *sql.Rows) error {
		var day, n int64
		if err := rows.Scan(&day, &n); err != nil {
			return err
		}
		d := dayOf(days, day)
		d.Sessions += n
		d.Outcomes[inventory.OutcomeCut] += n
		return nil
	}, query+" GROUP BY o.day", values...)
}

func dayOf(days map[int64]*inventory.Day, day int64) *inventory.Day {
	if days[day] == nil {
		date := time.Unix(day*secondsOfDay, 0).UTC().Format(time.DateOnly)
		days[day] = &inventory.Day{Date: date, Outcomes: make(inventory.Outcomes), TLSVersions: make(map[string]int64)}
	}
	return days[day]
}

// dayRow is a day as it is read.
type dayRow struct {
	day                           int64
	outcomes                      [len(dayOutcomes)]int64
	versions                      [len(dayVersions)]int64
	flooded, bytesFrom, bytesInto int64
}

func (d *dayRow) targets() []any {
	targets := []any{&d.day}
	for i := range d.outcomes {
		targets = append(targets, &d.outcomes[i])
	}
	for i := range d.versions {
		targets = append(targets, &d.versions[i])
	}
	return append(targets, &d.flooded, &d.bytesFrom, &d.bytesInto)
}

func (d *dayRow) addTo(day *inventory.Day) {
	for i, n := range d.outcomes {
		if n != 0 {
			day.Outcomes[dayOutcomes[i]] += n
			day.Sessions += n
		}
	}
	for i, version := range inventory.Versions() {
		if n := d.versions[i]; n != 0 {
			day.TLSVersions[version] += n
		}
	}
	day.Sessions += d.flooded
	day.Flooded += d.flooded
	day.BytesFrom += d.bytesFrom
	day.BytesTo += d.bytesInto
}
