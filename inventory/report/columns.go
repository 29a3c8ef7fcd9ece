package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
)

// Columns names a set of columns of a CSV.
type Columns string

// The sets of columns. Those of asset registers leave strangers out: they are no assets. What is not served is no stranger.
const (
	// Default has all that is useful, by the names that the JSON has; ReadCSV reads it back.
	Default Columns = "default"
	// ServiceNow has the column names of its table cmdb_ci, which an import set maps without a hand. The id is in
	// correlation_id, the field to coalesce on: several devices may have one address.
	ServiceNow Columns = "servicenow"
	// Lansweeper has the field names of its tables tblAssets and tblAssetCustom. The id is in Custom1.
	Lansweeper Columns = "lansweeper"
)

// has reports whether a device belongs into a CSV of these columns.
func (c Columns) has(d *inventory.Device) bool {
	return c == Default || c == "" || !stranger(d) || d.NotServed
}

// kind says what a spreadsheet should make of a cell.
type kind int

const (
	text  kind = iota // words: never a number or a date
	plain             // numbers, dates and addresses
)

type column struct {
	name  string
	kind  kind
	value func(*inventory.Device) string
}

// columns returns the columns of a set; the zero value is Default.
func (c Columns) columns() []column {
	switch c {
	case ServiceNow:
		return serviceNowColumns()
	case Lansweeper:
		return lansweeperColumns()
	case Default, "":
		return slices.Concat(identityColumns(), settingColumns(), planColumns(), technicalColumns(), usageColumns())
	}
	return nil
}

// The version comes early: spreadsheets drop empty cells at the end of a row, and people sort what they see.
func identityColumns() []column {
	return []column{
		{"id", plain, func(d *inventory.Device) string { return d.ID }},
		{"version", text, func(d *inventory.Device) string { return Version(*d) }},
		{"source", plain, func(d *inventory.Device) string { return d.Source }},
		{"account", text, func(d *inventory.Device) string { return d.Account }},
		{"mailbox", text, func(d *inventory.Device) string { return d.Mailbox }},
		{"source_name", text, func(d *inventory.Device) string { return d.SourceName }},
		{"source_mac", plain, func(d *inventory.Device) string { return d.SourceMAC }},
		{"vendor", text, func(d *inventory.Device) string { return d.Vendor }},
		{"snmp_description", text, func(d *inventory.Device) string { return d.Description }},
	}
}

// settingColumns are what people set, as it holds now: where nobody set stage and category, these are what the rules
// and the guess say.
func settingColumns() []column {
	columns := make([]column, 0, len(inventory.Settings)+2)
	for _, key := range inventory.Settings {
		columns = append(columns, column{key, settingKind(key), func(d *inventory.Device) string { return d.Setting(key) }})
	}
	return append(columns,
		column{"stage_set", plain, func(d *inventory.Device) string { return yes(d.StageSet) }},
		column{"category_set", plain, func(d *inventory.Device) string { return yes(d.CategorySet) }})
}

// planColumns are what the rules make of a device now and next; all are empty where they were not asked.
func planColumns() []column {
	next := func(of func(*inventory.Turn) string) func(*inventory.Device) string {
		return func(d *inventory.Device) string {
			if d.Outlook == nil || d.Outlook.Next == nil {
				return ""
			}
			return of(d.Outlook.Next)
		}
	}
	return []column{
		{"stage_now", text, func(d *inventory.Device) string {
			if d.Outlook == nil {
				return ""
			}
			return d.Outlook.StageWords()
		}},
		{"next_stage", text, next((*inventory.Turn).StageWords)},
		{"next_stage_at", plain, next(func(t *inventory.Turn) string { return stamp(t.At) })},
		{"next_stage_rule", text, next(func(t *inventory.Turn) string { return t.Rule })},
		{"next_upstream", text, next(func(t *inventory.Turn) string { return t.Upstream })},
	}
}

func settingKind(key string) kind {
	if key == inventory.KeyDeadline || key == inventory.KeyCost {
		return plain
	}
	return text
}

