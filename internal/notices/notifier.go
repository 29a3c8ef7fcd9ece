package notices

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/config"
	"drawbridge/inventory"
)

// How often is looked for what is told soon, and for what is told ahead or long after.
const (
	lookEvery   = time.Minute
	seldomEvery = time.Hour
)

// Options say what a Notifier looks at and where it keeps what it told.
type Options struct {
	Path    string // of the outbox, in the data directory
	Bridge  string // the instance that messages name
	Sources Sources
	Record  func(zapcore.ObjectMarshaler) // required; called with each notice, when it is noticed: its line for the log
	Log     *zap.Logger                   // required: of channels that do not work
	Now     func() time.Time              // nil: time.Now
}

// Settings are what one configuration says of notices.
type Settings struct {
	Config   config.Notices
	Zone     *time.Location // of dates in texts
	Channels []Channel      // those of Config
}

// Notifier looks for what is worth a notice, and tells it. Use and ConfigRefused may be called by any goroutine; Run is for one.
type Notifier struct {
	o    Options
	wake chan struct{} // something waits that is to go out soon

	claims *claims

	mu       sync.Mutex
	settings Settings
	outbox   *outbox
	saved    error // why the outbox could not be written last time
	behind   time.Time
	seldom   time.Time // when was last looked for what changes slowly
}

// Open reads the outbox, or begins one: what is so already at that time is no news. One that is damaged is set aside, and told to the
// log.
func Open(o Options) (*Notifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	n := &Notifier{o: o, wake: make(chan struct{}, 1), claims: newClaims(), settings: Settings{Zone: time.UTC}}
	var damaged *damagedError
	box, err := load(o.Path)
	if errors.As(err, &damaged) {
		o.Log.Error("which notices were told is forgotten, and those that waited are lost", zap.Error(err))
		err = os.Rename(o.Path, o.Path+".damaged")
	}
	if err != nil {
		return nil, err
	}
	if box != nil {
		box.assume(o.Now())
		n.outbox = box
		return n, nil
	}
	n.outbox = newOutbox(o.Now())
	n.save() // a full disk keeps no bridge from starting
	return n, nil
}

// Use makes the settings those that hold. What waits for a channel that is no longer there is dropped; the log has it.
func (n *Notifier) Use(s Settings) {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	keys := make([]string, len(s.Channels))
	for i, c := range s.Channels {
		keys[i] = c.key
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settings = s
	if dropped := n.outbox.use(keys); dropped > 0 {
		n.o.Log.Warn("notices waited for a channel that is no longer configured: the log has them", zap.Int("notices", dropped))
	}
	n.save()
}

// ConfigRefused tells that a new configuration has faults, which why says, a line each, and that the one before holds. The same
// faults are told once in an hour.
func (n *Notifier) ConfigRefused(why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := writer{n.o.Now(), n.settings.Zone}
	n.tell(&look{writer: w, holding: []Notice{w.configRefused(why)}})
	select {
	case n.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Recorder returns what is to be told of every session: the logins that failed, which the inventory does not have under their names.
func (n *Notifier) Recorder() inventory.Recorder { return n.claims }

// Run looks and tells every minute, until ctx ends. A message that is under way then is given up: where the other end certainly does
// not have it, it waits for the next run.
func (n *Notifier) Run(ctx context.Context) error {
	for tick := time.Tick(lookEvery); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
			n.Look(ctx)
		case <-n.wake:
		}
		n.Send(ctx)
	}
}

// Look looks once, and has what is news wait for the channels.
func (n *Notifier) Look(ctx context.Context) {
	now := n.o.Now()
	n.mu.Lock()
	l := &look{writer: writer{now, n.settings.Zone}, since: n.outbox.Since, claims: n.claims}
	quietAfter, ahead, seldom := n.settings.Config.QuietAfter, n.settings.Config.Ahead, now.Sub(n.seldom) >= seldomEvery
	n.behindSince(now)
	behind := n.behind
	n.mu.Unlock()

	l.often(ctx, &n.o.Sources, behind)
	if seldom {
		l.seldom(ctx, &n.o.Sources, quietAfter, ahead)
	}
	if ctx.Err() != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.err != nil { // of the store it is told by a notice of its own
		n.o.Log.Debug("not all that there are notices of could be looked for", zap.Error(l.err))
	} else if seldom {
		n.seldom = now
	}
	n.tell(l)
}

// behindSince notes since when the store is behind.
func (n *Notifier) behindSince(now time.Time) {
	switch {
	case n.o.Sources.Behind == nil || n.o.Sources.Behind() == nil:
		n.behind = time.Time{}
	case n.behind.IsZero():
		n.behind = now
	}
}

// tell takes what a look has found. The outbox is written before anything is said, so that a crash says nothing twice; where it cannot
// be written it is said all the same: that a disk is full is worth a notice.
func (n *Notifier) tell(l *look) {
	before := len(n.outbox.Told)
	news, lost := n.outbox.note(l.now, l.looked, l.holding)
	if len(news) == 0 && len(n.outbox.Told) == before {
		return // that some are still so need not be on disk
	}
	n.outbox.put(news, n.settings.Config.On)
	n.save()
	for i := range news {
		n.o.Record(line{n.o.Bridge, &news[i]})
	}
	if lost > 0 {
		n.o.Log.Warn("more is new than there are notices for, the rest is not told one by one", zap.Int("left_out", lost))
	}
}

// save writes the outbox, and tells once that it cannot.
func (n *Notifier) save() {
	err := n.outbox.save(n.o.Path)
	if err != nil && n.saved == nil {
		n.o.Log.Error("notices may be told again after a restart: see the data directory's free space and permissions", zap.Error(err))
	}
	n.saved = err
}

// Send sends each channel what is due, to all of them at once, and returns when they have answered or their time is over.
func (n *Notifier) Send(ctx context.Context) {
	now := n.o.Now()
	var sending sync.WaitGroup
	for c, m := range n.due(now) {
		sending.Go(func() { n.sendOne(ctx, c, m) })
	}
	sending.Wait()
}

// due takes what is due out of the outbox, on disk too: from here on a message is told at most once.
func (n *Notifier) due(now time.Time) map[*Channel]*Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make(map[*Channel]*Message)
	for i := range n.settings.Channels {
		c := &n.settings.Channels[i]
		w := n.outbox.Channels[c.key]
		if w == nil || !w.due(now, n.settings.Config.Every) {
			continue
		}
		m := &Message{ID: rand.Text(), Bridge: n.o.Bridge, Time: now.UTC().Truncate(time.Second)}
		m.Notices, m.LeftOut = w.take()
		out[c] = m
	}
	if len(out) > 0 {
		n.save()
	}
	return out
}

