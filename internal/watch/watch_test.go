package watch_test

import (
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/internal/watch"
	"drawbridge/inventory"
)

// session is one of a scanner that an upstream serves.
func session(id string, began time.Time) *inventory.Session {
	return &inventory.Session{ID: id, Listener: "imaps", Protocol: "imap",
		Source: inventory.Source{IP: netip.MustParseAddr("::ffff:10.20.3.7")}, Login: inventory.Login{Account: "scanner1",
			Mailbox: "scan@contoso.example", Upstream: "mail"}, TLS: inventory.TLS{Version: hello.TLS10}, StartedAt: began}
}

func TestSessions_AreThoseAdmittedAndNotEnded(t *testing.T) {
	t.Parallel()
	var r watch.Recorder
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for id, began := range map[string]time.Time{"b": noon, "a": noon, "c": noon.Add(-time.Minute), "d": noon} {
		r.Admitted(session(id, began))
	}
	r.Ended(session("d", noon))
	r.Ended(session("never admitted", noon))
	r.TurnedAway(inventory.TurnedAway{})
	got := r.Sessions()
	if len(got) != 3 || got[0].ID != "c" || got[1].ID != "a" || got[2].ID != "b" {
		t.Fatalf("got %+v, want c, a and b", got)
	}
	want := watch.Session{ID: "a", Device: "10.20.3.7/scanner1", Source: "10.20.3.7", Account: "scanner1", Mailbox: "scan@contoso.example",
		Listener: "imaps", Protocol: "imap", TLSVersion: "1.0", Phase: "relay", Upstream: "mail", Since: noon}
	if got[1] != want {
		t.Errorf("got  %+v\nwant %+v", got[1], want)
	}
}

// TestUpstream_CountsADay: the hours of the day before count no more.
func TestUpstream_CountsADay(t *testing.T) {
	t.Parallel()
	var r watch.Recorder
	now := time.Now()
	fails := func(at time.Time, outcome inventory.Outcome, reason string) {
		s := session("x", at)
		s.Time, s.Outcome, s.Reason = at, outcome, reason
		r.Ended(s)
	}
	fails(now.Add(-30*time.Hour), inventory.OutcomeUpstreamFailed, "two days ago")
	fails(now.Add(-23*time.Hour), inventory.OutcomeUpstreamFailed, "a day ago")
	fails(now, inventory.OutcomeUpstreamFailed, "connection refused")
	fails(now, inventory.OutcomeLoginFailed, "not its fault")
	nowhere := session("y", now)
	nowhere.Upstream = ""
	r.Admitted(nowhere)
	want := watch.Upstream{Name: "mail", LastFailure: now, LastReason: "connection refused", Failed24h: 2}
	if got := r.Upstream("mail", now); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	r.Admitted(session("z", now))
	got := r.Upstream("mail", time.Now())
	if got.Served24h != 1 || got.LastServed.Before(now) || got.LastReason != "connection refused" {
		t.Errorf("after one was served: %+v", got)
	}
	if got := r.Upstream("mail", now.Add(48*time.Hour)); got.Served24h+got.Failed24h != 0 || got.LastServed.IsZero() {
		t.Errorf("two days later: %+v", got)
	}
	for _, name := range []string{"spare", ""} {
		if got := r.Upstream(name, now); !reflect.DeepEqual(got, watch.Upstream{Name: name}) {
			t.Errorf("%q, which had no session: %+v", name, got)
		}
	}
}

func TestRecorder_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var r watch.Recorder
	var all sync.WaitGroup
	for _, id := range []string{"a", "b", "c"} {
		all.Go(func() {
			for range 100 {
				s := session(id, time.Now())
				r.Admitted(s)
				_, _ = r.Sessions(), r.Upstream("mail", time.Now())
				s.Time, s.Outcome = time.Now(), inventory.OutcomeUpstreamFailed
				r.Ended(s)
			}
		})
	}
	all.Wait()
	if got := r.Upstream("mail", time.Now()); len(r.Sessions()) != 0 || got.Served24h != 300 || got.Failed24h != 300 {
		t.Errorf("%d sessions go on, %+v", len(r.Sessions()), got)
	}
}

// TestDown_AllLoginsFailedForFiveMinutes: from the first to the last, nobody served between, and the last one not long ago.
func TestDown_AllLoginsFailedForFiveMinutes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fails := func(r *watch.Recorder, before time.Duration, outcome inventory.Outcome) {
		s := session("x", now)
		s.Time, s.Outcome, s.Reason = now.Add(-before), outcome, "connection refused"
		r.Ended(s)
	}
	const failed = inventory.OutcomeUpstreamFailed
	for name, test := range map[string]struct {
		play  func(r *watch.Recorder)
		since time.Duration // 0: not down
	}{
		"nobody came":     {func(*watch.Recorder) {}, 0},
		"one failure":     {func(r *watch.Recorder) { fails(r, 20*time.Minute, failed) }, 0},
		"for a moment":    {func(r *watch.Recorder) { fails(r, 4*time.Minute, failed); fails(r, 0, failed) }, 0},
		"for 5 minutes":   {func(r *watch.Recorder) { fails(r, 5*time.Minute, failed); fails(r, 0, failed) }, 5 * time.Minute},
		"wrong passwords": {func(r *watch.Recorder) { fails(r, 9*time.Minute, inventory.OutcomeLoginFailed); fails(r, 0, failed) }, 0},
		"one was served": {func(r *watch.Recorder) {
			fails(r, 9*time.Minute, failed)
			r.Admitted(session("y", now))
			fails(r, time.Minute, failed)
		}, 0},
		"one of yesterday": {func(r *watch.Recorder) { fails(r, 24*time.Hour, failed); fails(r, 0, failed) }, 0},
		"long ago":         {func(r *watch.Recorder) { fails(r, 70*time.Minute, failed); fails(r, 61*time.Minute, failed) }, 0},
		"every 40 minutes": {func(r *watch.Recorder) { fails(r, 80*time.Minute, failed); fails(r, 40*time.Minute, failed) }, 80 * time.Minute},
	} {
		var r watch.Recorder
		test.play(&r)
		since, reason, down := r.Down("mail", now)
		if down != (test.since != 0) || down && (!since.Equal(now.Add(-test.since)) || reason != "connection refused") {
			t.Errorf("%s: since %v, %q, %t", name, now.Sub(since), reason, down)
		}
	}
}
