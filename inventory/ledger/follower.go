package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"drawbridge/inventory/journal"
	"drawbridge/inventory/sqlstore"
)

// How a follower goes on.
const (
	batchPause   = 200 * time.Millisecond // between two passes, so that sessions that end together share a transaction
	retryFirst   = time.Second            // after a store that failed, doubling
	retryMost    = 30 * time.Second
	refreshEvery = 30 * time.Second // of what another bridge may have set in a shared store
	lastPass     = 10 * time.Second // for what is taken when the bridge ends
	soonTime     = 2 * time.Second  // for what a command that reads waits for
)

// follower keeps the store up with the journal. A session never waits for it: it reads what is written, and where the
// store cannot be reached it tries again until it can. One goroutine follows; the other methods are safe for concurrent
// use.
type follower struct {
	journal *journal.Journal
	options sqlstore.Options

	keepSessions, keepDays time.Duration

	plans  *plans // told what the store says is set
	log    *zap.Logger
	passes chan askedPass // asks for a pass that begins now
	tried  chan struct{}  // closed when the store was reached, or could not be for the first time

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

// follow goes on until ctx ends; what is written then is still taken, if the store can be reached at once.
func (f *follower) follow(ctx context.Context) {
	retry := retryFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	changed := f.journal.Changed()
	for {
		var asked askedPass
		select {
		case <-ctx.Done():
			f.last()
			return
		case asked = <-f.passes:
		case <-changed:
			pause(ctx, batchPause)
		case <-timer.C:
		}
		changed = f.journal.Changed() // before the pass, so that nothing is missed between
		err := f.pass(ctx, asked.before)
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

func (f *follower) last() {
	ctx, cancel := context.WithTimeout(context.Background(), lastPass)
	defer cancel()
	_ = f.pass(ctx, nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != nil {
		_ = f.store.Close()
		f.store = nil
		f.err = errors.New("the bridge has ended")
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

// pass gives the store all that is written, after something else where before is not nil.
func (f *follower) pass(ctx context.Context, before func(context.Context) error) error {
	if before != nil {
		if err := before(ctx); err != nil {
			return err
		}
	}
	err := f.take(ctx)
	if ctx.Err() != nil && err != nil {
		return err
	}
	f.mu.Lock()
	was := f.err
	f.err = err
	f.mu.Unlock()
	switch {
	case err != nil && was == nil:
		f.log.Error("the inventory's store does not take what happens: the journal keeps it, and the store catches up when it can",
			zap.Error(err))
	case err == nil && was != nil:
		f.log.Info("the inventory's store has caught up")
	}
	return err
}

// take has the store take all that is written. One that is damaged is set aside, and the one in its place takes it.
func (f *follower) take(ctx context.Context) error {
	var err error
	if !f.damaged(nil) {
		err = f.takeOnce(ctx)
	}
	if !f.damaged(err) {
		return err
	}
	if err == nil {
		err = sqlstore.ErrDamaged
	}
	if err := f.setAside(err); err != nil {
		return err
	}
	return f.takeOnce(ctx)
}

// takeOnce opens the store where it is not, feeds it, and takes over what it says is set.
func (f *follower) takeOnce(ctx context.Context) error {
	store, err := f.reach(ctx)
	if err != nil {
		return err
	}
	if err := f.feed(ctx, store); err != nil {
		return err
	}
	settings, err := store.Settings(ctx)
	if err != nil {
		return err
	}
	return f.plans.replace(settings)
}

func (f *follower) reach(ctx context.Context) (*sqlstore.Store, error) {
	f.mu.Lock()
	store := f.store
	f.mu.Unlock()
	if store != nil {
		return store, nil
	}
	defer f.once.Do(func() { close(f.tried) })
	store, err := sqlstore.Open(ctx, f.options)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.store = store
	f.mu.Unlock()
	return store, store.Refresh(ctx)
}

// prune lets go of what is too old in the store.
func (f *follower) prune(ctx context.Context, store *sqlstore.Store, now time.Time) error {
	return store.Prune(ctx, now.Add(-f.keepSessions), now.Add(-f.keepDays))
}

// CatchUp returns when the store has all that was written before, or could not take it. It needs Start.
func (f *follower) CatchUp(ctx context.Context) error { return f.catchUpAfter(ctx, nil) }

// catchUpAfter is CatchUp after something that no pass may run beside.
func (f *follower) catchUpAfter(ctx context.Context, before func(context.Context) error) error {
	asked := askedPass{before, make(chan error, 1)}
	select {
	case f.passes <- asked:
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

// CatchUpSoon is CatchUp for 2 s at most: who asks after a session wants to see it.
func (f *follower) CatchUpSoon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, soonTime)
	defer cancel()
	_ = f.CatchUp(ctx) // reading tells what is wrong
}

// errNoStore says that the inventory cannot be read now.
var errNoStore = errors.New("the inventory's store cannot be reached; what happens meanwhile is kept in the journal")

// reader returns the store to read from. While the bridge starts it waits until the store is reached.
func (f *follower) reader(ctx context.Context) (*sqlstore.Store, error) {
	select {
	case <-f.tried:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store == nil {
		return nil, errors.Join(errNoStore, f.err)
	}
	return f.store, nil
}

// forget closes the store, so that the next pass opens it anew.
func (f *follower) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != nil {
		_ = f.store.Close()
		f.store = nil
	}
}

// Behind is why the store is behind the journal, nil if it is not.
func (f *follower) Behind() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
