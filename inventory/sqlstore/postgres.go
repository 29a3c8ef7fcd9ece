package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strconv"
	"strings"
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
	statementTimeout    = 30 * time.Second
)

// postgresDialect has one advisory lock by which the bridges on one database write one after another; its number is
// the bytes of "drawbrid".
func postgresDialect() dialect {
	return dialect{
		goose: goose.DialectPostgres, numbered: true, text: `TEXT COLLATE "C"`, unhurried: "SET LOCAL statement_timeout = 0", row: "ctid",
		lock: "SELECT pg_advisory_xact_lock(7233182902573328740)", snapshot: sql.LevelRepeatableRead, advice: postgresAdvice,
	}
}

func connectPostgres(address string, wrap func(driver.Connector) driver.Connector) (*Store, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil { // its text may have the password in it
		return nil, errors.New("open the inventory in PostgreSQL: the address cannot be read: it is like " +
			"postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	config.ConnectTimeout = connectTimeout
	config.RuntimeParams["application_name"] = "drawbridge"
	config.RuntimeParams["statement_timeout"] = strconv.FormatInt(statementTimeout.Milliseconds(), 10)
	db := sql.OpenDB(wrap(stdlib.GetConnector(*config)))
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(postgresIdle)
	return &Store{dialect: postgresDialect(), write: db, read: db, place: postgresPlace(config), secret: config.Password}, nil
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
