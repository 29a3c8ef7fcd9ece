package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pressly/goose/v3"
)

// dialect is what SQLite and PostgreSQL differ in.
type dialect struct {
	goose     goose.Dialect
	numbered  bool               // placeholders are $1, $2 and so on
	text      string             // type of text that compares by bytes
	row       string             // name of what tells rows apart
	prepare   bool               // statements are compiled anew each time unless they are prepared
	snapshot  sql.IsolationLevel // at which all statements of a reading transaction see the same rows
	advice    func(error) string // what to do about an error, empty where that is not known
	hurried   string             // statement that gives those of a transaction a time-out; empty: they end with the context
	unhurried string             // statement that lifts it

	// Where several bridges are at one database: the statement by which one that writes waits for another, and the query
	// that says whether this one may make the schema now. Both are locks of a transaction.
	lock, migrating string

	// Where the database is a file, which may be anybody's and may be damaged: the query of the names of its tables, whether
	// an error says that it is to be made anew, the query of its size in bytes, and what gives the room of dropped rows back.
	tables  string
	damaged func(error) bool
	size    string
	compact func(ctx context.Context, s *Store) error
}

// rebind writes the placeholders of a statement, each a ?, as the dialect has them. The statements of this package have
// no other question mark.
func (d *dialect) rebind(statement string) string {
	if !d.numbered {
		return statement
	}
	var b strings.Builder
	b.Grow(len(statement) + 64)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		statement = after
	}
}

// maxKey bounds what is part of a key, in bytes: an index of PostgreSQL holds 2,704. Ids in journals are shorter.
const maxKey = 1200

// key returns text as it can be part of a key.
func key(text string) string {
	if text = clean(text); len(text) > maxKey {
		return strings.ToValidUTF8(text[:maxKey], "")
	}
	return text
}

// marks returns n placeholders for a list.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// clean returns text that both databases can hold: PostgreSQL takes neither U+0000 nor invalid UTF-8. Of the latter each
// byte is replaced, as encoding/json does in the tallies, so that an id stays the same wherever it comes from.
func clean(text string) string {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}
