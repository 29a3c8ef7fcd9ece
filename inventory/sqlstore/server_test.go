package sqlstore_test

import (
	"testing"

	"drawbridge/internal/postgrestest"
)

// server is the one PostgreSQL server of the package's tests.
var server postgrestest.Server

// postgres returns the address of a database of its own.
func postgres(t testing.TB) string {
	t.Helper()
	return server.Database(t)
}
