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
	numbered  bool                                      // placeholders are $1, $2 and so on
	text      string                                    // type of text that compares by bytes
	lock      string                                    // statement by which one writer waits for another; empty where there is one connection for writing
	hurried   string                                    // statement that gives the statements of a transaction a time-out; empty: they end with the context
	unhurried string                                    // statement that lifts it
	migrating string                                    // query by which one bridge at a time makes the schema: whether it may; empty where there is one bridge
	row       string                                    // name of what tells rows apart
	prepare   bool                                      // statements are compiled anew each time unless they are prepared
	snapshot  sql.IsolationLevel                        // at which all statements of a reading transaction see the same rows
	advice    func(error) string                        // what to do about an error, empty where that is not known
	damaged   func(error) bool                          // whether an error says that the database is to be made anew; nil: that is for people to say
	size      string                                    // query of how many bytes of this machine's disk the rows take; empty: none
	compact   func(ctx context.Context, s *Store) error // gives room of dropped rows back to the disk; nil where size is empty
	tables    string                                    // query of the names of all tables, where the database may be anybody's; empty where it was made for us
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
