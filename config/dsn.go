package config

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// dsnExample is the form that faults show.
const dsnExample = "postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full"

// readDSN reads dsn, which belongs to one kind of store alone. stored tells whether the kind is known.
func (i *Inventory) readDSN(o *object, stored bool) {
	v, ok := o.take("dsn")
	empty := !ok || v.isEmpty()
	switch {
	case ok && isNull(v.node):
		v.one()
		return
	case !stored: // it has its fault, and says not what belongs here
		return
	case i.Store == StorePostgres && empty:
		o.fault(wrong("write dsn: {file: PATH}, a file with "+dsnExample, "store is postgres, and dsn, which says where it is, is missing"))
		return
	case empty:
		return
	case i.Store != StorePostgres:
		v.fault(wrong("write store: postgres, or leave dsn out", "store is %s, which uses no dsn", i.Store))
		return
	}
	var place map[string]string
	if v.secretLines(&i.DSN, func(text string) (m *mistake) {
		place, m = checkDSN(text)
		return m
	}) {
		o.d.warnOfPlainStore(v.path, place)
	}
}

// warnOfPlainStore tells a database on another machine that is reached without TLS, or may be. It names no part of the
// dsn.
func (d *decoder) warnOfPlainStore(path string, place map[string]string) {
	if place["service"] != "" || d.onThisMachine(place) {
		return // what a service file says is not known here
	}
	switch cmp.Or(place["sslmode"], d.env.variable("PGSSLMODE")) {
	case "", "disable", "allow", "prefer":
		d.warnIn(path, wrong("write sslmode=verify-full, or sslmode=require where its certificate cannot be verified",
			"PostgreSQL is on another machine, and its password and the inventory may go there without TLS"))
	}
}

// onThisMachine tells whether every host of a dsn is loopback or a socket's folder. Variables stand in for words that are
// missing, as PostgreSQL's clients have it.
func (d *decoder) onThisMachine(place map[string]string) bool {
	names := cmp.Or(place["hostaddr"], d.env.variable("PGHOSTADDR"), place["host"], d.env.variable("PGHOST"))
	for name := range strings.SplitSeq(names, ",") {
		if name != "" && !isLoopback(strings.Trim(name, "[]")) && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") {
			return false
		}
	}
	return true
}

// checkDSN parses a dsn and judges it. What it says never holds a part of it.
func checkDSN(text string) (map[string]string, *mistake) {
	place, ok := parseDSN(text)
	mode, given := place["sslmode"]
	known := slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, mode)
	switch {
	case !ok && isURI(text):
		return nil, wrong("write "+dsnExample+", and in a password % and two hexadecimal digits for each of : / ? # [ ] @ %",
			"this URL cannot be read")
	case !ok:
		return nil, wrong("write "+dsnExample+" or host=HOST user=USER dbname=DATABASE", "this says not how PostgreSQL is reached")
	case given && !known:
		return nil, wrong("write sslmode=verify-full", "its sslmode is none that PostgreSQL has")
	}
	return place, nil
}

func isURI(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// parseDSN returns the words of a connection string in one of the two forms of libpq (PostgreSQL 17, section 32.1.1):
// a URI, or keys and values.
func parseDSN(text string) (map[string]string, bool) {
	if !isURI(text) {
		return parseWords(text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || strings.Contains(u.EscapedPath(), "@") { // the password cut it in two
		return nil, false
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, false
	}
	place := map[string]string{"host": hostsOf(u.Host)}
	for key, values := range query {
		place[key] = values[len(values)-1]
	}
	return place, true
}

// hostsOf cuts the ports from hosts with commas between them.
func hostsOf(text string) string {
	all := strings.Split(text, ",")
	for i, host := range all {
		if end := strings.LastIndex(host, ":"); end > strings.LastIndex(host, "]") {
			all[i] = host[:end]
		}
	}
	return strings.Join(all, ",")
}

// dsnWord is one key and its value, which may stand in single quotes; \ takes the next character as it is.
var dsnWord = regexp.MustCompile(`(?s)^\s*([a-z_]+)\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])*)(?:\s+|$)`)

func parseWords(text string) (map[string]string, bool) {
	place := map[string]string{}
	for strings.TrimSpace(text) != "" {
		part := dsnWord.FindStringSubmatch(text)
		if part == nil {
			return nil, false
		}
		word := part[2]
		if strings.HasPrefix(word, "'") {
			word = word[1 : len(word)-1]
		}
		place[part[1]] = escaped.ReplaceAllString(word, "$1")
		text = text[len(part[0]):]
	}
	return place, len(place) > 0
}

var escaped = regexp.MustCompile(`(?s)\\(.)`)
