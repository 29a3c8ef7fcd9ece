package main

import (
	"context"
	"errors"
	"os/user"
	"slices"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/logs"
	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/ledger"
)

// withStock calls do with the inventory: the running bridge's, or, where none holds the data directory, the directory's own
// under its lock. What it makes belongs to the directory's owner.
func withStock(ctx context.Context, cfg *config.Config, do func(control.Stock) error) error {
	return whileBusy(ctx, cfg, func() error {
		d, err := openDataDir(cfg.DataDir)
		if errors.Is(err, errLocked) {
			return do(control.RemoteStock{Dir: cfg.DataDir})
		}
		if err != nil {
			return err
		}
		defer func() { _ = d.Close() }()
		err = withLedger(ctx, cfg, do)
		return errors.Join(err, keepOwners(d.path, lockFile, ledger.JournalFolder, ledger.StoreFile, ledger.StoreFile+"-wal", ledger.StoreFile+"-shm",
			ledger.StagesFile))
	})
}

// openLedger opens the inventory of the configuration's data directory, whose lock the caller holds.
func openLedger(cfg *config.Config, of inventory.Instance, record func(inventory.ChangeLine), log *zap.Logger) (*ledger.Ledger, error) {
	i := cfg.Inventory
	return ledger.Open(ledger.Options{
		Dir: cfg.DataDir, Postgres: i.DSN, Journal: journal.Options{Instance: of, Sync: i.Journal.Sync, Rotate: i.Journal.Rotate},
		KeepSessions: i.Keep.Sessions, KeepDays: i.Keep.Days, Record: record, Log: log,
	})
}

// withLedger opens the inventory of a data directory that no bridge has. Where the store cannot be brought up to what the
// journal tells, reading says why, and only rebuild does something about it.
func withLedger(ctx context.Context, cfg *config.Config, do func(control.Stock) error) (err error) {
	var files *logs.Logs
	l, err := openLedger(cfg, inventory.Instance{Bridge: cfg.Name}, func(c inventory.ChangeLine) { files.Records.Change(c) }, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if files, err = logs.Open(logFilesOf(cfg.Log)); err != nil {
		return err
	}
	defer files.Close()
	l.Start()
	_ = l.CatchUp(ctx) // reading tells of its error
	return do(l.Current())
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