// sendOne sends one message, and has it wait again where the channel certainly did not take it.
func (n *Notifier) sendOne(ctx context.Context, c *Channel, m *Message) {
	err := c.Send(ctx, m)
	now := n.o.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.outbox.Channels[c.key]
	if w == nil {
		return // another configuration has no such channel
	}
	var f *Fault
	if err == nil || errors.As(err, &f) && f.Uncertain {
		w.sent(now)
	} else {
		w.putBack(m, now, after(f))
	}
	n.save()
	n.report(ctx, c, w, err)
}

func after(f *Fault) time.Duration {
	if f == nil {
		return 0
	}
	return f.After
}

// report tells the log of a channel that did not take a message.
func (n *Notifier) report(ctx context.Context, c *Channel, w *waitline, err error) {
	var f *Fault
	switch {
	case err == nil || ctx.Err() != nil: // when the bridge ends nothing is wrong with the channel
	case errors.As(err, &f) && f.Uncertain:
		n.o.Log.Warn("notices were sent and perhaps not taken, the log has them: they are not sent again", zap.String("channel", c.Name),
			zap.Error(err))
	default:
		n.o.Log.Warn("notices were not taken, they are sent again later", zap.String("channel", c.Name), zap.Error(err),
			zap.Int("waiting", w.count()), zap.Time("next", w.Next))
	}
}

// Result is what one channel made of a test.
type Result struct {
	Channel string `json:"channel"`
	Taken   bool   `json:"taken"`
	Problem string `json:"problem,omitempty"`
	Mend    string `json:"mend,omitempty"`
}

// Test sends a test by each channel, to all of them at once, and returns what became of it, in their order.
func Test(ctx context.Context, channels []Channel, bridge string, now time.Time) []Result {
	results := make([]Result, len(channels))
	var sending sync.WaitGroup
	for i := range channels {
		sending.Go(func() { results[i] = channels[i].test(ctx, TestMessage(rand.Text(), bridge, now)) })
	}
	sending.Wait()
	return results
}

func (c *Channel) test(ctx context.Context, m *Message) Result {
	r := Result{Channel: c.Name}
	err := c.Send(ctx, m)
	var f *Fault
	switch {
	case err == nil:
		r.Taken = true
	case errors.As(err, &f):
		r.Problem, r.Mend = f.Problem, f.Mend
	default:
		r.Problem = fmt.Sprint(err)
	}
	return r
}
