package web_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"drawbridge/inventory"
)

// memory is a small inventory in memory: a Reader and an Editor over a slice, with the contract of both.
type memory struct {
	mu       sync.Mutex
	now      func() time.Time
	devices  []inventory.Device
	history  []inventory.Change
	days     []inventory.Day
	sessions []inventory.StoredSession
	err      error // told instead of any answer
}

func (m *memory) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.err, ctx.Err()); err != nil {
		return nil, 0, err
	}
	var found []int
	for i := range m.devices {
		if fits(&m.devices[i], q) {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b int) int {
		x, y := &m.devices[a], &m.devices[b]
		c := cmp.Compare(sortKey(x, q.Sort), sortKey(y, q.Sort))
		if q.Descending {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(x.ID, y.ID))
	})
	total := len(found)
	found = found[min(q.Offset, total):]
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	page := make([]inventory.Device, len(found))
	for i, n := range found {
		page[i] = m.devices[n]
		page[i].NotServed = notServed(&page[i], q.NotServedSince)
	}
	return page, total, nil
}

func (m *memory) EachDevice(ctx context.Context, q inventory.Query, do func(*inventory.Device) error) (int, error) {
	devices, total, err := m.Devices(ctx, q)
	for i := range devices {
		if err := do(&devices[i]); err != nil {
			return total, err
		}
	}
	return total, err
}

func fits(d *inventory.Device, q inventory.Query) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	text := strings.ToLower(d.ID + " " + d.Mailbox + " " + d.SourceName + " " + d.Vendor + " " + d.Owner + " " + d.Note)
	return strings.Contains(text, strings.ToLower(q.Search)) &&
		in(q.Readiness, d.Readiness) && in(q.Owners, d.Owner) && in(q.Vendors, d.Vendor) && in(q.Versions, d.TLSVersion) &&
		(len(q.Stages) == 0 || slices.Contains(q.Stages, d.Stage)) &&
		(len(q.Categories) == 0 || slices.Contains(q.Categories, d.Category)) &&
		(len(q.Steps) == 0 || slices.Contains(q.Steps, d.NextStep)) &&
		(len(q.Blockers) == 0 || slices.ContainsFunc(q.Blockers, func(b string) bool { return slices.Contains(d.Blockers, b) })) &&
		(q.Strangers == nil || *q.Strangers == (d.Account == inventory.Stranger && !notServed(d, q.NotServedSince))) &&
		(!q.NotServed || notServed(d, q.NotServedSince)) &&
		(!q.Failing || d.Failing(q.NotServedSince) && !notServed(d, q.NotServedSince)) &&
		(q.QuietSince.IsZero() || d.LastSeen.Before(q.QuietSince)) &&
		(q.DueBefore == "" || d.Deadline != "" && d.Deadline < q.DueBefore)
}

// notServed is true of sources that have one row each.
func notServed(d *inventory.Device, since time.Time) bool {
	return !since.IsZero() && d.Stage != inventory.StageBlock &&
		!d.LastSeen.Before(since) && (d.LastServed == nil || d.LastServed.Before(since))
}

func sortKey(d *inventory.Device, key string) string {
	switch key {
	case "account":
		return d.Account
	case "vendor":
		return d.Vendor
	case "owner":
		return d.Owner
	case "deadline":
		return d.Deadline
	case "readiness":
		return d.Readiness
	case "last_seen":
		return d.LastSeen.UTC().Format(time.RFC3339)
	case "sessions":
		return fmt.Sprintf("%019d", d.Sessions)
	}
	return d.ID
}

func (m *memory) find(id string) (*inventory.Device, error) {
	if m.err != nil {
		return nil, m.err
	}
	for i := range m.devices {
		if d := &m.devices[i]; d.ID == id || slices.Contains(d.MergedIDs, id) {
			return d, nil
		}
	}
	return nil, fmt.Errorf("device %q: %w", id, inventory.ErrNoDevice)
}

func (m *memory) Device(_ context.Context, id string) (inventory.Device, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.find(id)
	if err != nil {
		return inventory.Device{}, err
	}
	return *d, nil
}

func (m *memory) History(_ context.Context, id string) ([]inventory.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []inventory.Change
	for _, c := range m.history {
		if c.Device == id {
			all = append(all, c)
		}
	}
	return all, m.err
}

func (m *memory) Days(_ context.Context, _ string, since time.Time) ([]inventory.Day, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := since.UTC().Format(time.DateOnly)
	var all []inventory.Day
	for _, d := range m.days {
		if d.Date >= first {
			all = append(all, d)
		}
	}
	return all, m.err
}

