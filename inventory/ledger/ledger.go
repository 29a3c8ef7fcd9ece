// Package ledger is the live inventory of one data directory.
//
// The journal is the truth, and the store is made from it: a Ledger keeps the store up with the journal, lets go of what is
// older than an administrator wants to keep, and takes the edits of people, which are lines of the journal too. Sessions are
// told to the journal alone, and wait for no store.
package ledger

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/secret"
	"drawbridge/inventory"
	"drawbridge/inventory/advice"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/sqlstore"
)

// What a ledger keeps in the data directory. The store has two companions, with -wal and -shm behind its name.
const (
	JournalFolder = "journal"
	StoreFile     = "inventory.db" // of a SQLite store
	StagesFile    = "stages.json"
)

// Options say what a ledger keeps, and where.
type Options struct {
	Dir      string // the data directory, whose lock the caller holds
	Journal  journal.Options
	Postgres secret.Secret // address of a PostgreSQL, as sqlstore has it; empty: SQLite, in Dir

	// How long the store has single sessions and the sums of days, and with these the source devices of which no more is known.
	KeepSessions, KeepDays time.Duration

	KeepSize int64 // bytes that the journal and a store in Dir have together; 0: no bound

	Record func(inventory.ChangeLine) // required; called with each change once the journal has it, by any goroutine
	Log    *zap.Logger                // required
}

// Ledger is the inventory of one data directory: the journal, the store, and what people set, which a login must know
// without either. It is an inventory.Reader of what the store has, and an inventory.Editor. After Start, and until Close, it
// is safe for concurrent use.
type Ledger struct {
	view
	*follower
	Journal *journal.Journal // what happens is told to it; Close closes it

	o     Options
	edits sync.Mutex // one change of several lines at a time
	end   func()     // ends what Start began
}

// Open opens the journal and what people set. The store is opened after Start, so that one which cannot be reached keeps no
// bridge from starting; reading waits for that.
func Open(o Options) (*Ledger, error) {
	plans, err := openPlans(filepath.Join(o.Dir, StagesFile))
	if err != nil {
		return nil, err
	}
	advisor, err := advice.New()
	if err != nil {
		return nil, err
	}
	store := sqlstore.Options{Postgres: o.Postgres.Reveal(), Advise: advisor.Judge, Log: o.Log}
	if store.Postgres == "" {
		store.SQLite = filepath.Join(o.Dir, StoreFile)
	}
	j, err := journal.Open(filepath.Join(o.Dir, JournalFolder), o.Journal)
	if err != nil {
		return nil, err
	}
	l := &Ledger{Journal: j, o: o, end: func() {}}
	l.follower = &follower{journal: j, options: store, keepSessions: o.KeepSessions, keepDays: o.KeepDays, plans: plans,
		log: o.Log, passes: make(chan askedPass), tried: make(chan struct{})}
	l.view = l.reader
	return l, nil
}

// Start begins to keep the store up with the journal, until Close.
func (l *Ledger) Start() {
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { l.follow(ctx) })
	l.end = func() {
		stop()
		following.Wait()
	}
}

// Close ends the journal, and after Start returns when the store has all of it that it takes, within 10 s. The error says what
// was not written. It may be called again.
func (l *Ledger) Close() error {
	err := l.Journal.Close()
	l.end()
	return err
}

// Plans returns what was set for the devices of a source, by account; the caller does not change it. It waits for no store.
func (l *Ledger) Plans(source string) map[string]inventory.Plan { return l.plans.of(source) }

// How often what need not be kept any longer is let go: what is too old, and what is too much.
const (
	boundEvery = time.Minute
	tidyEvery  = time.Hour
)

