// Package postgrestest gives tests a PostgreSQL server.
//
// It is the one that DRAWBRIDGE_TEST_POSTGRES names, as postgres://user:password@host/postgres, or one started from the binaries of
// Debian's package postgresql. Only tests import it.
package postgrestest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// Server is a server for the tests of one package, started by the first that asks for a database. The zero value is ready
// to use; who has one stops it when the tests are through. It is safe for concurrent use.
type Server struct {
	once      sync.Once
	address   *url.URL
	missing   error // why there is none
	program   *program
	databases atomic.Int64

	pooling  sync.Once
	noPooler error // why there is none
}

func (s *Server) start() {
	if named := os.Getenv("DRAWBRIDGE_TEST_POSTGRES"); named != "" {
		s.address, s.missing = url.Parse(named)
		return
	}
	if s.program, s.missing = newProgram(); s.missing == nil {
		s.address = s.program.address()
	}
}

// Stop ends the server and removes what it kept.
func (s *Server) Stop() {
	if s.program != nil {
		s.program.end()
		s.program.remove()
	}
}

// Interrupt stops the server until the function that it returns is called. A server that the environment named cannot be
// stopped: then the test is skipped.
func (s *Server) Interrupt(t testing.TB) (resume func()) {
	t.Helper()
	s.need(t)
	if s.program == nil {
		t.Skip("the PostgreSQL of DRAWBRIDGE_TEST_POSTGRES is not ours to stop")
	}
	s.program.end()
	return func() {
		t.Helper()
		if err := s.program.run(); err != nil {
			t.Fatal(err)
		}
	}
}

// need starts the server. Where there is none the test is skipped, in CI it fails.
func (s *Server) need(t testing.TB) {
	t.Helper()
	s.once.Do(s.start)
	if s.missing == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("PostgreSQL (Debian package postgresql) is needed: %v", s.missing)
	}
	t.Skipf("no PostgreSQL (Debian package postgresql): %v", s.missing)
}

// Pooled returns the address of a database of the test's own through a PgBouncer in transaction mode, with no parameters
// but the database and the user. Where there is no PgBouncer the test is skipped, in CI it fails.
func (s *Server) Pooled(t testing.TB) string {
	t.Helper()
	direct, err := url.Parse(s.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.program == nil {
		t.Skip("a PgBouncer is started before a server of our own only")
	}
	s.pooling.Do(func() { s.noPooler = s.program.pool() })
	if s.noPooler != nil && os.Getenv("CI") == "true" {
		t.Fatalf("PgBouncer (Debian package pgbouncer) is needed: %v", s.noPooler)
	}
	if s.noPooler != nil {
		t.Skipf("no PgBouncer (Debian package pgbouncer): %v", s.noPooler)
	}
	address := s.program.pooled()
	query := address.Query()
	query.Del("default_query_exec_mode") // what is tested must find it by itself
	address.Path, address.RawQuery = direct.Path, query.Encode()
	return address.String()
}

// Database returns the address of a database of the test's own.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.need(t)
	name := fmt.Sprintf("drawbridge_test_%d_%d", os.Getpid(), s.databases.Add(1))
	if err := s.do(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.do(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	address := *s.address
	address.Path = "/" + name
	return address.String()
}

func (s *Server) do(ctx context.Context, statement string) error {
	admin, err := sql.Open("pgx", s.address.String())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	_, err = admin.ExecContext(ctx, statement)
	return err
}
