package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// ErrNoDevice says that the inventory has no device of that id.
var ErrNoDevice = errors.New("the inventory has no such device")

// Query selects devices. The zero value selects all of them, by id. Values within one field are alternatives, fields
// hold together.
type Query struct {
	Search     string // in id, mailbox, names, MAC, vendor, client ID, and the texts that people set, without case
	Readiness  []string
	Stages     []Stage
	Categories []Category
	Owners     []string // "" for those without
	Vendors    []string
	Versions   []string // last TLS version used
	Blockers   []string // has at least one of these
	Steps      []NextStep
	Strangers  *bool // only, or none, of the source devices
	// NotServedSince has what is not served since then (seen since, and nothing of its source was served since) count as a device where
	// Strangers asks, and are told (Device.NotServed); zero: none. NotServed: only those. Failing: only the others whose latest
	// session did not get through (Device.Failing).
	NotServedSince time.Time
	NotServed      bool
	Failing        bool
	QuietSince     time.Time // not seen since
	DueBefore      string    // deadline before this date
	Sort           string    // one of SortKeys; empty: id
	Descending     bool
	Limit          int // 0: all
	Offset         int
}

// SortKeys are what devices can be sorted by. Devices with equal keys are in the order of their ids.
var SortKeys = [...]string{"id", "account", "mailbox", "vendor", "readiness", "category", "stage", "deadline", "owner",
	"priority", "cost", "tls_version", "next_step", "first_seen", "last_seen", "sessions"}

// StoredSession is one session in the store.
type StoredSession struct {
	ID        string          `json:"session_id"`
	Device    string          `json:"device"`
	StartedAt time.Time       `json:"started_at"`
	Outcome   Outcome         `json:"outcome"`
	Record    json.RawMessage `json:"record"` // the line
}

// SessionQuery selects sessions, the latest first.
type SessionQuery struct {
	Device   string // empty: of all
	Outcomes []Outcome
	Before   time.Time // began before this; zero: now
	BeforeID string    // with Before: those too that began then and whose id comes after this one, as a list goes on
	Limit    int       // at most 1,000; 0: 100
}

// Totals are the figures of the whole inventory: devices counted without strangers.
type Totals struct {
	Devices    int64              `json:"devices"`
	Strangers  int64              `json:"strangers"` // source devices
	Readiness  map[string]int64   `json:"readiness"`
	Stages     map[Stage]int64    `json:"stages"`
	Categories map[Category]int64 `json:"categories"`
	Versions   map[string]int64   `json:"tls_versions"`
	Steps      map[NextStep]int64 `json:"next_steps"`
	Sessions   int64              `json:"sessions"`
	TurnedAway int64              `json:"turned_away"` // connections that got no session
	BadLines   int64              `json:"bad_lines"`
}

// Reader is what pages and commands read of the inventory. It is safe for concurrent use.
type Reader interface {
	Devices(ctx context.Context, q Query) (devices []Device, total int, err error)
	// EachDevice calls do with what Devices returns, few of them in memory at a time: while do takes its time nothing of the
	// store is held. A device that goes meanwhile is left out. It ends with the first error, which do's may be.
	EachDevice(ctx context.Context, q Query, do func(*Device) error) (total int, err error)
	Device(ctx context.Context, id string) (Device, error) // ErrNoDevice; the id of a merged device finds the whole
	History(ctx context.Context, id string) ([]Change, error)
	Days(ctx context.Context, id string, since time.Time) ([]Day, error) // id empty: of all devices together; oldest first
	Sessions(ctx context.Context, q SessionQuery) ([]StoredSession, error)
	Totals(ctx context.Context) (Totals, error)
}

// Editor changes what people set. By says who, for the history. It returns when Reader tells the change, after 5 s at
// most. A *SettingError says what is wrong with a value; nothing is changed then.
type Editor interface {
	Set(ctx context.Context, id string, values map[string]string, by string) error
	Merge(ctx context.Context, from, into, by string) error // into empty: from is a device of its own again
	Import(ctx context.Context, ids []string, by string) error
	Remove(ctx context.Context, id, by string) error
}

// SettingError says what is wrong with a value that someone set.
type SettingError struct{ Key, Value, Problem string }

// Error implements error.
func (e *SettingError) Error() string { return e.Key + " " + e.Problem }
