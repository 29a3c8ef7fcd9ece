package main

import (
	"context"
	"errors"
	"os/user"
	"slices"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/enrich"
	"drawbridge/internal/logs"
	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/ledger"
)

// withStock calls do with the inventory: the running bridge's, or, where none holds the data directory, the directory's own
// under its lock.
func withStock(ctx context.Context, cfg *config.Config, do func(control.Stock) error) error {
	return onData(ctx, cfg, func() error { return do(control.RemoteStock{Dir: cfg.DataDir}) },
		func() error { return withLedger(ctx, cfg, do) },
		ledger.JournalFolder, ledger.StoreFile, ledger.StoreFile+"-wal", ledger.StoreFile+"-shm", ledger.StagesFile)
}

// openLedger opens the inventory of the configuration's data directory, whose lock the caller holds.
func openLedger(cfg *config.Config, of inventory.Instance, record func(inventory.ChangeLine), log *zap.Logger) (*ledger.Ledger, error) {
	i := cfg.Inventory
	return ledger.Open(ledger.Options{
		Dir: cfg.DataDir, Postgres: i.DSN, Journal: journal.Options{Instance: of, Sync: i.Journal.Sync, Rotate: i.Journal.Rotate},
		KeepSessions: i.Keep.Sessions, KeepDays: i.Keep.Days, KeepSize: i.Keep.Size, Record: record, Log: log,
	})
}

// newIdentifier makes the identifier of a configuration; it learns while Run runs.
func newIdentifier(cfg *config.Config, l *ledger.Ledger, log *zap.Logger) (*enrich.Identifier, error) {
	return enrich.NewIdentifier(enrich.Options{
		ReverseDNS: cfg.Inventory.Enrich.ReverseDNS, MACAddress: cfg.Inventory.Enrich.MACAddress,
		SNMP: snmpOptions(cfg.Inventory.Enrich.SNMP),
		Warn: func(err error) { log.Warn("what the network tells of devices is incomplete", zap.Error(err)) },
	}, cfg.Inventory.IdentifyBy == config.IdentifyByMAC, l.Learn)
}

// snmpOptions are the configuration's.
func snmpOptions(s *config.SNMP) *enrich.SNMP {
	if s == nil {
		return nil
	}
	o := &enrich.SNMP{Version: "v" + s.Version, Community: s.Community, User: s.User, Prefixes: s.Sources}
	if s.Auth != nil {
		o.Auth, o.AuthPassword = s.Auth.Protocol, s.Auth.Password
	}
	if s.Privacy != nil {
		o.Privacy, o.PrivacyPassword = s.Privacy.Protocol, s.Privacy.Password
	}
	return o
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
	// What goes to a terminal is left out: the bridge would have written the change to its log files.
	toFiles := cfg.Log
	toFiles.Output = slices.DeleteFunc(slices.Clone(cfg.Log.Output), func(o string) bool { return o == "stderr" || o == "stdout" })
	if files, err = logs.Open(toFiles); err != nil {
		return err
	}
	defer files.Close()
	l.Start()
	_ = l.CatchUp(ctx) // reading tells of its error
	return do(l.Current())
}

// editedBy says for the history who changes the inventory by a command.
func editedBy() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "a command"
	}
	return inventory.Printable(u.Username) + " by command"
}
