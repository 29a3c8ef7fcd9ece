package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/inventory"
	"drawbridge/inventory/advice"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/sqlstore"
)

// inventoryFile is the SQLite store, in the data directory.
const inventoryFile = "inventory.db"

// How the projection goes on.
const (
	batchLines   = 10_000                 // in one transaction, at most
	batchPause   = 200 * time.Millisecond // between two passes, so that sessions that end together share a transaction
	retryFirst   = time.Second            // after a store that failed, doubling
	retryMost    = time.Minute
	refreshEvery = 30 * time.Second // of what another bridge may have set in a shared store
)

// projection keeps the store up with the journal. A session never waits for it: it reads what is written, and where the
// store cannot be reached it tries again until it can. One goroutine runs it; its other methods are safe for concurrent
// use.
type projection struct {
	journal *journal.Journal
	open    func(context.Context) (*sqlstore.Store, error)
	refresh func(context.Context, *sqlstore.Store) error // called when settings may have changed
	log     *zap.Logger
	passes  chan askedPass // asks for a pass that begins now
	tried   chan struct{}  // closed when the store was reached, or could not be for the first time

	mu    sync.Mutex
	once  sync.Once
	store *sqlstore.Store // nil: not reached yet
	err   error           // why the last pass failed, nil if it did not
}

// askedPass is a pass that somebody waits for, after what is to be done before it.
type askedPass struct {
	before func(context.Context) error // nil: nothing
	done   chan error
}

// newStoreOpener returns what opens the configuration's store.
func newStoreOpener(cfg *config.Config, path string, log *zap.Logger) (func(context.Context) (*sqlstore.Store, error), error) {
	advisor, err := advice.New()
	if err != nil {
		return nil, err
	}
	o := sqlstore.Options{SQLite: path, Advise: advisor.Judge, Log: log}
	if cfg.Inventory.Store == config.StorePostgres {
		o.SQLite, o.Postgres = "", cfg.Inventory.DSN.Reveal()
	}
	return func(ctx context.Context) (*sqlstore.Store, error) { return sqlstore.Open(ctx, o) }, nil
}

// run goes on until ctx ends; what is written then is still projected, if the store can be reached at once.
func (p *projection) run(ctx context.Context) {
	retry := retryFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	changed := p.journal.Changed()
	for {
		var asked askedPass
		select {
		case <-ctx.Done():
			p.last()
			return
		case asked = <-p.passes:
		case <-changed:
			pause(ctx, batchPause)
		case <-timer.C:
		}
		changed = p.journal.Changed() // before the pass, so that nothing is missed between
		err := p.after(ctx, asked.before)
		if asked.done != nil {
			asked.done <- err
		}
		if err != nil && ctx.Err() == nil {
			timer.Reset(retry)
			retry = min(2*retry, retryMost)
			continue
		}
		retry = retryFirst
		timer.Reset(refreshEvery)
	}
}

// after is a pass after something else.
func (p *projection) after(ctx context.Context, before func(context.Context) error) error {
	if before != nil {
		if err := before(ctx); err != nil {
			return err
		}
	}
	return p.pass(ctx)
}

// lastPass bounds what is projected when the bridge ends.
const lastPass = 10 * time.Second

