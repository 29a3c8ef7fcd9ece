package notices_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/config"
	"drawbridge/internal/notices"
	"drawbridge/inventory"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// world is what a notifier looks at, and the data directory that it keeps its outbox in. Its time is moved by the tests.
type world struct {
	t       *testing.T
	path    string
	now     time.Time
	sources notices.Sources
	devices []inventory.Device
	behind  error
	down    []notices.Down
	logged  []string // the notices that the log has: event and device
	events  *observer.ObservedLogs
	log     *zap.Logger
}

func newWorld(t *testing.T) *world {
	core, logs := observer.New(zap.InfoLevel)
	w := &world{t: t, path: filepath.Join(t.TempDir(), "notices.json"), now: noon, events: logs, log: zap.New(core)}
	w.sources = notices.Sources{Inventory: w, Behind: func() error { return w.behind }, Down: func(time.Time) []notices.Down { return w.down }}
	return w
}

// EachDevice is the inventory's, as far as notices ask.
func (w *world) EachDevice(_ context.Context, q inventory.Query, do func(*inventory.Device) error) (int, error) {
	if w.behind != nil {
		return 0, w.behind
	}
	found := slices.Clone(w.devices)
	found = slices.DeleteFunc(found, func(d inventory.Device) bool {
		return q.Failing && (!d.Failing(q.NotServedSince) || !w.served(d.ID, q.NotServedSince)) ||
			!q.QuietSince.IsZero() && !d.LastSeen.Before(q.QuietSince) ||
			q.Strangers != nil && !*q.Strangers && d.Account == inventory.Stranger
	})
	slices.SortFunc(found, func(a, b inventory.Device) int {
		if q.Sort == "first_seen" {
			return cmp.Or(b.FirstSeen.Compare(a.FirstSeen), strings.Compare(a.ID, b.ID))
		}
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), strings.Compare(a.ID, b.ID))
	})
	for i := range found {
		if err := do(&found[i]); err != nil {
			return len(found), err
		}
	}
	return len(found), nil
}

// served reports whether something of a device's source was served since a time.
func (w *world) served(id string, since time.Time) bool {
	source, _, _ := strings.Cut(id, "/")
	return slices.ContainsFunc(w.devices, func(d inventory.Device) bool {
		return strings.HasPrefix(d.ID, source+"/") && d.LastServed != nil && !d.LastServed.Before(since)
	})
}

// Device is the inventory's.
func (w *world) Device(_ context.Context, id string) (inventory.Device, error) {
	for _, d := range w.devices {
		if d.ID == id {
			return d, w.behind
		}
	}
	return inventory.Device{}, cmp.Or(w.behind, inventory.ErrNoDevice)
}

// open opens the outbox, as at a start of the bridge, and uses channels of all events.
func (w *world) open(channels ...notices.Channel) *notices.Notifier {
	w.t.Helper()
	return w.openWith(settings(channels...))
}

func settings(channels ...notices.Channel) notices.Settings {
	return notices.Settings{Config: config.Notices{QuietAfter: 14 * 24 * time.Hour, Ahead: 7 * 24 * time.Hour, Every: 15 * time.Minute},
		Zone: time.UTC, Channels: channels}
}

func (w *world) openWith(s notices.Settings) *notices.Notifier {
	w.t.Helper()
	n, err := notices.Open(notices.Options{Path: w.path, Bridge: "bridge-1", Sources: w.sources, Record: w.record, Log: w.log,
		Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
	n.Use(s)
	return n
}

func (w *world) record(n zapcore.ObjectMarshaler) {
	all := zapcore.NewMapObjectEncoder()
	if err := n.MarshalLogObject(all); err != nil {
		w.t.Error(err)
	}
	words := []string{fmt.Sprint(all.Fields["event"])}
	for _, key := range []string{"device", "upstream", "certificate"} {
		if text, ok := all.Fields[key]; ok {
			words = append(words, fmt.Sprint(text))
			break
		}
	}
	if all.Fields["bridge"] != "bridge-1" || all.Fields["text"] == "" {
		w.t.Errorf("the log has %v", all.Fields)
	}
	w.logged = append(w.logged, strings.Join(words, " "))
}

// pass has a minute pass, and the notifier look and send.
func (w *world) pass(n *notices.Notifier, after time.Duration) {
	w.now = w.now.Add(after)
	n.Look(w.t.Context())
	n.Send(w.t.Context())
}

// wantLog wants these notices in the log since the last time.
func (w *world) wantLog(what string, want ...string) {
	w.t.Helper()
	slices.Sort(w.logged)
	slices.Sort(want)
	if !slices.Equal(w.logged, want) {
		w.t.Errorf("%s: the log has the notices %q, want %q", what, w.logged, want)
	}
	w.logged = nil
}

// device is one that was served first and last at these times.
func device(id string, first, last time.Time) inventory.Device {
	_, account, _ := strings.Cut(id, "/")
	served := last
	return inventory.Device{ID: id, Account: account, Readiness: "legacy", Stage: inventory.StageBridge, Upstream: "online", FirstSeen: first,
		LastSeen: last, LastServed: &served, LastOutcome: inventory.OutcomeBridged}
}

// fails makes the latest session of a device one that failed.
func fails(d *inventory.Device, at time.Time, reason string) {
	d.LastSeen, d.LastOutcome, d.LastReason = at, inventory.OutcomeUpstreamFailed, reason
}

// receiver is a channel that keeps what it takes, and may be down.
type receiver struct {
	mu    sync.Mutex
	fault error
	taken []*notices.Message
	tries []time.Time
	most  int // notices in one message, taken or not
	now   func() time.Time
}

func (r *receiver) send(_ context.Context, m *notices.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(r.most, len(m.Notices))
	if r.now != nil {
		r.tries = append(r.tries, r.now())
	}
	if r.fault != nil {
		return r.fault
	}
	r.taken = append(r.taken, m)
	return nil
}

// ids counts what was taken, by the notices' ids.
func (r *receiver) ids() map[string]int {
	all := make(map[string]int)
	for _, m := range r.taken {
		for _, n := range m.Notices {
			all[n.ID]++
		}
	}
	return all
}

var errDown = &notices.Fault{Problem: "connection refused", Mend: "see whether it runs"}

// errNotYet is why a store does not take what happens.
var errNotYet = errors.New("the disk is full, dsn=secret")
