package main

import (
	"context"
	"errors"
	"os/user"
	"slices"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/inventory"
)

// withStock calls do with the inventory: the running bridge's, or, where none holds the data directory, the directory's own
// under its lock. What it makes belongs to the directory's owner.
func withStock(ctx context.Context, cfg *config.Config, do func(stock) error) error {
	return whileBusy(ctx, cfg, func() error {
		d, err := openDataDir(cfg.DataDir)
		if errors.Is(err, errLocked) {
			return do(remoteStock{cfg.DataDir})
		}
		if err != nil {
			return err
		}
		defer func() { _ = d.Close() }()
		err = withLedger(ctx, cfg, d, do)
		return errors.Join(err, keepOwners(d.path, lockFile, journalFolder, inventoryFile, inventoryFile+"-wal", inventoryFile+"-shm", stagesFile))
	})
}

// withLedger opens the inventory of a data directory that no bridge has. Where the store cannot be brought up to what the
// journal tells, reading says why, and only rebuild does something about it.
func withLedger(ctx context.Context, cfg *config.Config, d *dataDir, do func(stock) error) (err error) {
	stages, err := openSetStages(d.file(stagesFile))
	if err != nil {
		return err
	}
	l, err := openLedger(cfg, d.path, inventory.Instance{Bridge: cfg.Name}, stages, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	logs, err := logs.Open(logFilesOf(cfg.Log))
	if err != nil {
		return err
	}
	defer logs.Close()
	l.record = func(c inventory.Change) { logs.Records.Change(inventory.ChangeLine{Bridge: cfg.Name, Change: c}) }
	projecting, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(projecting)
	}()
	defer func() {
		stop()
		<-ended
	}()
	_ = l.through(ctx) // reading tells of its error
	return do(behindStock{l})
}

// logFilesOf is the log without what goes to a terminal: a command that changes the inventory writes that to the bridge's
// log files, where the bridge would have.
func logFilesOf(cfg config.Log) config.Log {
	cfg.Output = slices.DeleteFunc(slices.Clone(cfg.Output), func(o string) bool { return o == "stderr" || o == "stdout" })
	return cfg
}

// editedBy says for the history who changes the inventory by a command.
func editedBy() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "a command"
	}
	return inventory.Printable(u.Username) + " by command"
}

// behindStock is a ledger of which nothing is read while its store is behind the journal: what a command prints is what is
// so, or it says why it cannot be told.
type behindStock struct{ *ledger }

// Devices implements inventory.Reader.
func (s behindStock) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	if err := s.fault(); err != nil {
		return nil, 0, err
	}
	return s.ledger.Devices(ctx, q)
}

// Device implements inventory.Reader.
func (s behindStock) Device(ctx context.Context, id string) (inventory.Device, error) {
	if err := s.fault(); err != nil {
		return inventory.Device{}, err
	}
	return s.ledger.Device(ctx, id)
}

// History implements inventory.Reader.
func (s behindStock) History(ctx context.Context, id string) ([]inventory.Change, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.ledger.History(ctx, id)
}

// Days implements inventory.Reader.
func (s behindStock) Days(ctx context.Context, id string, since time.Time) ([]inventory.Day, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.ledger.Days(ctx, id, since)
}

// Sessions implements inventory.Reader.
func (s behindStock) Sessions(ctx context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.ledger.Sessions(ctx, q)
}

// Totals implements inventory.Reader.
func (s behindStock) Totals(ctx context.Context) (inventory.Totals, error) {
	if err := s.fault(); err != nil {
		return inventory.Totals{}, err
	}
	return s.ledger.Totals(ctx)
}
