package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/config"
	"drawbridge/internal/control"
)

// How long a command waits for a bridge that starts, or for another command.
const (
	busyTime  = 5 * time.Second
	busyEvery = 50 * time.Millisecond
)

// withAccounts calls do with who changes the accounts: the running bridge, or, where none holds the data directory, this
// command under its lock. What it makes belongs to the directory's owner.
func withAccounts(ctx context.Context, cfg *config.Config, do func(control.Accounts) error) error {
	return whileBusy(ctx, cfg, func() error { return changeAccounts(cfg, do) })
}

// whileBusy tries again while another command holds the data directory.
func whileBusy(ctx context.Context, cfg *config.Config, try func() error) error {
	deadline := time.NewTimer(busyTime)
	defer deadline.Stop()
	tick := time.NewTicker(busyEvery)
	defer tick.Stop()
	for {
		err := try()
		busy := (*control.NoBridge)(nil)
		if !errors.As(err, &busy) {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("another drawbridge has the data directory %s and does not answer (%w): wait until it is through, or stop it", cfg.DataDir, busy.Unwrap())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func changeAccounts(cfg *config.Config, do func(control.Accounts) error) error {
	d, err := openDataDir(cfg.DataDir)
	if errors.Is(err, errLocked) {
		return do(control.RemoteAccounts{Dir: cfg.DataDir})
	}
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	err = do(localAccounts{newKeeper(cfg), cfg})
	return errors.Join(err, keepOwners(d.path, lockFile, accountsFolder, tokensFolder, tokenKeyFile))
}
