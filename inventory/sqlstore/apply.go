package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"drawbridge/inventory"
)

// Apply adds a batch to the rows and takes the journal's position to its end, in one transaction: after an error
// nothing of it is there. The batch must begin where the store is in its journal, else ErrPosition.
//
// What a batch costs grows with its sessions, the devices that they are of, and the ids that people merged with those.
func (s *Store) Apply(ctx context.Context, b inventory.Batch) error {
	if b.From.Journal == "" || b.From.Journal != b.To.Journal {
		return errors.New("add to the inventory: the batch is not of one journal")
	}
	if b.Fold == nil {
		b.Fold = inventory.NewFold()
	}
	return s.update(ctx, "add to", func(t *tx) error {
		if err := t.startAt(ctx, b.From); err != nil {
			return err
		}
		p := newProjection(t, s.advise)
		for _, step := range [...]func(context.Context, *inventory.Batch) error{
			p.addTallies, p.addDays, p.addOpen, p.endRuns, p.show, p.addSessions, p.addSums, p.setPosition,
		} {
			if err := step(ctx, &b); err != nil {
				return err
			}
		}
		return nil
	})
}

// projection is the rows as one transaction brings them up: by a batch, or to show them anew.
type projection struct {
	*tx
	advise  inventory.Advisor
	members map[string]*member  // ids whose tally was read or made
	touched map[string]struct{} // ids of which what is shown may have changed
	roots   map[string]struct{} // devices that are to be shown anew
}

// member is one id: its tally with the batch in it, and where it belongs.
type member struct {
	tally            *inventory.Tally
	mergedInto, root string
}

func newProjection(t *tx, advise inventory.Advisor) *projection {
	return &projection{tx: t, advise: advise, members: make(map[string]*member),
		touched: make(map[string]struct{}), roots: make(map[string]struct{})}
}

// Position returns how far a journal is in the rows, and false where nothing of it is.
func (s *Store) Position(ctx context.Context, journal string) (inventory.Position, bool, error) {
	var p inventory.Position
	var found bool
	err := s.view(ctx, func(t *tx) (err error) {
		p, found, err = t.position(ctx, journal)
		return err
	})
	return p, found, err
}

func (t *tx) position(ctx context.Context, journal string) (inventory.Position, bool, error) {
	p, found := inventory.Position{Journal: journal}, false
	err := t.each(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&p.Segment, &p.Offset)
	}, "SELECT segment, place FROM positions WHERE journal = ?", key(journal))
	return p, found, err
}

func (t *tx) startAt(ctx context.Context, from inventory.Position) error {
	have, _, err := t.position(ctx, from.Journal)
	if err != nil {
		return err
	}
	if have != from {
		return ErrPosition
	}
	return nil
}

var positions = table{"positions", []string{"journal", "segment", "place"}, replaced("journal", "segment", "place")}

func (p *projection) setPosition(ctx context.Context, b *inventory.Batch) error {
	return p.insert(ctx, positions, []any{key(b.To.Journal), b.To.Segment, b.To.Offset})
}

// The names of sums.
const (
	sumTurnedAway = "turned_away"
	sumElsewhere  = "elsewhere"
	sumBadLines   = "bad_lines"
	sumFirstDay   = "first_day" // the days before it were dropped
)

var sums = table{"sums", []string{"name", "amount"}, added("sums", "name", "amount")}

func (p *projection) addSums(ctx context.Context, b *inventory.Batch) error {
	return p.insert(ctx, sums, []any{sumTurnedAway, b.Fold.TurnedAway(), sumElsewhere, b.Fold.Elsewhere(), sumBadLines, b.Bad})
}

func (t *tx) sums(ctx context.Context) (map[string]int64, error) {
	all := make(map[string]int64)
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name string
		var amount int64
		err := rows.Scan(&name, &amount)
		all[name] = amount
		return err
	}, "SELECT name, amount FROM sums")
	return all, err
}

var openSessions = table{"open_sessions", []string{"run", "device", "day", "balance"}, added("open_sessions", "run,device,day", "balance")}

func (p *projection) addOpen(ctx context.Context, b *inventory.Batch) error {
	open := make(map[inventory.Open]int64)
	for o, n := range b.Fold.Opened() {
		open[inventory.Open{Run: key(o.Run), Device: key(o.Device), Day: o.Day}] += n
	}
	values := make([]any, 0, len(open)*len(openSessions.columns))
	for o, n := range open {
		values = append(values, o.Run, o.Device, o.Day, n)
		p.touched[o.Device] = struct{}{}
	}
	if err := p.insert(ctx, openSessions, values); err != nil {
		return err
	}
	return p.exec(ctx, "DELETE FROM open_sessions WHERE balance = 0")
}

var endedRuns = table{"ended_runs", []string{"run"}, "ON CONFLICT (run) DO NOTHING"}

// endRuns notes which runs are over: what their devices have open is cut from now on.
func (p *projection) endRuns(ctx context.Context, b *inventory.Batch) error {
	runs := b.Fold.EndedRuns()
	for i, run := range runs {
		runs[i] = key(run)
	}
	slices.Sort(runs)
	runs = slices.Compact(runs)
	if err := p.insert(ctx, endedRuns, args(runs)); err != nil {
		return err
	}
	devices, err := p.columnOf(ctx, runs, "SELECT DISTINCT device FROM open_sessions WHERE balance > 0 AND run IN ()")
	for _, id := range devices {
		p.touched[id] = struct{}{}
	}
	return err
}

var sessions = table{name: "sessions", columns: []string{"id", "device", "started_at", "outcome", "record"}}

func (p *projection) addSessions(ctx context.Context, b *inventory.Batch) error {
	values := make([]any, 0, len(b.Sessions)*len(sessions.columns))
	for _, s := range b.Sessions {
		values = append(values, clean(s.ID), key(s.Device), s.StartedAt.UnixMilli(), clean(string(s.Outcome)), clean(string(s.Record)))
	}
	return p.insert(ctx, sessions, values)
}
