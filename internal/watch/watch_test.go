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
