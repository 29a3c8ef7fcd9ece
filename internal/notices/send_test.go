package notices_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/config"
	"drawbridge/internal/notices"
)

// come has devices come for the first time, at the world's time.
func (w *world) come(names ...string) {
	for _, name := range names {
		w.devices = append(w.devices, device("10.0.0.1/"+name, w.now, w.now))
	}
}

func TestSend_OneMessageInAWhileWithAllThatCameUp(t *testing.T) {
	w := newWorld(t)
	r := &receiver{}
	n := w.open(notices.FakeChannel("r", r.send))
	w.now = w.now.Add(time.Second)
	w.come("a", "b")
	w.pass(n, time.Minute)
	for i := range 14 {
		w.come(fmt.Sprintf("c%d", i))
		w.pass(n, time.Minute)
	}
	if len(r.taken) != 1 || len(r.taken[0].Notices) != 2 {
		t.Fatalf("after 14 minutes: %d messages, want the first", len(r.taken))
	}
	w.pass(n, time.Minute)
	w.pass(n, time.Hour)
	if len(r.taken) != 2 || len(r.taken[1].Notices) != 14 {
		t.Fatalf("after 15 minutes: %d messages, want 2, the second with 14 notices", len(r.taken))
	}
	if r.taken[0].ID == r.taken[1].ID || r.taken[0].Bridge != "bridge-1" {
		t.Errorf("messages %+v", r.taken)
	}
}

func TestSend_OnlyTheEventsThatAreAskedFor(t *testing.T) {
	w := newWorld(t)
	r := &receiver{}
	s := settings(notices.FakeChannel("r", r.send))
	s.Config.On = []string{config.NoticeUpstreamDown}
	n := w.openWith(s)
	w.now = w.now.Add(time.Second)
	w.come("a")
	w.down = []notices.Down{{Upstream: "online", Since: noon}}
	w.pass(n, time.Minute)
	if len(r.taken) != 1 || len(r.taken[0].Notices) != 1 || r.taken[0].Notices[0].Event != config.NoticeUpstreamDown {
		t.Errorf("taken %+v", r.taken)
	}
	w.wantLog("the log has all", "device_new 10.0.0.1/a", "upstream_down online")
}

// TestRun_DownForAnHour: in a bubble whose time is not ours, a channel is down for an hour; it is tried at growing distances, and
// then has each notice once. The other one is not held up.
func TestRun_DownForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()
		down, up := &receiver{fault: errDown, now: time.Now}, &receiver{}
		n, err := notices.Open(notices.Options{Path: w.path, Bridge: "bridge-1", Record: func(zapcore.ObjectMarshaler) {}, Log: w.log,
			Sources: notices.Sources{Down: func(now time.Time) []notices.Down { // another upstream every 10 minutes
				return []notices.Down{{Upstream: fmt.Sprintf("u%d", int(now.Sub(began)/(10*time.Minute))), Since: began}}
			}}})
		if err != nil {
			t.Fatal(err)
		}
		n.Use(settings(notices.FakeChannel("down", down.send), notices.FakeChannel("up", up.send)))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- n.Run(ctx) }()
		time.Sleep(time.Hour + 30*time.Second)
		down.mu.Lock()
		down.fault = nil
		down.mu.Unlock()
		time.Sleep(2 * time.Hour)
		n.ConfigRefused("a fault")
		time.Sleep(16 * time.Minute)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
		wantDoubling(t, down.tries[:7])
		wantEachOnce(t, down)
		wantEachOnce(t, up)
	})
}

func wantDoubling(t *testing.T, tries []time.Time) {
	t.Helper()
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32} {
		if got := tries[i+1].Sub(tries[i]); got != want*time.Minute {
			t.Errorf("after failure %d it was tried again after %s, want %d minutes", i+1, got, want)
		}
	}
}

// wantEachOnce wants three hours of upstreams that are down, and a configuration.
func wantEachOnce(t *testing.T, r *receiver) {
	t.Helper()
	ids := r.ids()
	for i := range 19 {
		if n := ids[fmt.Sprintf("upstream_down u%d", i)]; n != 1 {
			t.Errorf("u%d was told %d times", i, n)
		}
	}
	refused := func(id string) bool { return strings.HasPrefix(id, config.NoticeConfigRefused) }
	if !slices.ContainsFunc(slices.Collect(maps.Keys(ids)), refused) {
		t.Errorf("the configuration was not told of: %v", ids)
	}
}

// crash is a bridge that dies at one moment, and goes on with its outbox as it was on disk then.
type crash struct {
	*world
	moment string
	fault  error          // what the channel says before the crash
	disk   []byte         // the outbox at that moment; nil before it
	taken  map[string]int // by id, what the channel took before the crash and after
}

