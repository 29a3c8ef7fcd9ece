package sqlstore_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// server is the one PostgreSQL server of the package's tests, started by the first that asks for it. It is that which
// DRAWBRIDGE_TEST_POSTGRES names, as postgres://user:password@host/postgres, or else one of the binaries of Debian's
// package postgresql.
var server testServer

type testServer struct {
	once      sync.Once
	address   url.URL
	missing   error // why there is none
	end       func()
	databases atomic.Int64
}

func (s *testServer) start() {
	if named := os.Getenv("DRAWBRIDGE_TEST_POSTGRES"); named != "" {
		address, err := url.Parse(named)
		if err != nil {
			s.missing = err
			return
		}
		s.address = *address
		return
	}
	s.address, s.end, s.missing = startPostgres()
}

func (s *testServer) stop() {
	if s.end != nil {
		s.end()
	}
}

// postgres returns the address of a database of its own. Where there is no server the test is skipped, in CI it fails.
func postgres(t testing.TB) string {
	t.Helper()
	server.once.Do(server.start)
	if server.missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("PostgreSQL (Debian package postgresql) is needed: %v", server.missing)
		}
		t.Skipf("no PostgreSQL (Debian package postgresql): %v", server.missing)
	}
	address := server.address
	admin, err := sql.Open("pgx", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := fmt.Sprintf("drawbridge_test_%d_%d", os.Getpid(), server.databases.Add(1))
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dropDatabase(t, server.address.String(), name) })
	address.Path = "/" + name
	return address.String()
}

func dropDatabase(t testing.TB, address, name string) {
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer admin.Close()
	if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
		t.Error(err)
	}
}
