package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	postgresConnections = 8
	postgresIdle        = 5 * time.Minute
	connectTimeout      = 10 * time.Second
)

// postgresDialect has an advisory lock by which the bridges on one database write one after another, and one by which they make
// the schema; its number is the bytes of "drawbrid", and the next.
func postgresDialect() dialect {
	return dialect{
		goose: goose.DialectPostgres, numbered: true, text: `TEXT COLLATE "C"`, row: "ctid",
		hurried: "SET LOCAL statement_timeout = '30s'", unhurried: "SET LOCAL statement_timeout = 0",
		lock: "SELECT pg_advisory_xact_lock(7233182902573328740)", migrating: "SELECT pg_try_advisory_xact_lock(7233182902573328741)",
		snapshot: sql.LevelRepeatableRead, advice: postgresAdvice,
	}
}

// connectPostgres makes a store that depends on nothing which outlives a transaction, so that a pooler may give each
// transaction another connection: no parameters at the start that a pooler does not know, no prepared statements, and
// settings and locks of transactions only. What the address asks for stays the administrator's affair.

func connectPostgres(address string, wrap func(driver.Connector) driver.Connector) (*Store, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil { // its text may have the password in it
		return nil, errors.New("open the inventory in PostgreSQL: the address cannot be read: it is like " +
			"postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	config.ConnectTimeout = connectTimeout
	config.RuntimeParams["application_name"] = "drawbridge"
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement { // pgx's own default
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	fresh := new(freshness)
	db := sql.OpenDB(wrap(stdlib.GetConnector(*config, stdlib.OptionAfterConnect(fresh.mark), stdlib.OptionResetSession(fresh.check))))
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(postgresIdle)
	return &Store{dialect: postgresDialect(), write: db, read: db, place: postgresPlace(config), secret: config.Password,
		retire: fresh.retire}, nil
}

// freshness tells connections that were made before an error from those made since. What a session took over as it began
// (being read only, a schema, the server that a name led to) holds until it ends: after an error none is used again, so
// that the next try depends on how things are then. It is safe for concurrent use.
type freshness struct{ generation atomic.Int64 }

const generationKey = "drawbridge generation"

func (f *freshness) retire() { f.generation.Add(1) }

// mark notes of a new connection when it was made.
func (f *freshness) mark(_ context.Context, c *pgx.Conn) error {
	c.PgConn().CustomData()[generationKey] = f.generation.Load()
	return nil
}

// check has database/sql close a connection that is too old, and take another one.
func (f *freshness) check(_ context.Context, c *pgx.Conn) error {
	if c.PgConn().CustomData()[generationKey] != f.generation.Load() {
		return driver.ErrBadConn
	}
	return nil
}

func postgresPlace(c *pgx.ConnConfig) string {
	return "PostgreSQL at " + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + ", database " + c.Database
}

// postgresAdvice says what to do about an error of PostgreSQL, by the classes of its codes
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func postgresAdvice(err error) string {
	var failed *pgconn.PgError
	if !errors.As(err, &failed) {
		return ""
	}
	switch class := failed.Code[:min(2, len(failed.Code))]; {
	case failed.Code == "25006":
		return "the database is read only, or the server is a standby (target_session_attrs=read-write in the address asks for the other); " +
			"the inventory catches up from the journal once it can write"
	case class == "28":
		return "check the user and its password"
	case class == "3D":
		return "make the database first: createdb"
	case class == "42" && failed.Code == "42501":
		return "the user must own the tables or be allowed to make them"
	case class == "53":
		return "the server has no room; the inventory catches up from the journal once it has"
	case class == "XX":
		return "the database is damaged; drawbridge inventory rebuild makes the rows anew from the journal"
	}
	return ""
}

// redacted is an error whose text had a secret in it.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string   { return r.text }
func (r *redacted) Is(t error) bool { return errors.Is(r.err, t) }
func (r *redacted) As(t any) bool   { return errors.As(r.err, t) }

// redact returns err without the secret in its text.
func redact(err error, secret string) error {
	text := err.Error()
	if secret == "" || !strings.Contains(text, secret) {
		return err
	}
	return &redacted{strings.ReplaceAll(text, secret, "[redacted]"), err}
}
