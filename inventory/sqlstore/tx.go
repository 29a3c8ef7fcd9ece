package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// tx is one transaction. Its statements have a ? for each argument in both dialects.
type tx struct {
	*sql.Tx
	dialect  *dialect
	prepared map[string]*sql.Stmt // closed by the end of the transaction
}

// update runs change in a transaction for writing and commits it. Of several stores on one PostgreSQL one at a time is
// in change.
func (s *Store) update(ctx context.Context, verb string, change func(*tx) error) error {
	err := s.within(ctx, s.write, nil, func(t *tx) error {
		if s.dialect.lock != "" {
			if _, err := t.ExecContext(ctx, s.dialect.lock); err != nil {
				return err
			}
		}
		return change(t)
	})
	if err != nil {
		return s.explain(verb, err)
	}
	return nil
}

// view runs look in a transaction for reading, in which all statements see the same rows.
func (s *Store) view(ctx context.Context, look func(*tx) error) error {
	err := s.within(ctx, s.read, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.snapshot}, look)
	if err != nil {
		return s.explain("read", err)
	}
	return nil
}

func (s *Store) within(ctx context.Context, db *sql.DB, o *sql.TxOptions, run func(*tx) error) error {
	err := s.transact(ctx, db, o, run)
	if err != nil {
		s.suspect(err)
	}
	return err
}

func (s *Store) transact(ctx context.Context, db *sql.DB, o *sql.TxOptions, run func(*tx) error) error {
	begun, err := db.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	t := &tx{Tx: begun, dialect: &s.dialect, prepared: make(map[string]*sql.Stmt)}
	if s.dialect.hurried != "" {
		_, err = begun.ExecContext(ctx, s.dialect.hurried)
	}
	if err == nil {
		err = run(t)
	}
	if err != nil {
		_ = begun.Rollback() // the connection is gone, or the context rolled it back
		return err
	}
	return begun.Commit()
}

// exec runs a statement that returns no rows.
func (t *tx) exec(ctx context.Context, statement string, args ...any) error {
	if !t.dialect.prepare {
		_, err := t.ExecContext(ctx, t.dialect.rebind(statement), args...)
		return err
	}
	s, err := t.statement(ctx, statement)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}

func (t *tx) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := t.prepared[text]; s != nil {
		return s, nil
	}
	s, err := t.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	t.prepared[text] = s
	return s, nil
}

// each calls row for each row of a query. The row is scanned there.
func (t *tx) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := t.QueryContext(ctx, t.dialect.rebind(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err has it
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachOf is each for a query of so many ids that it is asked in parts: each has its ids in the place of IN ().
func (t *tx) eachOf(ctx context.Context, ids []string, row func(*sql.Rows) error, query string, more ...any) error {
	for some := range slices.Chunk(ids, keysAtOnce) {
		part := strings.Replace(query, "IN ()", "IN ("+marks(len(some))+")", 1)
		if err := t.each(ctx, row, part, append(args(some), more...)...); err != nil {
			return err
		}
	}
	return nil
}

// columnOf is column for a query of so many ids.
func (t *tx) columnOf(ctx context.Context, ids []string, query string) ([]string, error) {
	var values []string
	err := t.eachOf(ctx, ids, func(rows *sql.Rows) error {
		var v string
		err := rows.Scan(&v)
		values = append(values, v)
		return err
	}, query)
	return values, err
}

// column returns a query's only column.
func column[T any](ctx context.Context, t *tx, query string, args ...any) ([]T, error) {
	var values []T
	err := t.each(ctx, func(rows *sql.Rows) error {
		var v T
		err := rows.Scan(&v)
		values = append(values, v)
		return err
	}, query, args...)
	return values, err
}

// table is where rows are put, and what is done about one that is there.
type table struct {
	name     string
	columns  []string
	conflict string // the ON CONFLICT clause
}

// insert puts rows, of which values has the columns one after the other. No two rows have the same key.
func (t *tx) insert(ctx context.Context, into table, values []any) error {
	const atOnce = 50 // rows of a statement
	for width := len(into.columns); len(values) > 0; {
		n := min(len(values)/width, atOnce)
		if err := t.exec(ctx, into.statement(n), values[:n*width]...); err != nil {
			return err
		}
		values = values[n*width:]
	}
	return nil
}

func (t *table) statement(rows int) string {
	row := "(" + marks(len(t.columns)) + ")"
	all := strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
	return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ",") + ") VALUES " + all + " " + t.conflict
}

// replaced returns the clause by which a row that is there gets the new values, added the one by which it gets their sums.

func replaced(key string, columns ...string) string {
	return conflict(key, columns, func(_, c string) string { return "excluded." + c })
}

func added(table, key string, columns ...string) string {
	return conflict(key, columns, func(_, c string) string { return table + "." + c + "+excluded." + c })
}

func conflict(key string, columns []string, value func(key, column string) string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + "=" + value(key, c)
	}
	return "ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(sets, ",")
}

// args returns values as arguments of a statement.
func args[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
