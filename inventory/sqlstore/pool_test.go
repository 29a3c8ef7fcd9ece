package sqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// What a connection of the pool took over when it was made does not outlive its cause: settings of the database and of the
// role are given to a session as it begins, and hold for it until it ends.
func TestPoolForgetsSettingsThatWereTakenBack(t *testing.T) {
	for name, setting := range map[string]string{
		"read only":     "default_transaction_read_only = on",        // 25006
		"other schema":  "search_path = pg_catalog",                  // 42P01
		"no idle time":  "idle_in_transaction_session_timeout = '1'", // 25P03, or none where we are quick
		"other user":    "role = pg_monitor",                         // 42501
		"other timeout": "statement_timeout = 1",                     // ours counts
	} {
		t.Run(name, func(t *testing.T) {
			o := sqlstore.Options{Postgres: postgres(t)}
			s, j, db := open(t, o), journal{id: "a"}, raw(t, o)
			apply(t, s, j.batch(session("1", "192.0.2.1/a", 0)))
			database := nameOf(t, o.Postgres)
			run := func(statement string) {
				t.Helper()
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			run("ALTER DATABASE " + database + " SET " + setting)
			run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			next := j.batch(session("2", "192.0.2.1/a", 1))
			first, second := s.Apply(t.Context(), next), s.Ping(t.Context()) // two sessions of the database
			run("ALTER DATABASE " + database + " RESET ALL")
			if first == nil {
				return
			}
			if err := s.Apply(t.Context(), next); err == nil {
				return
			}
			if err := s.Apply(t.Context(), next); err != nil { // the follower's next try
				t.Errorf("after the setting was taken back: %v (before: %v, %v)", err, first, second)
			}
		})
	}
}

func nameOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// counted counts the connections that a store makes.
type counted struct {
	driver.Connector
	made *atomic.Int64
}

func (c counted) Connect(ctx context.Context) (driver.Conn, error) {
	c.made.Add(1)
	return c.Connector.Connect(ctx)
}

// After any error no connection that was made before it is used again, whichever it was: a server that was a standby, that
// restarts, or that a name no longer leads to.
func TestPoolIsMadeAnewAfterAnError(t *testing.T) {
	for _, code := range []string{"25006", "57P01", "57P02", "57P03", "08006", "08P01", "42501", "XX000"} {
		t.Run(code, func(t *testing.T) {
			var f faults
			var made atomic.Int64
			s, err := sqlstore.OpenThrough(t.Context(), sqlstore.Options{Postgres: postgres(t)},
				func(c driver.Connector) driver.Connector { return f.through(counted{c, &made}) })
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			j := journal{id: "a"}
			apply(t, s, j.batch(session("1", "192.0.2.1/a", 0)))
			next := j.batch(session("2", "192.0.2.1/a", 1))
			before := made.Load()
			f.arm(3, func() error { return &pgconn.PgError{Code: code, Message: "as a test says"} })
			if err := s.Apply(t.Context(), next); err == nil || !f.disarm() {
				t.Fatalf("no error: %v", err)
			}
			apply(t, s, next)
			if after := made.Load(); after == before {
				t.Error("the next transaction was in a connection that had been made before the error")
			}
		})
	}
}

// What is no fault of the database costs no connection.
func TestPoolStaysAfterAWrongPosition(t *testing.T) {
	var made atomic.Int64
	s, err := sqlstore.OpenThrough(t.Context(), sqlstore.Options{Postgres: postgres(t)},
		func(c driver.Connector) driver.Connector { return counted{c, &made} })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	j := journal{id: "a"}
	apply(t, s, j.batch(session("1", "192.0.2.1/a", 0)))
	before := made.Load()
	wrong := journal{id: "a", next: 7}
	if err := s.Apply(t.Context(), wrong.batch(session("2", "192.0.2.1/a", 1))); !errors.Is(err, sqlstore.ErrPosition) {
		t.Fatal(err)
	}
	if _, err := s.Device(t.Context(), "192.0.2.9/none"); !errors.Is(err, inventory.ErrNoDevice) {
		t.Fatal(err)
	}
	apply(t, s, j.batch(session("2", "192.0.2.1/a", 1)))
	if after := made.Load(); after != before {
		t.Errorf("%d connections were made", after-before)
	}
}

// Through a PgBouncer that gives each transaction any connection of its own, and knows no parameter of ours, a store is as
// any other: also two that start at once, and one that is in two minds about the same statement.
func TestPgBouncer(t *testing.T) {
	o := sqlstore.Options{Postgres: server.Pooled(t), Advise: advise}
	opened := make(chan error)
	for range 3 {
		go func() {
			s, err := sqlstore.Open(t.Context(), o)
			if err == nil {
				err = s.Close()
			}
			opened <- err
		}()
	}
	for range 3 {
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
	}
	stores := []*sqlstore.Store{open(t, o), open(t, o)}
	done := make(chan error)
	for i, s := range stores {
		go func() { done <- project(t.Context(), s, fmt.Sprint("journal ", i), 12, false) }()
	}
	for range stores {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, s := range stores {
		if all := devices(t, s, inventory.Query{Search: "192", Limit: 5}); len(all) != 5 || all[0].Sessions != 24 {
			t.Errorf("%d devices: %+v", len(all), all)
		}
		if err := s.Reset(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Prune(t.Context(), noon, noon); err != nil {
			t.Error(err)
		}
		if err := s.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if err := project(t.Context(), s, "journal 0", 12, false); err != nil {
			t.Error(err)
		}
		if err := project(t.Context(), s, "journal 1", 12, false); err != nil {
			t.Error(err)
		}
	}
}