// at lets a moment pass, and reports whether the bridge is dead.
func (c *crash) at(moment string) bool {
	if moment == c.moment {
		var err error
		if c.disk, err = os.ReadFile(c.path); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.disk != nil
}

func (c *crash) send(_ context.Context, m *notices.Message) error {
	if c.at("while sending") || c.fault != nil {
		return c.fault
	}
	for _, n := range m.Notices {
		c.taken[n.ID]++
	}
	c.at("taken, before the answer")
	return nil
}

// run notices two devices until the crash, and goes on for hours after it.
func (c *crash) run() {
	n := c.open(notices.FakeChannel("r", c.send))
	c.now = c.now.Add(time.Second)
	c.come("a", "b")
	c.now = c.now.Add(time.Minute)
	if !c.at("before the look") {
		n.Look(c.t.Context())
	}
	if !c.at("before sending") {
		n.Send(c.t.Context())
	}
	c.at("after sending")
	if err := os.WriteFile(c.path, c.disk, 0o600); err != nil {
		c.t.Fatal(err)
	}
	r := &receiver{}
	n = c.open(notices.FakeChannel("r", r.send))
	for range 5 {
		c.pass(n, time.Hour)
	}
	for id, times := range r.ids() {
		c.taken[id] += times
	}
}

// TestSend_ACrashAtAnyMoment: no notice is ever taken twice, and none is lost but where the bridge died between taking the message out
// and the other end's taking it: the price of telling none twice.
func TestSend_ACrashAtAnyMoment(t *testing.T) {
	for _, test := range []struct {
		moment string
		fault  error
		want   int
	}{
		{"before the look", nil, 1}, {"before sending", nil, 1}, {"while sending", nil, 0}, {"taken, before the answer", nil, 1},
		{"after sending", nil, 1}, {"while sending", errDown, 0}, {"after sending", errDown, 1},
	} {
		t.Run(fmt.Sprint(test.moment, ", ", test.fault), func(t *testing.T) {
			c := &crash{world: newWorld(t), moment: test.moment, fault: test.fault, taken: make(map[string]int)}
			c.run()
			for _, id := range []string{"device_new 10.0.0.1/a", "device_new 10.0.0.1/b"} {
				if c.taken[id] != test.want {
					t.Errorf("%s was taken %d times, want %d", id, c.taken[id], test.want)
				}
			}
		})
	}
}

// TestSend_WhatMayHaveBeenTakenIsNotSentAgain, and the log says so.
func TestSend_WhatMayHaveBeenTakenIsNotSentAgain(t *testing.T) {
	w := newWorld(t)
	r := &receiver{fault: &notices.Fault{Problem: "no answer", Mend: "look", Uncertain: true}}
	n := w.open(notices.FakeChannel("r", r.send))
	w.now = w.now.Add(time.Second)
	w.come("a")
	w.pass(n, time.Minute)
	r.fault = nil
	w.come("b")
	w.pass(n, time.Minute)
	w.pass(n, time.Hour)
	if ids := r.ids(); len(ids) != 1 || ids["device_new 10.0.0.1/b"] != 1 {
		t.Errorf("taken %v, want b alone", ids)
	}
	if w.events.FilterMessageSnippet("perhaps not taken").Len() != 1 {
		t.Errorf("logged: %v", w.events.All())
	}
}

// TestSend_ABridgeThatEndsKeepsWhatIsUnderWay, and blames no channel.
func TestSend_ABridgeThatEndsKeepsWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	n := w.open(notices.FakeChannel("r", func(ctx context.Context, _ *notices.Message) error {
		stop()
		<-ctx.Done()
		return &notices.Fault{Problem: "cancelled", Mend: "none"}
	}))
	w.now = w.now.Add(time.Second)
	w.come("a")
	w.now = w.now.Add(time.Minute)
	n.Look(ctx)
	n.Send(ctx)
	if w.events.Len() != 0 {
		t.Errorf("logged: %v", w.events.All())
	}
	r := &receiver{}
	w.pass(w.open(notices.FakeChannel("r", r.send)), time.Hour)
	if r.ids()["device_new 10.0.0.1/a"] != 1 {
		t.Errorf("taken %v", r.ids())
	}
}

func TestSend_AsksToBeLeftAlone(t *testing.T) {
	w := newWorld(t)
	r := &receiver{fault: &notices.Fault{Problem: "429", Mend: "wait", After: 40 * time.Minute}, now: func() time.Time { return w.now }}
	n := w.open(notices.FakeChannel("r", r.send))
	w.now = w.now.Add(time.Second)
	w.come("a")
	for range 40 {
		w.pass(n, time.Minute)
	}
	if len(r.tries) != 1 {
		t.Errorf("tried %d times in the 40 minutes that it asked for", len(r.tries))
	}
}

