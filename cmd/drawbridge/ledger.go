package main

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/sqlstore"
)

// journalFolder is where the journal is, in the data directory.
const journalFolder = "journal"

// ledger is the inventory of one data directory: the journal, which is the truth, the store that is made from it, and what
// people set, which a login must know without either. It is an inventory.Reader and an inventory.Editor, safe for
// concurrent use. The caller holds the directory's lock.
type ledger struct {
	*projection
	cfg    *config.Config
	file   string // of a SQLite store
	stages *setStages
	log    *zap.Logger
	record func(inventory.Change) // writes a change to the log too

	edits sync.Mutex // one change of several lines at a time
}

// openLedger opens the journal of a data directory. The store is opened by run, or by through while that runs.
func openLedger(cfg *config.Config, dataDir string, of inventory.Instance, stages *setStages, log *zap.Logger) (*ledger, error) {
	file := filepath.Join(dataDir, inventoryFile)
	open, err := newStoreOpener(cfg, file, log)
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(filepath.Join(dataDir, journalFolder), journal.Options{
		Instance: of, Sync: cfg.Inventory.Journal.Sync, Rotate: cfg.Inventory.Journal.Rotate,
	})
	if err != nil {
		return nil, err
	}
	l := &ledger{cfg: cfg, file: file, stages: stages, log: log, record: func(inventory.Change) {}}
	l.projection = &projection{journal: j, open: open, log: log, passes: make(chan askedPass), tried: make(chan struct{}), refresh: l.takeStages}
	return l, nil
}

// takeStages hands on what people set, where it changed.
func (l *ledger) takeStages(ctx context.Context, store *sqlstore.Store) error {
	settings, err := store.Settings(ctx)
	if err != nil {
		return err
	}
	return l.stages.replace(settings)
}

// tidyEvery is how often what need not be kept any longer is let go.
const tidyEvery = time.Hour

// tidy lets go of what is older than inventory.keep, until ctx ends. First it lets the bridge start in peace.
func (l *ledger) tidy(ctx context.Context) {
	for {
		pause(ctx, tidyEvery)
		if ctx.Err() != nil {
			return
		}
		if err := l.drop(ctx, time.Now()); err != nil && ctx.Err() == nil {
			l.log.Error("the inventory keeps more than inventory.keep says", zap.Error(err))
		}
	}
}

// drop lets go of sessions and days that are older than inventory.keep says. The journal keeps what the store has not
// read yet, and the fold of what it drops.
func (l *ledger) drop(ctx context.Context, now time.Time) error {
	store, err := l.reader(ctx)
	if err != nil {
		return err
	}
	keep := l.cfg.Inventory.Keep
	if err := store.Prune(ctx, now.Add(-keep.Sessions), now.Add(-keep.Days)); err != nil {
		return err
	}
	passed, known, err := store.Position(ctx, l.journal.ID())
	if err != nil || !known {
		return err
	}
	_, err = l.journal.Drop(ctx, now.Add(-keep.Sessions), passed, foldDropped)
	return err
}

// Close ends the journal: everything is written when it returns.
func (l *ledger) Close() error { return l.journal.Close() }
