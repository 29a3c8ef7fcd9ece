package proxy

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// TurnOptions are the limits of one upstream. 0 switches each off.
type TurnOptions struct {
	Upstream           string
	SessionsPerMailbox int
	DialsPerSecond     int           // with a burst of one second
	Queue              time.Duration // how long a login waits for its turn in all; 0: as long as its context lasts
	// Shared tells which sources stand for many devices: their accounts take turns, not they. It may be nil.
	Shared func(netip.Addr) bool
}

// Turns bounds the sessions per mailbox and the dials of one upstream. Sources take turns, and pairs without a verified
// login share a quarter of each limit, so that strangers cannot starve known devices. It is safe for concurrent use.
type Turns struct {
	o     TurnOptions
	dials *dials // nil: no limit

	mu        sync.Mutex
	mailboxes map[string]*mailbox // those with a session, or with one that waits
	paused    *table[string, time.Time]
}

// mailbox are the sessions of one mailbox.
type mailbox struct {
	name      string
	sessions  int
	strangers int // of the sessions
	waiting   waiting
}

// waiting are those who wait for one thing: known pairs go first.
type waiting struct{ known, strangers queue }

func (w *waiting) of(known bool) *queue {
	if known {
		return &w.known
	}
	return &w.strangers
}

func (w *waiting) empty() bool { return w.known.empty() && w.strangers.empty() }

// NewTurns returns the limits of one upstream.
func NewTurns(o TurnOptions) *Turns {
	if o.Shared == nil {
		o.Shared = func(netip.Addr) bool { return false }
	}
	t := &Turns{o: o, mailboxes: make(map[string]*mailbox), paused: newTable[string, time.Time](maxPauses)}
	if o.DialsPerSecond > 0 {
		t.dials = newDials(o.DialsPerSecond)
	}
	return t
}

// quarter is what strangers share of a limit: a quarter, rounded up.
func quarter(n int) int { return (n + 3) / 4 }

// Turn is one session's place upstream. It is for one goroutine.
type Turn struct {
	turns   *Turns
	key     queueKey
	known   bool
	until   time.Time // when the time to wait is over; zero: never
	mailbox *mailbox  // nil: not counted, or left
}

// Enter waits until one more session of mailbox may begin; known says that the pair had a verified login lately. The
// caller ends the Turn by Leave. The error is a *Refusal, TooManySessions, after Queue, and ctx's when that ends first.
func (t *Turns) Enter(ctx context.Context, source netip.Addr, name string, known bool) (*Turn, error) {
	turn := &Turn{turns: t, key: queueKey{source: KeyOf(source)}, known: known}
	name = foldAccount(name)
	if err := t.pausedUntil(name); err != nil {
		return nil, err
	}
	if t.o.Shared(source) {
		turn.key.account = name
	}
	if t.o.Queue > 0 {
		turn.until = time.Now().Add(t.o.Queue)
	}
	if t.o.SessionsPerMailbox <= 0 {
		return turn, nil
	}
	if err := turn.enter(ctx, name); err != nil {
		return nil, err
	}
	return turn, nil
}

func (t *Turn) enter(ctx context.Context, name string) error {
	m, w := t.turns.line(name, t)
	err := w.wait(ctx, t.until)
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if err == nil || w.isGranted() {
		t.mailbox = m
		return nil
	}
	m.waiting.of(t.known).remove(w)
	t.turns.settle(m)
	if errors.Is(err, errQueued) {
		return t.turns.tooManySessions(t.known)
	}
	return err
}

// line lets a turn wait for a mailbox, and gives it its turn at once where it can.
func (t *Turns) line(name string, turn *Turn) (*mailbox, *queued) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.mailboxes[name]
	if m == nil {
		m = &mailbox{name: name}
		t.mailboxes[name] = m
	}
	w := m.waiting.of(turn.known).push(turn.key)
	t.settle(m)
	return m, w
}

// settle gives turns to those who wait for m, and forgets m when nobody needs it.
func (t *Turns) settle(m *mailbox) {
	for m.sessions < t.o.SessionsPerMailbox {
		if _, ok := m.waiting.known.grant(nil); ok {
			m.sessions++
			continue
		}
		if m.strangers >= quarter(t.o.SessionsPerMailbox) {
			break
		}
		if _, ok := m.waiting.strangers.grant(nil); !ok {
			break
		}
		m.sessions++
		m.strangers++
	}
	if m.sessions == 0 && m.waiting.empty() {
		delete(t.mailboxes, m.name)
	}
}

func (t *Turns) tooManySessions(known bool) *Refusal {
	n, name := t.o.SessionsPerMailbox, t.o.Upstream
	if known {
		return Refuse(TooManySessions, "the mailbox has %d sessions and none ended within %s (upstreams.%s.limits.sessions_per_mailbox: %d): "+
			"let devices end theirs, or raise the limit", n, span(t.o.Queue), name, n)
	}
	return Refuse(TooManySessions, "the mailbox has %d sessions, or %d of devices without a verified login in 30 days, and none ended within %s "+
		"(upstreams.%s.limits.sessions_per_mailbox: %d, such devices share a quarter)", n, quarter(n), span(t.o.Queue), name, n)
}

// Promote makes the session a known one: its login was verified.
func (t *Turn) Promote() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if t.known {
		return
	}
	t.known = true
	if t.mailbox != nil {
		t.mailbox.strangers--
		t.turns.settle(t.mailbox)
	}
}

// Leave gives the place to another session. Calling it again changes nothing.
func (t *Turn) Leave() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	m := t.mailbox
	if m == nil {
		return
	}
	t.mailbox = nil
	m.sessions--
	if !t.known {
		m.strangers--
	}
	t.turns.settle(m)
}

// Dial waits until the session may connect to the upstream, as long as Enter has left of Queue. The error is a *Refusal,
// Unavailable, after that, and ctx's when that ends first.
func (t *Turn) Dial(ctx context.Context) error {
	o := &t.turns.o
	if t.turns.dials == nil {
		return nil
	}
	err := t.turns.dials.wait(ctx, t.key, t.known, t.until)
	if errors.Is(err, errQueued) {
		return Refuse(Unavailable, "more devices want to log in than the upstream may be dialled for, and the turn did not come within %s "+
			"(upstreams.%s.limits.dials_per_second: %d): raise the limit, or find out who connects so often",
			span(o.Queue), o.Upstream, o.DialsPerSecond)
	}
	return err
}
