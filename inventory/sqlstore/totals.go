package sqlstore

import (
	"context"
	"database/sql"

	"drawbridge/inventory"
)

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
