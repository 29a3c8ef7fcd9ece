package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteReaders is how many pages are read from SQLite at once; more of them wait.
const sqliteReaders = 4

func sqliteDialect() dialect {
	return dialect{goose: goose.DialectSQLite3, text: "TEXT", row: "rowid", prepare: true, advice: sqliteAdvice,
		size: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", compact: compactSQLite,
		damaged: sqliteDamaged, tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"}
}

func connectSQLite(path string, wrap func(driver.Connector) driver.Connector) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the inventory in %s: %w", path, err)
	}
	s := &Store{dialect: sqliteDialect(), place: path}
	if err := makePrivate(path); err != nil {
		return nil, fmt.Errorf("open the inventory: %w: drawbridge must be able to write this file and its folder", err)
	}
	writer, err := sqlite.NewConnector(sqliteAddress(path, "synchronous(NORMAL)", "cache_size(-65536)", "wal_autocheckpoint(4000)",
		"auto_vacuum(INCREMENTAL)")) // so that free pages can be given back; it writes, and a reader must not say so
	if err != nil {
		return nil, s.explain("open", err)
	}
	reader, err := sqlite.NewConnector(sqliteAddress(path, "query_only(1)", "cache_size(-32768)"))
	if err != nil {
		return nil, s.explain("open", err)
	}
	s.write, s.read = sql.OpenDB(wrap(writer)), sql.OpenDB(wrap(reader))
	s.write.SetMaxOpenConns(1)
	s.read.SetMaxOpenConns(sqliteReaders)
	s.read.SetMaxIdleConns(sqliteReaders)
	return s, nil
}

// makePrivate makes the file with the mode that SQLite gives its companions too, the -wal and the -shm.
func makePrivate(path string) error {
	const private = 0o600
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, private); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sqliteAddress returns what the driver opens. A write-ahead log lets pages be read while rows are written, and with it
// synchronous(NORMAL) loses at most the last transactions in a power cut, which the journal still has. Pages of 8 KiB
// hold several records each. What it sorts stays in memory: in a container there may be no folder for temporary files.
func sqliteAddress(path string, pragmas ...string) string {
	all := append([]string{"busy_timeout(10000)", "page_size(8192)", "journal_mode(WAL)", "foreign_keys(1)", "temp_store(MEMORY)"}, pragmas...)
	query := url.Values{"_pragma": all, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

// compactSQLite shortens the file by the pages that are free, which SQLite would keep for rows to come.
func compactSQLite(ctx context.Context, s *Store) error {
	var mode int
	if err := s.write.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		return err
	}
	shorten := "PRAGMA incremental_vacuum"
	if mode == 0 { // an older file, which is written anew once
		shorten = "VACUUM"
	}
	for _, statement := range [...]string{shorten, "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := s.write.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

const primaryCode = 0xff // the rest of SQLite's code is detail

// sqliteDamaged reports whether an error says that the file is damaged, or none of ours.
func sqliteDamaged(err error) bool {
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		code := failed.Code() & primaryCode
		return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
	}
	return errors.Is(err, errForeign) || errors.Is(err, errUnreadable)
}

// sqliteAdvice says what to do about an error of SQLite.
func sqliteAdvice(err error) string {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return ""
	}
	switch failed.Code() & primaryCode {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return "drawbridge must be able to write this file and its folder; drawbridge inventory rebuild makes the file anew from the journal"
	case sqlite3.SQLITE_FULL:
		return "the disk is full; the inventory catches up from the journal once there is room"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "another program holds the file"
	}
	return ""
}
