package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/watch"
	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// sessionsPerPage is how many stored sessions a page shows.
const sessionsPerPage = 100

// maxLive is how many running sessions a page shows; it says how many there are.
const maxLive = 200

// sessionRow is one stored session as pages show it. Its strings may be as devices sent them.
type sessionRow struct {
	ID, Device string
	StartedAt  time.Time
	Outcome    inventory.Outcome
	Record     string // the whole line, indented
	record
}

// record is what a row shows of a session record.
type record struct {
	Source     string `json:"source_ip"`
	SourceName string `json:"source_name"`
	Account    string `json:"account"`
	Claimed    string `json:"claimed_account"`
	Mailbox    string `json:"mailbox"`
	Listener   string `json:"listener"`
	Protocol   string `json:"protocol"`
	TLSVersion string `json:"tls_version"`
	Upstream   string `json:"upstream"`
	Phase      string `json:"phase"`
	Reason     string `json:"reason"`
	DurationMS int64  `json:"duration_ms"`
	BytesFrom  int64  `json:"bytes_from_device"`
	BytesTo    int64  `json:"bytes_to_device"`
}

// Stranger tells whether nobody's login was verified.
func (r sessionRow) Stranger() bool {
	return strings.HasSuffix(r.Device, "/"+inventory.Stranger) && r.Account == ""
}

// Duration returns how long the session was, rounded for reading.
func (r sessionRow) Duration() string {
	d := time.Duration(r.DurationMS) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// Failed tells whether the session did not get through.
func (r sessionRow) Failed() bool {
	return r.Outcome != inventory.OutcomeBridged && r.Outcome != inventory.OutcomeCut
}

// sessionRows reads what rows show of records. A record that is no JSON leaves its row with what the store tells.
func sessionRows(stored []inventory.StoredSession) []sessionRow {
	rows := make([]sessionRow, len(stored))
	left := maxRecords
	for i, s := range stored {
		rows[i] = sessionRow{ID: s.ID, Device: s.Device, StartedAt: s.StartedAt, Outcome: s.Outcome}
		_ = json.Unmarshal(s.Record, &rows[i].record)
		rows[i].Record = indented(s.Record, min(left, maxRecord))
		left -= min(left, len(rows[i].Record))
	}
	return rows
}

// How much of a record a page shows, and of all its records together, in bytes: a page is made whole before it is sent, and as many
// may wait to be read as the admin address takes connections.
const (
	maxRecord  = 8 << 10
	maxRecords = 512 << 10
)

// indented returns JSON for reading, of most bytes and each line printable; empty where it is none.
func indented(raw json.RawMessage, most int) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return ""
	}
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		lines[i] = inventory.Printable(line)
	}
	text := strings.Join(lines, "\n")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "\n… the whole record is in /api/sessions"
	}
	return text
}

// sessionsPage is what /sessions shows.
type sessionsPage struct {
	HasLive   bool
	Live      []watch.Session // the latest first
	LiveCount int
	LiveBytes bool // their bytes are known
	Rows      []sessionRow
	Outcomes  []choice
	Device    string
	Older     string // link; empty: none
	Newest    bool   // the first page
	Reload    string
}

func (d *dashboard) showSessions(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q, fault := sessionQuery(v, sessionsPerPage)
	if fault != "" {
		d.fail(w, r, http.StatusBadRequest, fault)
		return
	}
	stored, err := d.Reader.Sessions(r.Context(), q)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	p := &sessionsPage{
		Rows: sessionRows(stored), Outcomes: choices(words.Outcomes().Words(), v.Get("outcome")), Device: q.Device, Newest: q.Before.IsZero(),
		Reload: "/sessions",
	}
	if kept := filterOf(v, "outcome", "device"); len(kept) > 0 {
		p.Reload += "?" + kept.Encode()
	}
	p.fillOlder(v, q, stored)
	if d.Live != nil && p.Newest {
		p.fillLive(d.Live())
	}
	d.render(w, r, http.StatusOK, "sessions", "Sessions", p)
}

func (p *sessionsPage) fillOlder(v url.Values, q inventory.SessionQuery, stored []inventory.StoredSession) {
	if len(stored) < q.Limit {
		return
	}
	next := filterOf(v, "outcome", "device")
	last := &stored[len(stored)-1]
	next.Set("before", last.StartedAt.UTC().Format(time.RFC3339Nano))
	next.Set("before_id", last.ID)
	p.Older = "/sessions?" + next.Encode()
}

func filterOf(v url.Values, keys ...string) url.Values {
	kept := make(url.Values)
	for _, key := range keys {
		if v.Get(key) != "" {
			kept[key] = v[key]
		}
	}
	return kept
}

func (p *sessionsPage) fillLive(live []watch.Session) {
	p.HasLive, p.LiveCount = true, len(live)
	p.Live = slices.Clone(live)
	slices.SortFunc(p.Live, func(a, b watch.Session) int { return b.Since.Compare(a.Since) })
	p.Live = p.Live[:min(maxLive, len(p.Live))]
	p.LiveBytes = slices.ContainsFunc(p.Live, func(s watch.Session) bool { return s.BytesFrom+s.BytesTo > 0 })
}

// sessionQuery reads the parameters of a list of sessions: device, outcome, before, before_id.
func sessionQuery(v url.Values, limit int) (q inventory.SessionQuery, fault string) {
	q = inventory.SessionQuery{Device: v.Get("device"), Limit: limit}
	for _, o := range v["outcome"] {
		if o == "" {
			continue
		}
		if _, known := words.Outcomes().Find(o); !known {
			return q, "There is no such outcome: " + inventory.Printable(o[:min(len(o), 40)]) + "."
		}
		q.Outcomes = append(q.Outcomes, inventory.Outcome(o))
	}
	if before := v.Get("before"); before != "" {
		t, err := time.Parse(time.RFC3339Nano, before)
		if err != nil {
			return q, "before is a time such as 2026-11-24T10:00:00Z."
		}
		q.Before, q.BeforeID = t, v.Get("before_id")
	}
	return q, ""
}