// TestOutbox_IsBounded: of what waits the oldest gives way to a count, and so many events are told one by one.
func TestOutbox_IsBounded(t *testing.T) {
	w := newWorld(t)
	r := &receiver{fault: errDown}
	n := w.open(notices.FakeChannel("r", r.send))
	w.now = w.now.Add(time.Second)
	for i := range notices.MaxTold + 10 {
		w.come(fmt.Sprintf("%05d", i))
	}
	w.now = w.now.Add(time.Second)
	w.down = []notices.Down{{Upstream: "online", Since: noon}}
	w.pass(n, time.Minute)
	if got := len(w.logged); got != notices.MaxTold {
		t.Errorf("the log has %d notices, want %d", got, notices.MaxTold)
	}
	if w.events.FilterMessageSnippet("more is new than there are notices for").Len() != 1 {
		t.Error("nothing says that the rest was left out")
	}
	r.fault = nil
	w.pass(w.open(notices.FakeChannel("r", r.send)), time.Hour)
	if len(r.taken) != 1 || r.most > notices.MaxWaiting {
		t.Fatalf("%d messages, the largest with %d notices", len(r.taken), r.most)
	}
	m := r.taken[0]
	left := m.LeftOut[config.NoticeDeviceNew] + m.LeftOut[config.NoticeUpstreamDown]
	if len(m.Notices) != notices.MaxWaiting || len(m.Notices)+left != notices.MaxTold {
		t.Errorf("a message of %d notices and %v left out, want %d of %d", len(m.Notices), m.LeftOut, notices.MaxWaiting, notices.MaxTold)
	}
	sentences := m.Sentences()
	if size := len(strings.Join(sentences, "")); size > notices.MaxText+1000 {
		t.Errorf("a text of %d bytes", size)
	}
	if last := sentences[len(sentences)-1]; last != fmt.Sprintf("And %d more, which the log has.", notices.MaxTold-len(sentences)+1) {
		t.Errorf("the text ends with %q, after %d sentences", last, len(sentences)-1)
	}
}

// TestUse_ChannelsThatGoTakeTheirNoticesWithThem, those that come begin with what comes up then.
func TestUse_ChannelsThatGoTakeTheirNoticesWithThem(t *testing.T) {
	w := newWorld(t)
	a, b := &receiver{fault: errDown}, &receiver{}
	n := w.open(notices.FakeChannel("a", a.send))
	w.now = w.now.Add(time.Second)
	w.come("first")
	w.pass(n, time.Minute)
	n.Use(settings(notices.FakeChannel("b", b.send)))
	w.come("second")
	w.pass(n, time.Minute)
	if ids := b.ids(); len(ids) != 1 || ids["device_new 10.0.0.1/second"] != 1 {
		t.Errorf("the new channel took %v", ids)
	}
	if w.events.FilterMessageSnippet("no longer configured").Len() != 1 {
		t.Errorf("logged: %v", w.events.All())
	}
}

// TestLook_AnOutboxThatCannotBeWritten still tells, once as long as the bridge runs.
func TestLook_AnOutboxThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	r := &receiver{}
	n := w.open(notices.FakeChannel("r", r.send))
	if err := os.MkdirAll(w.path+".new/x", 0o700); err != nil { // where the draft of the file would be
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	w.come("a")
	w.pass(n, time.Minute)
	w.pass(n, time.Hour)
	if r.ids()["device_new 10.0.0.1/a"] != 1 {
		t.Errorf("taken %v", r.ids())
	}
	if w.events.FilterMessageSnippet("may be told again after a restart").Len() != 1 {
		t.Errorf("logged: %v", w.events.All())
	}
}

// FuzzParseOutbox reads what may be left of a file.
func FuzzParseOutbox(f *testing.F) {
	f.Add([]byte(`{"since":"2026-11-24T12:00:00Z","told":{"device_new a":{"event":"device_new","held":"2026-11-24T12:00:00Z"}},` +
		`"channels":{"email":{"waiting":[{"id":"device_new a","event":"device_new","time":"2026-11-24T12:00:00Z","text":"a"}],` +
		`"left_out":{"x":1}}}}`))
	f.Add([]byte(`{"since":"2026-11-24T12:00:00Z","told":null,"channels":{"email":null}}`))
	path := f.TempDir() + "/outbox"
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := notices.ParseOutbox(data, path); err != nil && strings.Contains(err.Error(), "write the outbox") {
			t.Error(err)
		}
	})
}
