package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"drawbridge/inventory"
)

// stock is the inventory as commands read and change it: the running bridge's over its control socket, or, while none
// runs, the data directory's.
type stock interface {
	inventory.Reader
	inventory.Editor
	Rebuild(ctx context.Context) error
}

// The paths of the control socket that read and change the inventory.
const (
	pathDevices  = "/inventory/devices"
	pathDevice   = "/inventory/device"
	pathHistory  = "/inventory/history"
	pathDays     = "/inventory/days"
	pathSessions = "/inventory/sessions"
	pathTotals   = "/inventory/totals"
	pathSet      = "/inventory/set"
	pathMerge    = "/inventory/merge"
	pathName     = "/inventory/import"
	pathForget   = "/inventory/remove"
	pathRebuild  = "/inventory/rebuild"
)

// What goes over the control socket, which only the bridge's owner can open.
type (
	foundDevices struct {
		Devices []inventory.Device
		Total   int
	}
	foundDevice struct {
		Device inventory.Device
		None   bool // there is no such device
	}
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
	idOf       struct{ ID string }
)

// inventoryTime is how long an answer of the inventory may take: it may be of 50,000 devices, or a store made anew.
const inventoryTime = 10 * time.Minute

// inventoryHandler reads and changes the bridge's inventory by what its owner asks on the control socket.
func (b *bridge) inventoryHandler(mux *http.ServeMux) {
	s := b.ledger.Current()
	handle := func(path string, h http.HandlerFunc) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			answer, end := http.NewResponseController(w), time.Now().Add(inventoryTime)
			_ = answer.SetReadDeadline(end) // else the server's own would end it; a connection without deadlines has none to outlive
			_ = answer.SetWriteDeadline(end)
			b.ledger.CatchUpSoon(r.Context())
			h(w, r)
		})
	}
	handle(pathDevices, answering(func(ctx context.Context, q inventory.Query) (found foundDevices, err error) {
		found.Devices, found.Total, err = s.Devices(ctx, q)
		return found, err
	}))
	handle(pathDevice, answering(func(ctx context.Context, q idOf) (found foundDevice, err error) {
		found.Device, err = s.Device(ctx, q.ID)
		if errors.Is(err, inventory.ErrNoDevice) {
			return foundDevice{None: true}, nil
		}
		return found, err
	}))
	handle(pathHistory, answering(func(ctx context.Context, q idOf) ([]inventory.Change, error) { return s.History(ctx, q.ID) }))
	handle(pathDays, answering(func(ctx context.Context, q daysOf) ([]inventory.Day, error) { return s.Days(ctx, q.ID, q.Since) }))
	handle(pathSessions, answering(s.Sessions))
	handle(pathTotals, answering(func(ctx context.Context, _ done) (inventory.Totals, error) { return s.Totals(ctx) }))
	handle(pathSet, answering(func(ctx context.Context, q setting) (answer settingAnswer, err error) {
		err = s.Set(ctx, q.ID, q.Values, q.By)
		if errors.As(err, &answer.Wrong) {
			return answer, nil
		}
		return answer, err
	}))
	handle(pathMerge, answering(func(ctx context.Context, q merging) (done, error) { return done{}, s.Merge(ctx, q.From, q.Into, q.By) }))
	handle(pathName, answering(func(ctx context.Context, q naming) (done, error) { return done{}, s.Import(ctx, q.IDs, q.By) }))
	handle(pathForget, answering(func(ctx context.Context, q forgetting) (done, error) { return done{}, s.Remove(ctx, q.ID, q.By) }))
	handle(pathRebuild, answering(func(ctx context.Context, _ done) (done, error) { return done{}, s.Rebuild(ctx) }))
}

// remoteStock is the stock of the running bridge that has the data directory.
type remoteStock struct{ dir string }

func (r remoteStock) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	found, err := askLong[foundDevices](ctx, r.dir, pathDevices, q)
	return found.Devices, found.Total, err
}

func (r remoteStock) Device(ctx context.Context, id string) (inventory.Device, error) {
	found, err := askLong[foundDevice](ctx, r.dir, pathDevice, idOf{id})
	if err == nil && found.None {
		err = inventory.ErrNoDevice
	}
	return found.Device, err
}

func (r remoteStock) History(ctx context.Context, id string) ([]inventory.Change, error) {
	return askLong[[]inventory.Change](ctx, r.dir, pathHistory, idOf{id})
}

func (r remoteStock) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	return askLong[[]inventory.Day](ctx, r.dir, pathDays, daysOf{id, since})
}

func (r remoteStock) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	return askLong[[]inventory.StoredSession](ctx, r.dir, pathSessions, q)
}

func (r remoteStock) Totals(ctx context.Context) (inventory.Totals, error) {
	return askLong[inventory.Totals](ctx, r.dir, pathTotals, done{})
}

func (r remoteStock) Set(ctx context.Context, id string, values map[string]string, by string) error {
	answer, err := askLong[settingAnswer](ctx, r.dir, pathSet, setting{id, values, by})
	if err == nil && answer.Wrong != nil {
		return answer.Wrong
	}
	return err
}

func (r remoteStock) Merge(ctx context.Context, from, into, by string) error {
	_, err := askLong[done](ctx, r.dir, pathMerge, merging{from, into, by})
	return err
}

func (r remoteStock) Import(ctx context.Context, ids []string, by string) error {
	_, err := askLong[done](ctx, r.dir, pathName, naming{ids, by})
	return err
}

func (r remoteStock) Remove(ctx context.Context, id, by string) error {
	_, err := askLong[done](ctx, r.dir, pathForget, forgetting{id, by})
	return err
}

func (r remoteStock) Rebuild(ctx context.Context) error {
	_, err := askLong[done](ctx, r.dir, pathRebuild, done{})
	return err
}
