package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/inventory"
)

// editTime bounds how long a change is waited for until the store tells it. It is in the journal before.
const editTime = 5 * time.Second

// Set implements inventory.Editor.
func (l *ledger) Set(ctx context.Context, id string, values map[string]string, by string) error {
	kept := make(map[string]string, len(values))
	for key, value := range values {
		parsed, err := inventory.ParseSetting(key, value)
		if err != nil {
			return err
		}
		kept[key] = parsed
	}
	l.edits.Lock()
	defer l.edits.Unlock()
	d, err := l.Device(ctx, id)
	if err != nil {
		return err
	}
	have := d.Settings()
	var changes []inventory.Change
	for _, key := range inventory.Settings {
		if value, asked := kept[key]; asked && value != have[key] {
			changes = append(changes, inventory.Change{Device: d.ID, Key: key, Old: have[key], New: value, By: by})
		}
	}
	return l.write(ctx, changes)
}

// write has changes written, and waits until the store tells them: a store that cannot be reached keeps none from being
// made, since the journal has them.
func (l *ledger) write(ctx context.Context, changes []inventory.Change) error {
	for _, c := range changes {
		written, err := l.journal.Change(ctx, c)
		if err != nil {
			return fmt.Errorf("write to the journal: %w", err)
		}
		l.record(written)
	}
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, editTime)
	defer cancel()
	if err := l.through(ctx); err != nil {
		return fmt.Errorf("the change is in the journal, but the inventory does not show it yet: %w", err)
	}
	return nil
}

// Merge implements inventory.Editor.
func (l *ledger) Merge(ctx context.Context, from, into, by string) error {
	l.edits.Lock()
	defer l.edits.Unlock()
	d, err := l.Device(ctx, from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if into == "" {
		if !slices.Contains(d.MergedIDs, from) {
			return fmt.Errorf("%s is a device of its own already", from)
		}
		return l.write(ctx, []inventory.Change{{Device: from, Key: inventory.KeyMerge, Old: d.ID, By: by}})
	}
	root, err := l.Device(ctx, into)
	if err != nil {
		return fmt.Errorf("%s: %w", into, err)
	}
	if root.ID == d.ID {
		return fmt.Errorf("%s and %s are one device already", from, into)
	}
	return l.write(ctx, []inventory.Change{{Device: d.ID, Key: inventory.KeyMerge, New: root.ID, By: by}})
}

// maxDeviceID bounds an id that people name, in bytes: an address or MAC and an account as records have it.
const maxDeviceID = 1024

// Import implements inventory.Editor: devices that are not there yet are listed from now on.
func (l *ledger) Import(ctx context.Context, ids []string, by string) error {
	l.edits.Lock()
	defer l.edits.Unlock()
	var changes []inventory.Change
	for _, id := range ids {
		if err := checkDeviceID(id); err != nil {
			return err
		}
		_, err := l.Device(ctx, id)
		if err == nil {
			continue
		}
		if !errors.Is(err, inventory.ErrNoDevice) {
			return err
		}
		changes = append(changes, inventory.Change{Device: id, Key: inventory.KeyImport, New: "named", By: by})
	}
	return l.write(ctx, changes)
}

// checkDeviceID refuses what no session can have for a device.
func checkDeviceID(id string) error {
	source, account := inventory.SplitID(id)
	if source == "" || account == "" || len(id) > maxDeviceID || inventory.Printable(id) != id || strings.ToLower(id) != id {
		return fmt.Errorf("%q is no device: name it as source/account in lower case, such as 10.20.3.7/scanner1", inventory.Printable(id))
	}
	return nil
}

// Remove implements inventory.Editor.
func (l *ledger) Remove(ctx context.Context, id, by string) error {
	l.edits.Lock()
	defer l.edits.Unlock()
	d, err := l.Device(ctx, id)
	if err != nil {
		return err
	}
	if d.StageSet && d.Stage == inventory.StageBlock {
		return fmt.Errorf("%s is set to stage block, which removing it would lift: set another stage first, if that is meant", d.ID)
	}
	var changes []inventory.Change
	for _, member := range append([]string{d.ID}, d.MergedIDs...) {
		changes = append(changes, inventory.Change{Device: member, Key: inventory.KeyRemove, New: "removed", By: by})
	}
	return l.write(ctx, changes)
}

// Devices implements inventory.Reader, as the methods below do.
func (l *ledger) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	store, err := l.reader(ctx)
	if err != nil {
		return nil, 0, err
	}
	return store.Devices(ctx, q)
}

// Device implements inventory.Reader.
func (l *ledger) Device(ctx context.Context, id string) (inventory.Device, error) {
	store, err := l.reader(ctx)
	if err != nil {
		return inventory.Device{}, err
	}
	return store.Device(ctx, id)
}

// History implements inventory.Reader.
func (l *ledger) History(ctx context.Context, id string) ([]inventory.Change, error) {
	store, err := l.reader(ctx)
	if err != nil {
		return nil, err
	}
	return store.History(ctx, id)
}

// Days implements inventory.Reader.
func (l *ledger) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	store, err := l.reader(ctx)
	if err != nil {
		return nil, err
	}
	return store.Days(ctx, id, since)
}

// Sessions implements inventory.Reader.
func (l *ledger) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	store, err := l.reader(ctx)
	if err != nil {
		return nil, err
	}
	return store.Sessions(ctx, q)
}

// Totals implements inventory.Reader.
func (l *ledger) Totals(ctx context.Context) (inventory.Totals, error) {
	store, err := l.reader(ctx)
	if err != nil {
		return inventory.Totals{}, err
	}
	return store.Totals(ctx)
}

// Rebuild makes the store anew from the journal. Where several bridges share it, the others make their part anew too. A
// SQLite file that cannot be emptied is removed: what was in it is in the journal.
func (l *ledger) Rebuild(ctx context.Context) error { return l.throughAfter(ctx, l.empty) }

// empty leaves nothing in the store.
func (l *ledger) empty(ctx context.Context) error {
	store, err := l.reach(ctx)
	if err == nil {
		err = store.Reset(ctx)
	}
	if err == nil || ctx.Err() != nil || l.cfg.Inventory.Store != config.StoreSQLite {
		return err
	}
	l.forget()
	return removeStore(l.file)
}

// removeStore removes a SQLite file and its two companions.
func removeStore(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the damaged store: %w", err)
		}
	}
	return nil
}

// learn has a change written that nobody waits for: what the network told of a device. Nothing is written where the
// inventory has it already.
func (l *ledger) learn(ctx context.Context, c inventory.Change) {
	ctx, cancel := context.WithTimeout(ctx, editTime)
	defer cancel()
	d, err := l.Device(ctx, c.Device)
	if err != nil {
		return // the next session's record tells
	}
	c.Old = map[string]string{inventory.KeySourceName: d.SourceName, inventory.KeySourceMAC: d.SourceMAC,
		inventory.KeyVendor: d.Vendor, inventory.KeyDescription: d.Description}[c.Key]
	if c.Old == c.New {
		return
	}
	if written, err := l.journal.Change(ctx, c); err == nil {
		l.record(written)
	}
}