func (p *projection) last() {
	ctx, cancel := context.WithTimeout(context.Background(), lastPass)
	defer cancel()
	_ = p.pass(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store != nil {
		_ = p.store.Close()
		p.store = nil
		p.err = errors.New("the bridge has ended")
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// pass opens the store where it is not, and projects all that is written.
func (p *projection) pass(ctx context.Context) error {
	err := p.project(ctx)
	if ctx.Err() != nil && err != nil {
		return err
	}
	p.mu.Lock()
	before := p.err
	p.err = err
	p.mu.Unlock()
	switch {
	case err != nil && before == nil:
		p.log.Error("the inventory's store does not take what happens: the journal keeps it, and the store catches up when it can", zap.Error(err))
	case err == nil && before != nil:
		p.log.Info("the inventory's store has caught up")
	}
	return err
}

func (p *projection) project(ctx context.Context) error {
	store, err := p.reach(ctx)
	if err != nil {
		return err
	}
	if err := p.catchUp(ctx, store); err != nil {
		return err
	}
	return p.refresh(ctx, store)
}

func (p *projection) reach(ctx context.Context) (*sqlstore.Store, error) {
	p.mu.Lock()
	store := p.store
	p.mu.Unlock()
	if store != nil {
		return store, nil
	}
	defer p.once.Do(func() { close(p.tried) })
	store, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.store = store
	p.mu.Unlock()
	return store, store.Refresh(ctx)
}

// catchUp projects from where the store is. One that has nothing of this journal begins with its snapshot, so that a store
// which was emptied, by this bridge or another one, is made anew.
func (p *projection) catchUp(ctx context.Context, store *sqlstore.Store) error {
	from, known, err := store.Position(ctx, p.journal.ID())
	if err != nil {
		return err
	}
	if !known {
		if from, err = p.begin(ctx, store); err != nil {
			return err
		}
	}
	b := newBatcher(store, from)
	end, stats, err := p.journal.ReadFrom(ctx, from, func(l *inventory.Line, raw []byte, next inventory.Position) error {
		return b.add(ctx, l, raw, next)
	})
	if errors.Is(err, journal.ErrDropped) || errors.Is(err, journal.ErrPastEnd) { // an older or newer copy was put back
		return fmt.Errorf("the store and the journal do not fit together, one of them was put back from a copy: "+
			"drawbridge inventory rebuild makes the store anew: %w", err)
	}
	if err != nil {
		return err
	}
	b.batch.Bad += stats.Bad
	if end != b.batch.From || b.lines > 0 {
		b.batch.To = end
		return b.flush(ctx)
	}
	return nil
}

// begin projects the snapshot of what was dropped from the journal, if there is one, and returns where to go on.
func (p *projection) begin(ctx context.Context, store *sqlstore.Store) (inventory.Position, error) {
	zero := inventory.Position{Journal: p.journal.ID()}
	snapshot, err := p.journal.Snapshot(ctx)
	if err != nil || snapshot == nil {
		return zero, err
	}
	defer func() { _ = snapshot.Close() }()
	fold, err := inventory.ReadSnapshot(snapshot)
	if err != nil {
		return zero, err
	}
	return snapshot.Next, store.Apply(ctx, inventory.Batch{From: zero, To: snapshot.Next, Fold: fold})
}

// foldDropped adds the lines that the journal drops to its snapshot.
func foldDropped(old io.Reader, lines journal.Lines, snapshot io.Writer) error {
	fold := inventory.NewFold()
	if old != nil {
		var err error
		if fold, err = inventory.ReadSnapshot(old); err != nil {
			return err
		}
	}
	if _, err := lines(func(l *inventory.Line) error { fold.Line(l); return nil }); err != nil {
		return err
	}
	return fold.WriteSnapshot(snapshot)
}

// batcher makes batches of lines and hands them to the store.
type batcher struct {
	store *sqlstore.Store
	batch inventory.Batch
	lines int
}

func newBatcher(store *sqlstore.Store, from inventory.Position) *batcher {
	return &batcher{store: store, batch: inventory.Batch{From: from, Fold: inventory.NewFold()}}
}

func (b *batcher) add(ctx context.Context, l *inventory.Line, raw []byte, next inventory.Position) error {
	b.batch.Fold.Line(l)
	if l.Message == inventory.MessageSession {
		b.batch.Sessions = append(b.batch.Sessions, inventory.StoredSession{ID: l.Session.ID, Device: l.Session.Device,
			StartedAt: l.Session.StartedAt, Outcome: l.Session.Outcome, Record: append([]byte(nil), raw...)})
	}
	b.batch.To = next
	if b.lines++; b.lines < batchLines {
		return nil
	}
	return b.flush(ctx)
}

func (b *batcher) flush(ctx context.Context) error {
	if err := b.store.Apply(ctx, b.batch); err != nil {
		return fmt.Errorf("project the journal: %w", err)
	}
	*b = *newBatcher(b.store, b.batch.To)
	return nil
}

// through returns when all that was written before is projected.
func (p *projection) through(ctx context.Context) error { return p.throughAfter(ctx, nil) }

// throughAfter is through after something that no pass may run beside.
func (p *projection) throughAfter(ctx context.Context, before func(context.Context) error) error {
	asked := askedPass{before, make(chan error, 1)}
	select {
	case p.passes <- asked:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-asked.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// soonTime is how long a command that reads waits until what was written before is told.
const soonTime = 2 * time.Second

// soon waits, but not for long, until all that was written before is projected: who asks after a session wants to see it.
func (p *projection) soon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, soonTime)
	defer cancel()
	_ = p.through(ctx) // reading tells what is wrong
}

// errNoStore says that the inventory cannot be read now.
var errNoStore = errors.New("the inventory's store cannot be reached; what happens meanwhile is kept in the journal")

// reader returns the store to read from. While the bridge starts it waits until the store is reached.
func (p *projection) reader(ctx context.Context) (*sqlstore.Store, error) {
	select {
	case <-p.tried:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store == nil {
		return nil, errors.Join(errNoStore, p.err)
	}
	return p.store, nil
}

// forget closes the store, so that the next pass opens it anew.
func (p *projection) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store != nil {
		_ = p.store.Close()
		p.store = nil
	}
}

// fault is why the store is behind, nil if it is not.
func (p *projection) fault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
