package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// How many checks may wait for their turn, and how many of them of one source.
const (
	maxWaiting     = 10_000
	maxWaitingEach = 1_000
)

// turnKey is who takes turns: a source, or one login of a source that stands for many devices. Each has one check at a time,
// and its own are served in order of arrival: a storm from one delays another by one check only.
type turnKey struct {
	source source.Key
	login  string
}

func newTurns(parallel int) *fairqueue.Slots[turnKey] {
	return fairqueue.NewSlots[turnKey](fairqueue.Bounds{All: parallel, Each: 1, MaxWaiting: maxWaiting, MaxWaitEach: maxWaitingEach})
}

// enter waits for the turn of a check, which the caller ends by leave, once. The error is a *login.Refusal, Unavailable, where
// too many wait, else ctx's.
func (c *Checker) enter(ctx context.Context, from netip.Addr, name string) (leave func(), err error) {
	k := turnKey{source: source.KeyOf(from)}
	if c.shared(from) {
		// The name as typed, known or not: else waiting would tell which names there are.
		k.login = fold(name[:min(len(name), MaxLogin)])
	}
	err = c.turns.Acquire(ctx, k)
	if errors.Is(err, fairqueue.ErrFull) {
		_, _, waiting := c.turns.Count()
		return nil, login.Refuse(login.Unavailable, "%d logins wait for their passwords to be checked (at most %d, %d of one source): "+
			"find out who logs in so often", waiting, maxWaiting, maxWaitingEach)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the turn of a password check: %w", err)
	}
	return func() { c.turns.Release(k) }, nil
}