// Tidy lets go every hour of what is older than is to be kept, and every minute of what is more, until ctx ends. First it lets
// the bridge start in peace. What it cannot do is told once an hour.
func (l *Ledger) Tidy(ctx context.Context) {
	for minute := time.Duration(1); ; minute++ {
		if pause(ctx, boundEvery); ctx.Err() != nil {
			return
		}
		err, whole := l.Bound(ctx, time.Now()), minute*boundEvery%tidyEvery == 0
		if whole {
			err = errors.Join(l.Drop(ctx, time.Now()), err)
		}
		if err != nil && whole && ctx.Err() == nil {
			l.log.Error("the inventory keeps more than inventory.keep says", zap.Error(err))
		}
	}
}

// Drop lets go of the sessions and days that are too old now. The journal keeps what the store has not read yet, and the
// fold of what it drops.
func (l *Ledger) Drop(ctx context.Context, now time.Time) error {
	store, err := l.reader(ctx)
	if err != nil {
		return err
	}
	if err := l.prune(ctx, store, now); err != nil {
		return err
	}
	passed, known, err := store.Position(ctx, l.Journal.ID())
	if err != nil || !known {
		return err
	}
	_, err = l.Journal.Drop(ctx, now.Add(-l.o.KeepSessions), passed, l.fold(now))
	return err
}

// fold returns what adds the lines that the journal drops to its snapshot, without source devices that were not seen for long.
func (l *Ledger) fold(now time.Time) journal.Fold {
	since := sqlstore.FirstKept(now.Add(-l.o.KeepDays))
	return func(old io.Reader, lines journal.Lines, snapshot io.Writer) error {
		return addDropped(old, lines, since, snapshot)
	}
}

func addDropped(old io.Reader, lines journal.Lines, strangersSince time.Time, snapshot io.Writer) error {
	fold := inventory.NewFold()
	if old != nil {
		var err error
		if fold, err = inventory.ReadSnapshot(old); err != nil {
			return err
		}
	}
	if _, err := lines(func(l *inventory.Line) error { fold.Line(l); return nil }); err != nil {
		return err
	}
	fold.Forget(strangersSince)
	return fold.WriteSnapshot(snapshot)
}

// view is an inventory.Reader of the store that it returns; where it returns none, reading says why.
type view func(context.Context) (*sqlstore.Store, error)

// Devices implements inventory.Reader, as the methods below do.
func (v view) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	store, err := v(ctx)
	if err != nil {
		return nil, 0, err
	}
	return store.Devices(ctx, q)
}

func (v view) EachDevice(ctx context.Context, q inventory.Query, do func(*inventory.Device) error) (int, error) {
	return read(ctx, v, func(s *sqlstore.Store) (int, error) { return s.EachDevice(ctx, q, do) })
}

func (v view) Device(ctx context.Context, id string) (inventory.Device, error) {
	return read(ctx, v, func(s *sqlstore.Store) (inventory.Device, error) { return s.Device(ctx, id) })
}

func (v view) History(ctx context.Context, id string) ([]inventory.Change, error) {
	return read(ctx, v, func(s *sqlstore.Store) ([]inventory.Change, error) { return s.History(ctx, id) })
}

func (v view) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	return read(ctx, v, func(s *sqlstore.Store) ([]inventory.Day, error) { return s.Days(ctx, id, since) })
}

func (v view) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	return read(ctx, v, func(s *sqlstore.Store) ([]inventory.StoredSession, error) { return s.Sessions(ctx, q) })
}

func (v view) Totals(ctx context.Context) (inventory.Totals, error) {
	return read(ctx, v, func(s *sqlstore.Store) (inventory.Totals, error) { return s.Totals(ctx) })
}

func read[T any](ctx context.Context, v view, from func(*sqlstore.Store) (T, error)) (T, error) {
	store, err := v(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return from(store)
}

// Current is a Ledger of which nothing is read while its store is behind the journal: what a command prints is what is so, or
// it says why it cannot be told.
type Current struct {
	*Ledger
	view
}

// Current returns the ledger for those who want to read nothing that is out of date.
func (l *Ledger) Current() Current {
	return Current{l, func(ctx context.Context) (*sqlstore.Store, error) {
		if err := l.Behind(); err != nil {
			return nil, err
		}
		return l.reader(ctx)
	}}
}
