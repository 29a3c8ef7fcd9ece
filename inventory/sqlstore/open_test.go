package sqlstore_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

func TestOpenWantsOneDatabase(t *testing.T) {
	for _, o := range []sqlstore.Options{{}, {SQLite: "a.db", Postgres: "postgres://host/db"}} {
		if _, err := sqlstore.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "name one of them") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// The file's companions have what the file has: nobody else reads them.
func TestSQLiteFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space?and#more%20.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s, j := open(t, sqlstore.Options{SQLite: path}), journal{id: "a"}
	apply(t, s, j.batch(session("1", "192.0.2.1/a", 0)))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s: %v", info.Name(), info.Mode())
		}
	}
}

func TestOpenTellsWhatToDoAboutAFile(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("This is no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		text:                                  "drawbridge inventory rebuild",
		damaged(t):                            "drawbridge inventory rebuild",
		filepath.Join(folder, "none", "x.db"): "must be able to write",
		folder:                                "must be able to write",
	} {
		_, err := sqlstore.Open(t.Context(), sqlstore.Options{SQLite: path})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}

// damaged returns an inventory whose pages after the first are overwritten.
func damaged(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "damaged.db")
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{SQLite: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 200; i < len(content); i++ {
		content[i] = 0xa5
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A schema that a newer drawbridge made is left as it is.
func TestNewerSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		open(t, o)
		db := raw(t, o)
		if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, " + trueIn(o) + ")"); err != nil {
			t.Fatal(err)
		}
		_, err := sqlstore.Open(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), "run the newer drawbridge") ||
			!strings.Contains(err.Error(), "drawbridge inventory rebuild") {
			t.Error(err)
		}
	})
}

func trueIn(o sqlstore.Options) string {
	if o.SQLite != "" {
		return "1"
	}
	return "true"
}

// raw opens the database of a store past it.
func raw(t *testing.T, o sqlstore.Options) *sql.DB {
	t.Helper()
	driver, address := "pgx", o.Postgres
	if o.SQLite != "" {
		driver, address = "sqlite", o.SQLite
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Each migration is applied once, from whichever version on, and is told in the log.
func TestMigrations(t *testing.T) {
	files, err := fs.Glob(os.DirFS("migrations"), "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		core, logs := observer.New(zap.InfoLevel)
		o.Log = zap.New(core)
		open(t, o)
		if logs.Len() != len(files) {
			t.Errorf("%d migrations are told, want %d", logs.Len(), len(files))
		}
		open(t, o)
		if logs.Len() != len(files) {
			t.Errorf("they were applied again")
		}
	})
}

// Several bridges that start at once on an empty PostgreSQL make one schema.
func TestMigrationsAtOnce(t *testing.T) {
	o := sqlstore.Options{Postgres: postgres(t)}
	done := make(chan error)
	for i := range 3 {
		go func() {
			s, err := sqlstore.Open(t.Context(), o)
			if err == nil {
				j := journal{id: fmt.Sprint(i)}
				err = s.Apply(t.Context(), j.batch(session("1", "192.0.2.1/a", 0)))
				s.Close()
			}
			done <- err
		}()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if d, err := open(t, o).Device(t.Context(), "192.0.2.1/a"); err != nil || d.Sessions != 3 {
		t.Errorf("%d sessions, %v", d.Sessions, err)
	}
}

// No error shows the password of a PostgreSQL address.
func TestPasswordsAreNotShown(t *testing.T) {
	const secret = "hunter2-s3cret"
	addresses := map[string]string{
		"broken":       "postgres://bridge:" + secret + "@host:port/db",
		"broken words": "host=x password='" + secret + " port=y",
		"bad escape":   "postgres://bridge:" + secret + "%zz@host/db",
		"bad option":   "postgres://bridge:" + secret + "@127.0.0.1/db?sslmode=" + secret,
		"nobody there": "postgres://bridge:" + secret + "@127.0.0.1:1/db?sslmode=disable",
		"socket":       "postgres://bridge:" + secret + "@/db?host=" + url.QueryEscape(t.TempDir()),
		"echo":         "postgres://" + secret + ":" + secret + "@127.0.0.1:1/" + secret + "?sslmode=disable",
	}
	for name, address := range addresses {
		_, err := sqlstore.Open(t.Context(), sqlstore.Options{Postgres: address})
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong, err := url.Parse(postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword(wrong.User.Username(), secret)
	_, err = sqlstore.Open(t.Context(), sqlstore.Options{Postgres: wrong.String()})
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "check the user and its password") {
		t.Errorf("the wrong password: %v", err)
	}
}

func TestDatabaseThatIsNotThere(t *testing.T) {
	address, err := url.Parse(postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/no_such_database"
	_, err = sqlstore.Open(t.Context(), sqlstore.Options{Postgres: address.String()})
	if err == nil || !strings.Contains(err.Error(), "createdb") {
		t.Error(err)
	}
}

// Root may write any file, so that a connection that may not write stands for a file that is read-only.
func TestReadOnlyIsExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	open(t, sqlstore.Options{SQLite: path})
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec("DELETE FROM devices")
	if err == nil || !strings.Contains(sqlstore.SQLiteAdvice(err), "drawbridge inventory rebuild") {
		t.Errorf("%v: %s", err, sqlstore.SQLiteAdvice(err))
	}
}

func TestPingAfterClose(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, err := sqlstore.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err == nil {
			t.Error("a closed store answers")
		}
		if err := s.Apply(t.Context(), inventory.Batch{From: inventory.Position{Journal: "a"},
			To: inventory.Position{Journal: "a"}}); err == nil {
			t.Error("a closed store takes a batch")
		}
	})
}
