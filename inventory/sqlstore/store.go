package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"drawbridge/inventory"
)

// ErrPosition says that a batch does not begin where the store is in its journal: ask Position again. It happens when
// another bridge on the same PostgreSQL called Reset.
var ErrPosition = errors.New("the batch does not begin where the store is in the journal")

// ErrDamaged says that a SQLite file is damaged or no inventory, so that only one made anew from the journal helps.
var ErrDamaged = errors.New("the file is damaged or no inventory; drawbridge inventory rebuild makes it anew from the journal")

// errUnreadable says that a row has not what it should.
var errUnreadable = errors.New("a row cannot be read")

func unreadable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}

// Options say which database a Store is in: exactly one of SQLite and Postgres.
type Options struct {
	SQLite   string // path of the file, in a folder that is there; it and its two companions get mode 0600
	Postgres string // address such as postgres://drawbridge:password@host/drawbridge; never printed

	Advise inventory.Advisor // nil: no advice
	Log    *zap.Logger       // of migrations; nil: none
}

// Store is the inventory in a database. It is safe for concurrent use; Apply, Reset and Prune wait for each other, and
// reading waits for none of them.
type Store struct {
	dialect dialect
	write   *sql.DB // one connection in SQLite
	read    *sql.DB
	place   string // how errors name the database
	secret  string // what errors must not show
	damaged atomic.Bool
	retire  func() // has no connection used again that is there now; nil: they have no state that could be old
	advise  inventory.Advisor
}

var _ inventory.Reader = (*Store)(nil)

// Open opens the database and brings its schema up to this version. An error tells what to do; none shows the
// password of Options.Postgres.
func Open(ctx context.Context, o Options) (*Store, error) {
	return open(ctx, o, func(c driver.Connector) driver.Connector { return c })
}

// open opens the database through wrap, by which tests stand between the store and the driver.
func open(ctx context.Context, o Options, wrap func(driver.Connector) driver.Connector) (*Store, error) {
	s, err := connect(o, wrap)
	if err != nil {
		return nil, err
	}
	s.advise = o.Advise
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if err := s.migrate(ctx, o.Log); err != nil {
		return nil, errors.Join(s.explain("open", err), s.Close())
	}
	return s, nil
}

func connect(o Options, wrap func(driver.Connector) driver.Connector) (*Store, error) {
	switch {
	case (o.SQLite == "") == (o.Postgres == ""):
		return nil, errors.New("the inventory is kept either in a SQLite file or in PostgreSQL: name one of them")
	case o.SQLite != "":
		return connectSQLite(o.SQLite, wrap)
	}
	return connectPostgres(o.Postgres, wrap)
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		s.suspect(err)
		return s.explain("reach", err)
	}
	return nil
}

// Close closes the database. Transactions that are under way are rolled back.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(s.read.Close(), err)
	}
	if err != nil {
		return s.explain("close", err)
	}
	return nil
}

// Damaged reports whether anything failed by ErrDamaged since Open, whoever asked for it.
func (s *Store) Damaged() bool { return s.damaged.Load() }

// suspect lets go of the connections where an error may come from what they were like when they were made.
func (s *Store) suspect(err error) {
	if s.retire != nil && !errors.Is(err, ErrPosition) && !errors.Is(err, inventory.ErrNoDevice) && !errors.Is(err, context.Canceled) {
		s.retire()
	}
}

// explain says which database failed at what, and what to do where that is known.
func (s *Store) explain(verb string, err error) error {
	if errors.Is(err, ErrPosition) || errors.Is(err, inventory.ErrNoDevice) {
		return err
	}
	told := fmt.Errorf("%s the inventory in %s: %w", verb, s.place, err)
	if s.dialect.damaged != nil && s.dialect.damaged(err) {
		s.damaged.Store(true)
		told = fmt.Errorf("%w: %w", told, ErrDamaged)
	} else if advice := s.dialect.advice(err); advice != "" {
		told = fmt.Errorf("%w: %s", told, advice)
	}
	return redact(told, s.secret)
}
