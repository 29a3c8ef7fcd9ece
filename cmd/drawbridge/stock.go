package main

import (
	"context"
	"errors"
	"os/user"

	"go.uber.org/zap"

	"drawbridge/config"
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

// withLedger opens the inventory of a data directory that no bridge has, with all that its journal tells.
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
	if err := l.through(ctx); err != nil {
		return err
	}
	return do(l)
}

// editedBy says for the history who changes the inventory by a command.
func editedBy() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "a command"
	}
	return inventory.Printable(u.Username) + " by command"
}
