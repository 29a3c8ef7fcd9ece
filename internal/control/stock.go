package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	"drawbridge/inventory"
)

// Stock is the inventory as commands read and change it: the running bridge's, or, while none runs, the data directory's.
type Stock interface {
	inventory.Reader
	inventory.Editor
	// Rebuild makes the store anew from the journal.
	Rebuild(ctx context.Context) error
}

// The calls that read and change the inventory.
const (
	devices  call[inventory.Query, foundDevices]                     = "/inventory/devices"
	device   call[idOf, foundDevice]                                 = "/inventory/device"
	history  call[idOf, []inventory.Change]                          = "/inventory/history"
	days     call[daysOf, []inventory.Day]                           = "/inventory/days"
	sessions call[inventory.SessionQuery, []inventory.StoredSession] = "/inventory/sessions"
	totals   call[done, inventory.Totals]                            = "/inventory/totals"
	set      call[setting, settingAnswer]                            = "/inventory/set"
	merge    call[merging, done]                                     = "/inventory/merge"
	name     call[naming, done]                                      = "/inventory/import"
	forget   call[forgetting, done]                                  = "/inventory/remove"
	rebuild  call[done, done]                                        = "/inventory/rebuild"
)

type (
	foundDevices struct {
		Devices []inventory.Device
		Total   int
	}
	foundDevice struct {
		Device inventory.Device
		None   bool // there is no such device
	}
	idOf   struct{ ID string }
	daysOf struct {
		ID    string
		Since time.Time
	}
	setting struct {
		ID     string
		Values map[string]string
		By     string
	}
	settingAnswer struct{ Wrong *inventory.SettingError } // nil: done
	merging       struct{ From, Into, By string }
	naming        struct {
		IDs []string
		By  string
	}
	forgetting struct{ ID, By string }
)

func serveStock(mux *http.ServeMux, now func(context.Context) Stock) {
	devices.serve(mux, func(ctx context.Context, q inventory.Query) (found foundDevices, err error) {
		found.Devices, found.Total, err = now(ctx).Devices(ctx, q)
		return found, err
	})
	device.serve(mux, func(ctx context.Context, q idOf) (found foundDevice, err error) {
		found.Device, err = now(ctx).Device(ctx, q.ID)
		if errors.Is(err, inventory.ErrNoDevice) {
			return foundDevice{None: true}, nil
		}
		return found, err
	})
	history.serve(mux, func(ctx context.Context, q idOf) ([]inventory.Change, error) { return now(ctx).History(ctx, q.ID) })
	days.serve(mux, func(ctx context.Context, q daysOf) ([]inventory.Day, error) { return now(ctx).Days(ctx, q.ID, q.Since) })
	sessions.serve(mux, func(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
		return now(ctx).Sessions(ctx, q)
	})
	totals.serve(mux, func(ctx context.Context, _ done) (inventory.Totals, error) { return now(ctx).Totals(ctx) })
	set.serve(mux, func(ctx context.Context, q setting) (answer settingAnswer, err error) {
		err = now(ctx).Set(ctx, q.ID, q.Values, q.By)
		if errors.As(err, &answer.Wrong) {
			return answer, nil
		}
		return answer, err
	})
	merge.serve(mux, quiet(func(ctx context.Context, q merging) error { return now(ctx).Merge(ctx, q.From, q.Into, q.By) }))
	name.serve(mux, quiet(func(ctx context.Context, q naming) error { return now(ctx).Import(ctx, q.IDs, q.By) }))
	forget.serve(mux, quiet(func(ctx context.Context, q forgetting) error { return now(ctx).Remove(ctx, q.ID, q.By) }))
	rebuild.serve(mux, quiet(func(ctx context.Context, _ done) error { return now(ctx).Rebuild(ctx) }))
}

// RemoteStock is the Stock of the running bridge that has the data directory Dir.
type RemoteStock struct{ Dir string }

// Devices implements inventory.Reader, as the methods below do.
func (r RemoteStock) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	found, err := devices.ask(ctx, r.Dir, q)
	return found.Devices, found.Total, err
}

// EachDevice implements inventory.Reader. They come in one answer of the bridge.
func (r RemoteStock) EachDevice(ctx context.Context, q inventory.Query, do func(*inventory.Device) error) (int, error) {
	found, err := devices.ask(ctx, r.Dir, q)
	if err != nil {
		return 0, err
	}
	for i := range found.Devices {
		if err := do(&found.Devices[i]); err != nil {
			return found.Total, err
		}
	}
	return found.Total, nil
}

// Device implements inventory.Reader.
func (r RemoteStock) Device(ctx context.Context, id string) (inventory.Device, error) {
	found, err := device.ask(ctx, r.Dir, idOf{id})
	if err == nil && found.None {
		err = inventory.ErrNoDevice
	}
	return found.Device, err
}

// History implements inventory.Reader.
func (r RemoteStock) History(ctx context.Context, id string) ([]inventory.Change, error) {
	return history.ask(ctx, r.Dir, idOf{id})
}

// Days implements inventory.Reader.
func (r RemoteStock) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	return days.ask(ctx, r.Dir, daysOf{id, since})
}

// Sessions implements inventory.Reader.
func (r RemoteStock) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	return sessions.ask(ctx, r.Dir, q)
}

// Totals implements inventory.Reader.
func (r RemoteStock) Totals(ctx context.Context) (inventory.Totals, error) {
	return totals.ask(ctx, r.Dir, done{})
}

// Set implements inventory.Editor, as the methods below do.
func (r RemoteStock) Set(ctx context.Context, id string, values map[string]string, by string) error {
	answer, err := set.ask(ctx, r.Dir, setting{id, values, by})
	if err == nil && answer.Wrong != nil {
		return answer.Wrong
	}
	return err
}

// Merge implements inventory.Editor.
func (r RemoteStock) Merge(ctx context.Context, from, into, by string) error {
	return merge.tell(ctx, r.Dir, merging{from, into, by})
}

// Import implements inventory.Editor.
func (r RemoteStock) Import(ctx context.Context, ids []string, by string) error {
	return name.tell(ctx, r.Dir, naming{ids, by})
}

// Remove implements inventory.Editor.
func (r RemoteStock) Remove(ctx context.Context, id, by string) error {
	return forget.tell(ctx, r.Dir, forgetting{id, by})
}

// Rebuild implements Stock.
func (r RemoteStock) Rebuild(ctx context.Context) error { return rebuild.tell(ctx, r.Dir, done{}) }
