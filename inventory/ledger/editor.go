package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
)

// editTime bounds how long a change is waited for until the store tells it. It is in the journal before.
const editTime = 5 * time.Second

// Set implements inventory.Editor.
func (l *Ledger) Set(ctx context.Context, id string, values map[string]string, by string) error {
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
func (l *Ledger) write(ctx context.Context, changes []inventory.Change) error {
	for _, c := range changes {
		if err := l.tell(ctx, c); err != nil {
			return fmt.Errorf("write to the journal: %w", err)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, editTime)
	defer cancel()
	if err := l.CatchUp(ctx); err != nil {
		return fmt.Errorf("the change is in the journal, but the inventory does not show it yet: %w", err)
	}
	return nil
}

// tell has a change written.
func (l *Ledger) tell(ctx context.Context, c inventory.Change) error {
	written, err := l.Journal.Change(ctx, c)
	if err == nil {
		of := l.o.Journal.Instance
		l.o.Record(inventory.ChangeLine{Bridge: of.Bridge, Run: of.Run, Change: written})
	}
	return err
}

// Merge implements inventory.Editor.
func (l *Ledger) Merge(ctx context.Context, from, into, by string) error {
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
func (l *Ledger) Import(ctx context.Context, ids []string, by string) error {
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
func (l *Ledger) Remove(ctx context.Context, id, by string) error {
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

// Rebuild makes the store anew from the journal. Where several bridges share it, the others make their part anew too. A
// SQLite file that cannot be emptied is set aside: what was in it is in the journal.
func (l *Ledger) Rebuild(ctx context.Context) error { return l.catchUpAfter(ctx, l.empty) }

// empty leaves nothing in the store.
func (l *Ledger) empty(ctx context.Context) error {
	store, err := l.reach(ctx)
	if err == nil {
		err = store.Reset(ctx)
	}
	if err == nil || ctx.Err() != nil || l.options.Postgres != "" {
		return err
	}
	return l.setAside(err)
}

// Learn has a change written that nobody waits for: what the network told of a device. Nothing is written where the
// inventory has it already, or does not have the device. It takes 5 s at most.
func (l *Ledger) Learn(ctx context.Context, c inventory.Change) {
	ctx, cancel := context.WithTimeout(ctx, editTime)
	defer cancel()
	d, err := l.Device(ctx, c.Device)
	if err != nil {
		return // the next session's record tells
	}
	c.Old = map[string]string{inventory.KeySourceName: d.SourceName, inventory.KeySourceMAC: d.SourceMAC,
		inventory.KeyVendor: d.Vendor, inventory.KeyDescription: d.Description}[c.Key]
	if c.Old != c.New {
		_ = l.tell(ctx, c)
	}
}
