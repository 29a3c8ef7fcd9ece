package web

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
)

// filterKeys are the parameters by which pages, exports and the API select devices, in the order in which links have them.
var filterKeys = [...]string{"q", "readiness", "stage", "category", "next_step", "tls_version", "blocker", "vendor", "owner",
	"strangers", "served", "quiet_days", "due_before", "sort", "desc"}

// without is the value of owner that stands for devices without one.
const without = "-"

// maxSearch is the longest value of a filter that is looked at, in bytes.
const maxSearch = 256

// filter is what a request's parameters select. Faults says in plain sentences which of them make no sense; these select
// nothing away.
type filter struct {
	query inventory.Query

	notServedSince time.Time
	values         url.Values // as given, less what is empty or unknown
	Faults         []string
}

// parseFilter reads the parameters of a device list. now is in the zone whose days count.
func parseFilter(given url.Values, now time.Time) filter {
	f := filter{values: make(url.Values)}
	for _, key := range filterKeys {
		for _, v := range given[key] {
			if v = strings.TrimSpace(v); v != "" && len(v) <= maxSearch {
				f.values.Add(key, v)
			}
		}
	}
	q := &f.query
	q.Search = f.values.Get("q")
	q.Readiness = f.values["readiness"]
	q.Stages = typed[inventory.Stage](f.values["stage"])
	q.Categories = typed[inventory.Category](f.values["category"])
	q.Steps = typed[inventory.NextStep](f.values["next_step"])
	q.Versions, q.Blockers, q.Vendors = f.values["tls_version"], f.values["blocker"], f.values["vendor"]
	for _, owner := range f.values["owner"] {
		if owner == without {
			owner = ""
		}
		q.Owners = append(q.Owners, owner)
	}
	f.notServedSince = now.Add(-inventory.NotServedAfter)
	q.NotServedSince = f.notServedSince
	switch f.values.Get("served") {
	case "":
	case "no":
		q.NotServed = true
	case "failing":
		q.Failing = true
	default:
		f.fault("served is no or failing")
	}
	f.readStrangers()
	f.readTimes(now)
	f.readSort()
	return f
}

func typed[T ~string](values []string) []T {
	var all []T
	for _, v := range values {
		all = append(all, T(v))
	}
	return all
}

func (f *filter) fault(format string, args ...any) {
	f.Faults = append(f.Faults, fmt.Sprintf(format, args...))
}

func (f *filter) readStrangers() {
	switch v := f.values.Get("strangers"); v {
	case "", "all":
	case "only":
		f.strangers(true)
	case "none": // verified logins alone: what figures count
		f.strangers(false)
		if !f.query.NotServed && !f.query.Failing {
			f.query.NotServedSince = time.Time{}
		}
	default:
		f.fault("strangers is only, none or all")
	}
}

func (f *filter) strangers(only bool) { f.query.Strangers = &only }

// withoutStrangers leaves strangers out unless they were asked for: they are a view of their own.
func (f *filter) withoutStrangers() {
	if f.values.Get("strangers") == "" {
		f.strangers(false)
	}
}

func (f *filter) readTimes(now time.Time) {
	if v := f.values.Get("quiet_days"); v != "" {
		days, err := strconv.Atoi(v)
		if err != nil || days < 1 || days > 3650 {
			f.fault("quiet_days is a number of days from 1 to 3650")
		} else {
			f.query.QuietSince = now.AddDate(0, 0, -days)
		}
	}
	if v := f.values.Get("due_before"); v != "" {
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			f.fault("due_before is a date such as 2027-03-01")
		} else {
			f.query.DueBefore = v
		}
	}
}

func (f *filter) readSort() {
	if v := f.values.Get("sort"); v != "" {
		if slices.Contains(inventory.SortKeys[:], v) {
			f.query.Sort = v
		} else {
			f.fault("sort is one of %s", strings.Join(inventory.SortKeys[:], ", "))
		}
	}
	f.query.Descending = f.values.Get("desc") != ""
}

// link returns path with this filter's parameters, changed: each pair of changes is a key and its new value, empty to
// leave it out.
func (f *filter) link(path string, changes ...string) string {
	v := maps.Clone(f.values)
	for i := 0; i+1 < len(changes); i += 2 {
		v.Del(changes[i])
		if changes[i+1] != "" {
			v.Set(changes[i], changes[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// Value returns what a filter is set to.
func (f *filter) Value(key string) string { return f.values.Get(key) }

// Chosen tells whether anything but the order is chosen.
func (f *filter) Chosen() bool {
	for key := range f.values {
		if key != "sort" && key != "desc" {
			return true
		}
	}
	return false
}

// deviceURL returns the path of a device's page below a prefix. The id is escaped but for its first slash, unless the path would then have
// a segment that browsers or servers take out.
func deviceURL(prefix, id string) string {
	source, account, found := strings.Cut(id, "/")
	if !found || slices.Contains([]string{"", ".", ".."}, account) || slices.Contains([]string{"", ".", ".."}, source) {
		return prefix + url.PathEscape(id)
	}
	return prefix + url.PathEscape(source) + "/" + url.PathEscape(account)
}
