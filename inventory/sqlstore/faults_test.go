package sqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// faults stands between a store and its driver and fails at the nth thing that the store asks for once it is armed.
type faults struct {
	mu    sync.Mutex
	left  int // until it fails; 0 when it is not armed
	fail  func() error
	fired bool
}

var errInjected = errors.New("the database is gone")

func (f *faults) arm(n int, fail func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.fail, f.fired = n, fail, false
}

// disarm reports whether it failed.
func (f *faults) disarm() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	return f.fired
}

func (f *faults) step() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return nil
	}
	if f.left--; f.left > 0 {
		return nil
	}
	f.fired = true
	return f.fail()
}

func (f *faults) through(c driver.Connector) driver.Connector { return &faultyConnector{c, f} }

type faultyConnector struct {
	driver.Connector
	faults *faults
}

func (c *faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn, c.faults}, nil
}

// faultyConn has the optional methods that both drivers have.
type faultyConn struct {
	driver.Conn
	faults *faults
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.faults.step(); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &faultyTx{tx, c.faults}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.faults.step(); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.faults.step(); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.faults.step(); err != nil {
		return nil, err
	}
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{s, c.faults}, nil
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *faultyConn) Ping(ctx context.Context) error { return c.Conn.(driver.Pinger).Ping(ctx) }

type faultyStmt struct {
	driver.Stmt
	faults *faults
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.faults.step(); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

type faultyTx struct {
	driver.Tx
	faults *faults
}

// Commit fails without committing: the driver rolls back.
func (t *faultyTx) Commit() error {
	if err := t.faults.step(); err != nil {
		return errors.Join(err, t.Rollback())
	}
	return t.Tx.Commit()
}

// Wherever in a batch the database fails or the program is told to stop, nothing of the batch is there, and adding it
// again counts it once.
func TestABatchIsAddedWholeOrNotAtAll(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		var f faults
		s, err := sqlstore.OpenThrough(t.Context(), o, f.through)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		first, second := richBatches()
		want := reference(t, s, first, second)
		for _, stopped := range []bool{false, true} {
			for n := 1; failsAt(t, s, &f, n, stopped, first, second, want); n++ {
			}
		}
	})
}

// richBatches need every statement of Apply: merges that join and part, runs that end, and a device that goes.
func richBatches() (first, second inventory.Batch) {
	const a, b, c = "192.0.2.1/a", "192.0.2.2/b", "192.0.2.3/c"
	admitted := session("5", c, 3)
	admitted.Message = inventory.MessageAdmitted
	j := journal{id: "a"}
	first = j.batch(session("1", a, 0), session("2", b, 1), change(b, "merge", a, 1), admitted)
	second = j.batch(session("3", a, 2), session("4", c, 3), change(b, "merge", "", 2), change(a, "merge", c, 3), change(b, "remove", "", 999),
		inventory.Line{Message: inventory.MessageBridge, Start: inventory.BridgeLine{Event: inventory.BridgeStart, Previous: "run"}},
		inventory.Line{Message: inventory.MessageFlood, Flood: inventory.FloodLine{Count: 7, Sessions: 2, First: noon, Last: noon}})
	second.Bad = 2
	return first, second
}

// reference returns what the store tells after the first batch and after the second.
func reference(t *testing.T, s *sqlstore.Store, first, second inventory.Batch) [2]string {
	apply(t, s, first)
	after := [2]string{everything(t, s)}
	apply(t, s, second)
	after[1] = everything(t, s)
	return after
}

// failsAt lets the nth step of the second batch fail, and reports whether the batch has that many.
func failsAt(t *testing.T, s *sqlstore.Store, f *faults, n int, stopped bool, first, second inventory.Batch, want [2]string) bool {
	if err := s.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	apply(t, s, first)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f.arm(n, func() error {
		if stopped {
			stop()
			return ctx.Err()
		}
		return errInjected
	})
	err := s.Apply(ctx, second)
	if !f.disarm() {
		if err != nil || n < 15 {
			t.Fatalf("the batch took only %d steps; %v", n, err)
		}
		return false
	}
	if !errors.Is(err, errInjected) && !errors.Is(err, context.Canceled) {
		t.Fatalf("step %d: the error is %v", n, err)
	}
	if got := everything(t, s); got != want[0] {
		t.Fatalf("step %d failed, and the store has\n%s\nwant\n%s", n, got, want[0])
	}
	apply(t, s, second)
	if got := everything(t, s); got != want[1] {
		t.Fatalf("after step %d failed and the batch was added again, the store has\n%s\nwant\n%s", n, got, want[1])
	}
	return true
}

// everything returns all that a store tells.
func everything(t testing.TB, s *sqlstore.Store) string {
	t.Helper()
	position, _, err := s.Position(t.Context(), "a")
	totals, err2 := s.Totals(t.Context())
	days, err3 := s.Days(t.Context(), "", time.Time{})
	stored, err4 := s.Sessions(t.Context(), inventory.SessionQuery{Limit: 1000})
	settings, err5 := s.Settings(t.Context())
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v\n", position)
	for _, v := range []any{devices(t, s, inventory.Query{}), totals, days, stored, settings} {
		text += jsonOf(t, v) + "\n"
	}
	return text
}
