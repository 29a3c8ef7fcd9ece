package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"go.uber.org/zap"
)

// migrationFiles are the steps of the schema, NNNNN_name.sql, each applied once and never changed after a release.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

const (
	migrationsFolder = "migrations"
	gooseTable       = "goose_db_version"
	migrationTries   = 60
	migrationPause   = time.Second
)

// errMigrating says that another bridge makes the schema.
var errMigrating = errors.New("another bridge is making its schema: try again")

// migrate brings the schema up to this version. Of several bridges on one PostgreSQL one at a time is at it. The others do
// not wait in a connection: they could have all that a pooler has, and the one needs two.
func (s *Store) migrate(ctx context.Context, log *zap.Logger) error {
	for tries := 1; ; tries++ {
		err := s.tryMigrate(ctx, log)
		if !errors.Is(err, errMigrating) || tries == migrationTries {
			return err
		}
		select {
		case <-time.After(migrationPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryMigrate is migrate where nobody else is at it, else errMigrating. The lock is one of a transaction beside those of the
// migrations, since a pooler keeps together no more than that.
func (s *Store) tryMigrate(ctx context.Context, log *zap.Logger) error {
	if s.dialect.migrating == "" {
		return s.migrateOurs(ctx, log)
	}
	return s.transact(ctx, s.write, nil, func(t *tx) error {
		locked, err := column[bool](ctx, t, s.dialect.migrating)
		if err != nil {
			return err
		}
		if !locked[0] {
			return errMigrating
		}
		return s.migrateAlone(ctx, log)
	})
}

// tableNames are the tables that hold the inventory.
func tableNames() []string {
	return strings.Fields("positions sums tallies days open_sessions ended_runs devices documents sessions")
}

// errForeign says that a database is none of ours.
var errForeign = errors.New("it has not the tables of an inventory")

// migrateOurs is migrateAlone where the database is empty or ours: nothing is added to anybody else's.
func (s *Store) migrateOurs(ctx context.Context, log *zap.Logger) error {
	have, err := s.tables(ctx)
	if err != nil {
		return err
	}
	if begun := len(have) == 1 && have[0] == gooseTable; len(have) > 0 && !begun {
		if !slices.Contains(have, gooseTable) || !slices.Contains(have, tableNames()[0]) {
			return errForeign
		}
	}
	if len(have) > 0 {
		if err := s.readVersions(ctx); err != nil {
			return err
		}
	}
	if err := s.migrateAlone(ctx, log); err != nil {
		return err
	}
	if have, err = s.tables(ctx); err != nil {
		return err
	}
	for _, name := range tableNames() {
		if !slices.Contains(have, name) {
			return errForeign
		}
	}
	return nil
}

func (s *Store) tables(ctx context.Context) (names []string, err error) {
	err = s.transact(ctx, s.write, nil, func(t *tx) error {
		names, err = column[string](ctx, t, s.dialect.tables)
		return err
	})
	return names, err
}

// readVersions tells of a table of versions that is damaged, which goose would take for none.
func (s *Store) readVersions(ctx context.Context) error {
	return s.transact(ctx, s.write, nil, func(t *tx) error {
		_, err := column[int](ctx, t, "SELECT COUNT(*) FROM "+gooseTable)
		return err
	})
}

// migrateAlone brings the schema up to this version. One that a later version made stays as it is.
func (s *Store) migrateAlone(ctx context.Context, log *zap.Logger) error {
	steps, err := migrations(s.dialect.text)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(s.dialect.goose, s.write, nil, goose.WithGoMigrations(steps...),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	known := steps[len(steps)-1].Version
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if have > known {
		return fmt.Errorf("its schema has version %d, and this version of drawbridge knows those up to %d: "+
			"run the newer drawbridge, or make the inventory anew with drawbridge inventory rebuild", have, known)
	}
	done, err := provider.Up(ctx)
	for _, step := range done {
		log.Info("inventory schema", zap.Int64("version", step.Source.Version), zap.Duration("took", step.Duration.Round(time.Millisecond)))
	}
	return err
}

// migrations returns the steps in order, with TEXT as the dialect has it.
func migrations(text string) ([]*goose.Migration, error) {
	files, err := migrationFiles.ReadDir(migrationsFolder)
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the migration %s has no number: %w", f.Name(), err)
		}
		content, err := migrationFiles.ReadFile(path.Join(migrationsFolder, f.Name()))
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration(version, strings.ReplaceAll(string(content), " TEXT", " "+text)))
	}
	return steps, nil
}

func migration(version int64, script string) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, script)
		return err
	}}, nil)
}
