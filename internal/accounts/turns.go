package accounts

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// How many checks may wait for their turn, and how many of them of one source.
const (
	maxWaiting     = 10_000
	maxWaitingEach = 1_000
)

// turns bounds the checks at once. Sources take turns, each has one check at a time, and its own are served in order of
// arrival: a storm from one delays another by one check only. It holds nothing of those who left.
type turns struct {
	mu      sync.Mutex
	free    int // checks that may still begin
	waiting int
	lines   map[turnKey]*line
	next    list.List // of *line: those with a waiter and without a check under way
}

// turnKey is who takes turns: a source, or one login of a source that stands for many devices.
type turnKey struct {
	source source.Key
	login  string
}

type line struct {
	key     turnKey
	busy    bool      // a check is under way
	waiters list.List // of chan struct{}, closed when the turn has come
	place   *list.Element
}

func newTurns(parallel int) *turns {
	return &turns{free: parallel, lines: make(map[turnKey]*line)}
}

// enter waits for a turn, which the caller ends by leave, once. The error is a *login.Refusal, Unavailable, where too many
// wait, else ctx's.
func (t *turns) enter(ctx context.Context, k turnKey) (leave func(), err error) {
	l, w, err := t.queueUp(k)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.Value.(chan struct{}):
		return func() { t.leave(l) }, nil
	case <-ctx.Done():
		t.giveUp(l, w)
		return nil, fmt.Errorf("wait for the turn of a password check: %w", ctx.Err())
	}
}

func (t *turns) queueUp(k turnKey) (*line, *list.Element, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[k]
	if t.waiting >= maxWaiting || l != nil && l.waiters.Len() >= maxWaitingEach {
		return nil, nil, login.Refuse(login.Unavailable, "%d logins wait for their passwords to be checked (at most %d, %d of one source): "+
			"find out who logs in so often", t.waiting, maxWaiting, maxWaitingEach)
	}
	if l == nil {
		l = &line{key: k}
		t.lines[k] = l
	}
	w := l.waiters.PushBack(make(chan struct{}))
	t.waiting++
	t.settle(l)
	return l, w, nil
}

func (t *turns) leave(l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.busy = false
	t.free++
	t.settle(l)
}

// giveUp takes w out of its line, or gives the turn back that has come meanwhile.
func (t *turns) giveUp(l *line, w *list.Element) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.Value.(chan struct{}):
		l.busy = false
		t.free++
	default:
		l.waiters.Remove(w)
		t.waiting--
	}
	t.settle(l)
}

// settle puts l where it belongs after a change, and begins the checks that may.
func (t *turns) settle(l *line) {
	ready := !l.busy && l.waiters.Len() > 0
	switch {
	case ready && l.place == nil:
		l.place = t.next.PushBack(l)
	case !ready && l.place != nil:
		t.next.Remove(l.place)
		l.place = nil
	}
	if !l.busy && l.waiters.Len() == 0 {
		delete(t.lines, l.key)
	}
	for t.free > 0 && t.next.Len() > 0 {
		t.begin(t.next.Remove(t.next.Front()).(*line))
	}
}

// begin gives the turn to the first in a line.
func (t *turns) begin(l *line) {
	l.place, l.busy = nil, true
	t.free--
	t.waiting--
	close(l.waiters.Remove(l.waiters.Front()).(chan struct{}))
}