func technicalColumns() []column {
	return []column{
		{"readiness", text, func(d *inventory.Device) string { return d.Readiness }},
		{"blockers", text, func(d *inventory.Device) string { return strings.Join(d.Blockers, " ") }},
		{"next_step", text, func(d *inventory.Device) string { return string(d.NextStep) }},
		{"advice", text, advice},
		{"listener", text, func(d *inventory.Device) string { return d.Listener }},
		{"protocol", text, func(d *inventory.Device) string { return d.Protocol }},
		{"tls_mode", text, func(d *inventory.Device) string { return d.TLSMode }},
		{"tls_version", text, func(d *inventory.Device) string { return versionWords(d.TLSVersion) }},
		{"tls_cipher", text, func(d *inventory.Device) string { return d.TLSCipher }},
		{"tls_versions", text, versionsUsed},
		{"weak_since", plain, func(d *inventory.Device) string { return stamp(weakUse(d).first) }},
		{"weak_until", plain, func(d *inventory.Device) string { return stamp(weakUse(d).last) }},
		{"stack", text, func(d *inventory.Device) string { return d.Stack }},
		{"tls_alert_received", text, func(d *inventory.Device) string { return d.AlertReceived }},
		{"auth_mechanism", text, func(d *inventory.Device) string { return d.AuthMechanism }},
		{"upstream", text, func(d *inventory.Device) string { return d.Upstream }},
		{"upstream_auth", text, func(d *inventory.Device) string { return d.UpstreamAuth }},
		{"source_shared", plain, func(d *inventory.Device) string { return yes(d.SourceShared) }},
		{"merged_ids", text, func(d *inventory.Device) string { return strings.Join(d.MergedIDs, " ") }},
	}
}

func usageColumns() []column {
	columns := []column{
		{"first_seen", plain, func(d *inventory.Device) string { return stamp(d.FirstSeen) }},
		{"last_seen", plain, func(d *inventory.Device) string { return stamp(d.LastSeen) }},
		{"last_served", plain, func(d *inventory.Device) string { return stampOf(d.LastServed) }},
		{"not_served", plain, func(d *inventory.Device) string { return yes(d.NotServed) }},
		{"sessions", plain, func(d *inventory.Device) string { return strconv.FormatInt(d.Sessions, 10) }},
	}
	for _, outcome := range inventory.OutcomeOrder() {
		columns = append(columns, column{string(outcome), plain,
			func(d *inventory.Device) string { return strconv.FormatInt(d.Outcomes[outcome], 10) }})
	}
	return append(columns,
		column{"last_outcome", text, func(d *inventory.Device) string { return string(d.LastOutcome) }},
		column{"last_reason", text, func(d *inventory.Device) string { return d.LastReason }},
		column{"last_reason_at", plain, func(d *inventory.Device) string { return stampOf(d.LastReasonAt) }},
		column{"upstream_says", text, func(d *inventory.Device) string { return d.UpstreamSays }},
		column{"bytes_from_device", plain, func(d *inventory.Device) string { return strconv.FormatInt(d.BytesFrom, 10) }},
		column{"bytes_to_device", plain, func(d *inventory.Device) string { return strconv.FormatInt(d.BytesTo, 10) }})
}

// set is what people set of a device: not what rules and guesses say.
func set(d *inventory.Device, key string) string {
	if key == inventory.KeyStage && !d.StageSet || key == inventory.KeyCategory && !d.CategorySet {
		return ""
	}
	return d.Setting(key)
}

func advice(d *inventory.Device) string {
	sentences := make([]string, len(d.Advice))
	for i, a := range d.Advice {
		sentences[i] = a.Text
	}
	return strings.Join(sentences, " ")
}

func versionsUsed(d *inventory.Device) string {
	uses := make([]string, len(d.TLSVersions))
	for i, use := range d.TLSVersions {
		uses[i] = versionWords(use.Version) + ": " + strconv.FormatInt(use.Sessions, 10)
	}
	return strings.Join(uses, "; ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// stamp writes a time as RFC 3339 in UTC, to the second; nothing for none.
func stamp(t time.Time) string { return written(t.UTC(), time.RFC3339) }

func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// written writes a time by a layout; nothing for none.
func written(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(layout)
}
