package limits

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"sync"
	"time"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/lru"
	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// TurnOptions are the limits of one upstream. 0 switches each off.
type TurnOptions struct {
	Upstream           string
	SessionsPerMailbox int
	DialsPerSecond     int           // with a burst of one second
	Queue              time.Duration // how long a login waits for its turn in all; 0: as long as its context lasts
	// Standing tells what a source counts as; nil: nothing is known of any. Where it stands for many devices its accounts
	// take turns, not it.
	Standing func(netip.Addr) source.Standing
}

// Turns bounds the sessions per mailbox and the dials of one upstream. Sources take turns, and pairs without a verified
// login share a quarter of each limit, so that strangers cannot starve known devices. It is safe for concurrent use.
type Turns struct {
	dials dials

	mu        sync.Mutex
	o         TurnOptions
	mailboxes map[string]*mailbox // those with a session, or with one that waits
	paused    *lru.Table[string, time.Time]
}

// turnKey is who takes turns: a source, or one account of a source that stands for many devices.
type turnKey struct {
	source  source.Key
	account string
}

// mailbox are the sessions of one mailbox.
type mailbox struct {
	name      string
	sessions  int
	strangers int // of the sessions
	waiting   waiting
}

// waiting are those who wait for one thing: known pairs go first.
type waiting struct{ known, strangers fairqueue.Queue[turnKey] }

func (w *waiting) of(known bool) *fairqueue.Queue[turnKey] {
	if known {
		return &w.known
	}
	return &w.strangers
}

func (w *waiting) empty() bool { return w.known.Empty() && w.strangers.Empty() }

// NewTurns returns the limits of one upstream.
func NewTurns(o TurnOptions) *Turns {
	if o.Standing == nil {
		o.Standing = source.Unknown
	}
	t := &Turns{o: o, mailboxes: make(map[string]*mailbox), paused: lru.New[string, time.Time](maxPauses, nil)}
	t.dials.setBound(o.DialsPerSecond)
	return t
}

// SetBounds changes the limits to those of o, whose Upstream and Standing are not looked at. Who has a turn keeps it.
func (t *Turns) SetBounds(o TurnOptions) {
	t.dials.setBound(o.DialsPerSecond)
	t.mu.Lock()
	defer t.mu.Unlock()
	o.Upstream, o.Standing = t.o.Upstream, t.o.Standing
	t.o = o
	for _, m := range t.mailboxes {
		t.settle(m)
	}
}

// options are the limits as they are now.
func (t *Turns) options() TurnOptions {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.o
}

// quarter is what strangers share of a limit: a quarter, rounded up.
func quarter(n int) int { return (n + 3) / 4 }

// Turn is one session's place upstream. It is for one goroutine.
type Turn struct {
	turns   *Turns
	key     turnKey
	known   bool
	until   time.Time // when the time to wait is over; zero: never
	mailbox *mailbox  // nil: not counted, or left
}

// Enter waits until one more session of mailbox may begin; known says that the pair had a verified login lately. The
// caller ends the Turn by Leave. The error is a *Refusal, TooManySessions, after Queue, and ctx's when that ends first.
func (t *Turns) Enter(ctx context.Context, from netip.Addr, name string, known bool) (*Turn, error) {
	o := t.options()
	as := o.Standing(from)
	turn := &Turn{turns: t, key: turnKey{source: as.Key}, known: known}
	name = login.AccountKey(name)
	if err := t.pausedUntil(name); err != nil {
		return nil, err
	}
	if as.Shared {
		turn.key.account = name
	}
	if o.Queue > 0 {
		turn.until = time.Now().Add(o.Queue)
	}
	if o.SessionsPerMailbox <= 0 {
		return turn, nil
	}
	if err := turn.enter(ctx, name); err != nil {
		return nil, err
	}
	return turn, nil
}

func (t *Turn) enter(ctx context.Context, name string) error {
	m, w := t.turns.line(name, t)
	err := w.Wait(ctx, t.until)
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if err == nil || w.Granted() {
		t.mailbox = m
		return nil
	}
	m.waiting.of(t.known).Remove(w)
	t.turns.settle(m)
	if errors.Is(err, fairqueue.ErrTooLate) {
		return t.turns.tooManySessions(t.known)
	}
	return err
}

// line lets a turn wait for a mailbox, and gives it its turn at once where it can.
func (t *Turns) line(name string, turn *Turn) (*mailbox, *fairqueue.Waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.mailboxes[name]
	if m == nil {
		m = &mailbox{name: name}
		t.mailboxes[name] = m
	}
	w := m.waiting.of(turn.known).Push(turn.key)
	t.settle(m)
	return m, w
}

// settle gives turns to those who wait for m, and forgets m when nobody needs it.
func (t *Turns) settle(m *mailbox) {
	most := t.o.SessionsPerMailbox
	if most <= 0 { // switched off while sessions were counted
		most = math.MaxInt32
	}
	for m.sessions < most {
		if _, ok := m.waiting.known.Grant(nil); ok {
			m.sessions++
			continue
		}
		if m.strangers >= quarter(most) {
			break
		}
		if _, ok := m.waiting.strangers.Grant(nil); !ok {
			break
		}
		m.sessions++
		m.strangers++
	}
	if m.sessions == 0 && m.waiting.empty() {
		delete(t.mailboxes, m.name)
	}
}

func (t *Turns) tooManySessions(known bool) *login.Refusal {
	n, name := t.o.SessionsPerMailbox, t.o.Upstream
	if known {
		return login.Refuse(login.TooManySessions, "the mailbox has %d sessions and none ended within %s "+
			"(upstreams.%s.limits.sessions_per_mailbox: %d): "+
			"let devices end theirs, or raise the limit", n, login.Span(t.o.Queue), name, n)
	}
	return login.Refuse(login.TooManySessions, "the mailbox has %d sessions, or %d of devices without a verified login in 30 days, and none "+
		"ended within %s "+
		"(upstreams.%s.limits.sessions_per_mailbox: %d, such devices share a quarter): let devices end theirs, or raise "+
		"the limit", n, quarter(n), login.Span(t.o.Queue), name, n)
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
	err := t.turns.dials.wait(ctx, t.key, t.known, t.until)
	if errors.Is(err, fairqueue.ErrTooLate) {
		o := t.turns.options()
		return login.Refuse(login.Unavailable, "more devices want to log in than the upstream may be dialled for, and the turn did not "+
			"come within %s "+
			"(upstreams.%s.limits.dials_per_second: %d): raise the limit, or find out who connects so often",
			login.Span(o.Queue), o.Upstream, o.DialsPerSecond)
	}
	return err
}