func (m *memory) Sessions(_ context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []inventory.StoredSession
	for _, s := range m.sessions { // the latest first
		fits := (q.Device == "" || q.Device == s.Device) && (q.Before.IsZero() || s.StartedAt.Before(q.Before) ||
			s.StartedAt.Equal(q.Before) && q.BeforeID != "" && s.ID > q.BeforeID) &&
			(len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, s.Outcome))
		if fits && len(all) < cmp.Or(q.Limit, 100) {
			all = append(all, s)
		}
	}
	return all, m.err
}

func (m *memory) Totals(context.Context) (inventory.Totals, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := inventory.Totals{
		Readiness: map[string]int64{}, Stages: map[inventory.Stage]int64{}, Categories: map[inventory.Category]int64{},
		Versions: map[string]int64{}, Steps: map[inventory.NextStep]int64{},
	}
	for i := range m.devices {
		d := &m.devices[i]
		t.Sessions += d.Sessions
		if d.Account == inventory.Stranger {
			t.Strangers++
			continue
		}
		t.Devices++
		t.Readiness[d.Readiness]++
		t.Stages[d.Stage]++
		t.Categories[d.Category]++
		t.Steps[d.NextStep]++
		if d.TLSVersion != "" {
			t.Versions[d.TLSVersion]++
		}
	}
	return t, m.err
}

func (m *memory) Set(_ context.Context, id string, values map[string]string, by string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.find(id)
	if err != nil {
		return err
	}
	for key, v := range values {
		if err := checkValue(key, v); err != nil {
			return err
		}
	}
	for _, key := range inventory.Settings {
		if v, ok := values[key]; ok {
			m.history = append(m.history, inventory.Change{Time: m.now(), Device: d.ID, Key: key, New: v, By: by})
			apply(d, key, v)
		}
	}
	return nil
}

func checkValue(key, v string) error {
	wrong := func(problem string) error { return &inventory.SettingError{Key: key, Value: v, Problem: problem} }
	switch key {
	case inventory.KeyDeadline:
		if _, err := time.Parse(time.DateOnly, v); v != "" && err != nil {
			return wrong("write a date such as 2027-03-01")
		}
	case inventory.KeyCost:
		if _, err := strconv.ParseFloat(v, 64); v != "" && err != nil {
			return wrong("write a number such as 1200.50")
		}
	case inventory.KeyStage:
		if v != "" && !slices.Contains([]string{"bridge", "warn", "brownout", "block"}, v) {
			return wrong("write bridge, warn, brownout or block")
		}
	}
	return nil
}

func apply(d *inventory.Device, key, v string) {
	switch key {
	case inventory.KeyStage:
		d.Stage, d.StageSet = cmp.Or(inventory.Stage(v), inventory.StageBridge), v != ""
	case inventory.KeyCategory:
		d.Category, d.CategorySet = cmp.Or(inventory.Category(v), inventory.CategoryUnknown), v != ""
	case inventory.KeyDeadline:
		d.Deadline = v
	case inventory.KeyOwner:
		d.Owner = v
	case inventory.KeyPriority:
		d.Priority = v
	case inventory.KeyCost:
		d.Cost = v
	case inventory.KeyNote:
		d.Note = v
	}
}

func (m *memory) Merge(_ context.Context, from, into, by string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.find(from)
	if err != nil {
		return err
	}
	m.history = append(m.history, inventory.Change{Time: m.now(), Device: d.ID, Key: inventory.KeyMerge, New: into, By: by})
	if into == "" {
		d.MergedIDs = slices.DeleteFunc(slices.Clone(d.MergedIDs), func(id string) bool { return id == from })
		return nil
	}
	other, err := m.find(into)
	if err != nil {
		return err
	}
	other.MergedIDs = append(slices.Clone(other.MergedIDs), from)
	m.devices = slices.DeleteFunc(m.devices, func(d inventory.Device) bool { return d.ID == from })
	return nil
}

func (m *memory) Import(context.Context, []string, string) error { return nil }

func (m *memory) Remove(_ context.Context, id, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(id); err != nil {
		return err
	}
	m.devices = slices.DeleteFunc(m.devices, func(d inventory.Device) bool { return d.ID == id })
	return nil
}

// rawRecord makes a record such as the journal's.
func rawRecord(fields map[string]any) json.RawMessage {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return b
}
