package sqlstore

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"drawbridge/inventory"
)

// conditions are the parts of a WHERE clause, all of which hold.
type conditions struct {
	parts  []string
	values []any
}

func (c *conditions) add(part string, values ...any) {
	c.parts = append(c.parts, part)
	c.values = append(c.values, values...)
}

// where returns the clause and its arguments.
func (c *conditions) where() (string, []any) {
	if len(c.parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(c.parts, " AND "), c.values
}

// oneOf adds that a column has one of the values, if there are any.
func oneOf[T ~string](c *conditions, column string, values []T) {
	if len(values) == 0 {
		return
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = clean(string(v))
	}
	c.add(column+" IN ("+marks(len(list))+")", list...)
}

func conditionsOf(q *inventory.Query) (string, []any) {
	var c conditions
	if q.Search != "" {
		c.add(`search LIKE ? ESCAPE '\'`, "%"+pattern(q.Search)+"%")
	}
	oneOf(&c, "readiness", q.Readiness)
	oneOf(&c, "stage", q.Stages)
	oneOf(&c, "category", q.Categories)
	oneOf(&c, "owner", q.Owners)
	oneOf(&c, "vendor", q.Vendors)
	oneOf(&c, "tls_version", versionsOf(q.Versions))
	oneOf(&c, "next_step", q.Steps)
	blockersOf(&c, q.Blockers)
	strangersOf(&c, q)
	if !q.QuietSince.IsZero() {
		c.add("(last_seen IS NULL OR last_seen < ?)", q.QuietSince.UnixMilli())
	}
	if q.DueBefore != "" {
		c.add("deadline < ?", clean(q.DueBefore))
	}
	return c.where()
}

// notServed holds for a device of a source that was seen since a time, of which nothing was served since. An id is the source, a slash
// and the account; '0' follows the slash.
const notServed = "(COALESCE(last_seen, 0) >= ? AND stage <> 'block' AND NOT EXISTS (SELECT 1 FROM devices o WHERE o.last_served >= ?" +
	" AND o.id >= substr(devices.id, 1, length(devices.id) - length(devices.account))" +
	" AND o.id < substr(devices.id, 1, length(devices.id) - length(devices.account) - 1) || '0'))"

// failing holds for what [inventory.Device.Failing] says so of.
const failing = "(stranger = 0 AND stage <> 'block' AND last_seen >= ? AND COALESCE(last_served, 0) < last_seen)"

func strangersOf(c *conditions, q *inventory.Query) {
	since := q.NotServedSince.UnixMilli()
	if q.NotServed {
		c.add(notServed, since, since)
	}
	if q.Failing {
		c.add(failing+" AND NOT "+notServed, since, since, since)
	}
	switch {
	case q.Strangers == nil:
	case q.NotServedSince.IsZero():
		c.add("stranger = ?", map[bool]int64{true: 1}[*q.Strangers])
	case *q.Strangers:
		c.add("(stranger = 1 AND NOT "+notServed+")", since, since)
	default:
		c.add("(stranger = 0 OR "+notServed+")", since, since)
	}
}

// versionsOf takes an empty version for none.
func versionsOf(versions []string) []string {
	all := make([]string, len(versions))
	for i, v := range versions {
		all[i] = cmp.Or(v, inventory.NoVersion)
	}
	return all
}

func blockersOf(c *conditions, blockers []string) {
	if len(blockers) == 0 {
		return
	}
	parts := make([]string, len(blockers))
	values := make([]any, len(blockers))
	for i, b := range blockers {
		parts[i], values[i] = `blockers LIKE ? ESCAPE '\'`, "% "+pattern(b)+" %"
	}
	c.add("("+strings.Join(parts, " OR ")+")", values...)
}

// maxSearch bounds what is searched for, in characters; the rest is not looked at.
const maxSearch = 256

// pattern returns text as LIKE finds it and nothing else, in lower case.
func pattern(text string) string {
	text = strings.ToLower(clean(text))
	if utf8.RuneCountInString(text) > maxSearch {
		text = string([]rune(text)[:maxSearch])
	}
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text)
}
