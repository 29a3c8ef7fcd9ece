package sqlstore

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
)

// deviceRows is the table of what devices are selected and sorted by.
var deviceRows = func() table {
	columns := []string{"stranger", "account", "mailbox", "vendor", "vendor_key", "readiness", "category", "stage", "stage_rank",
		"deadline", "owner", "owner_key", "priority_rank", "cents", "tls_version", "version_rank", "next_step",
		"first_seen", "last_seen", "last_served", "sessions", "blockers", "search"}
	return table{"devices", append([]string{"id"}, columns...), replaced("id", columns...)}
}()

// appendDevice appends the row of a device. What is not known is NULL where devices are sorted by it, so that it comes
// last.
func appendDevice(values []any, d *inventory.Device) []any {
	version := cmp.Or(d.TLSVersion, inventory.NoVersion)
	var stranger int64
	if d.Account == inventory.Stranger {
		stranger = 1
	}
	return append(values, d.ID, stranger, clean(d.Account), folded(d.Mailbox), clean(d.Vendor), folded(d.Vendor),
		clean(d.Readiness), clean(string(d.Category)), clean(string(d.Stage)), int64(slices.Index(inventory.Stages(), d.Stage)),
		text(d.Deadline), clean(d.Owner), folded(d.Owner), priorityRank(d.Priority), cents(d.Cost), clean(version), versionRank(version),
		text(string(d.NextStep)), moment(d.FirstSeen), moment(d.LastSeen), served(d), d.Sessions, words(d.Blockers), clean(searchText(d)))
}

// text returns NULL for an empty text.
func text(s string) any {
	if s == "" {
		return nil
	}
	return clean(s)
}

// folded returns text without case, by which people expect names to be sorted.
func folded(s string) any { return text(strings.ToLower(s)) }

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func priorityRank(priority string) any { return rank(slices.Index(inventory.Priorities[:], priority)) }

// versionRank sorts versions from the weakest; none is not known.
func versionRank(version string) any {
	if version == inventory.NoVersion {
		return nil
	}
	return rank(slices.Index(inventory.Versions(), version))
}

func served(d *inventory.Device) any {
	if d.LastServed == nil {
		return nil
	}
	return moment(*d.LastServed)
}

func rank(i int) any {
	if i < 0 {
		return nil
	}
	return int64(i)
}

// cents returns a cost as inventory.ParseSetting keeps it, 1200 or 1200.50, in hundredths.
func cents(cost string) any {
	whole, fraction, _ := strings.Cut(cost, ".")
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if cost == "" || err != nil {
		return nil
	}
	return n
}

// words returns a list of which each word stands between two spaces.
func words(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return clean(" " + strings.Join(list, " ") + " ")
}

// searchText is what a search looks at, without case: by Go's idea of it, for SQLite's ends with ASCII.
func searchText(d *inventory.Device) string {
	parts := append([]string{d.ID, d.Mailbox, d.ClaimedAccount, d.SourceIP, d.SourceName, d.SourceMAC, d.Vendor, d.Description,
		string(d.ClientID), d.Owner, d.Location, d.Model, d.AssetTag, d.Ticket, d.Note}, d.MergedIDs...)
	return strings.ToLower(strings.Join(parts, "\n"))
}
