package limits_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
)

func newTurns(sessions, dials int, queue time.Duration) *limits.Turns {
	return limits.NewTurns(limits.TurnOptions{Upstream: "up", SessionsPerMailbox: sessions, DialsPerSecond: dials, Queue: queue,
		Standing: standingOfShared})
}

func enterTurn(t *testing.T, turns *limits.Turns, source netip.Addr, mailbox string, known bool) *limits.Turn {
	t.Helper()
	turn, err := turns.Enter(t.Context(), source, mailbox, known)
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// dialOnce is a login to a mailbox of its own that waits for its dial.
func dialOnce(ctx context.Context, turns *limits.Turns, source netip.Addr, known bool) error {
	turn, err := turns.Enter(ctx, source, rand.Text(), known)
	if err != nil {
		return err
	}
	defer turn.Leave()
	return turn.Dial(ctx)
}

func wantRefusal(t *testing.T, err error, reason login.Reason, words string) {
	t.Helper()
	var r *login.Refusal
	if !errors.As(err, &r) || r.Reason != reason || !strings.Contains(r.Error(), words) {
		t.Errorf("got %v, want a refusal with reason %d and %q", err, reason, words)
	}
}

func TestLimits_TurnsPerMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(10, 0, 30*time.Second)
		var held []*limits.Turn
		for range 3 {
			held = append(held, enterTurn(t, turns, stranger, "scans@contoso.com", false))
		}
		start := time.Now()
		_, err := turns.Enter(t.Context(), stranger, "SCANS@contoso.com", false)
		wantRefusal(t, err, login.TooManySessions, "or 3 of devices without a verified login in 30 days, and none ended within 30s "+
			"(upstreams.up.limits.sessions_per_mailbox: 10")
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("refused after %v", took)
		}
		for range 7 {
			held = append(held, enterTurn(t, turns, printer, "scans@contoso.com", true))
		}
		_, err = turns.Enter(t.Context(), printer, "scans@contoso.com", true)
		wantRefusal(t, err, login.TooManySessions, "the mailbox has 10 sessions and none ended within 30s "+
			"(upstreams.up.limits.sessions_per_mailbox: 10)")
		enterTurn(t, turns, printer, "fax@contoso.com", true).Leave()
		for _, h := range held {
			h.Leave()
			h.Leave()
		}
		if n := turns.Mailboxes(); n != 0 {
			t.Errorf("%d mailboxes are held", n)
		}
	})
}

func TestLimits_TurnOfAStrangerIsPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(4, 0, time.Minute)
		first := enterTurn(t, turns, stranger, "scans", false)
		second := make(chan *limits.Turn, 1)
		go func() {
			turn, _ := turns.Enter(t.Context(), stranger, "scans", false)
			second <- turn
		}()
		synctest.Wait()
		if len(second) != 0 {
			t.Fatal("two strangers have a quarter of four")
		}
		first.Promote()
		first.Promote()
		(<-second).Leave()
		first.Leave()
		if n := turns.Mailboxes(); n != 0 {
			t.Errorf("%d mailboxes are held", n)
		}
	})
}

func TestLimits_KnownPairsGoFirstAndSourcesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 0, time.Minute)
		held := enterTurn(t, turns, stranger, "scans", false)
		var order order
		wait := func(name string, source netip.Addr, known bool) {
			go func() {
				turn, err := turns.Enter(t.Context(), source, "scans", known)
				if err != nil {
					t.Error(err)
					return
				}
				order.add(name)
				turn.Leave()
			}()
			synctest.Wait()
		}
		for i := range 3 {
			wait(fmt.Sprint("s", i), stranger, false)
		}
		wait("n", sourceNumber(1), false)
		wait("p0", printer, true)
		wait("p1", printer, true)
		wait("q", sourceNumber(2), true)
		held.Leave()
		synctest.Wait()
		if got := order.String(); got != "p0 q p1 s0 n s1 s2" {
			t.Errorf("the order is %q", got)
		}
	})
}

func TestLimits_TurnEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 1, 0) // no end to the queue
		held := enterTurn(t, turns, printer, "scans", true)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if _, err := turns.Enter(ctx, printer, "scans", true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := held.Dial(t.Context()); err != nil {
			t.Error(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := dialOnce(short, turns, printer, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		held.Leave()
	})
}

func TestLimits_TurnsOff(t *testing.T) {
	turns := newTurns(0, 0, 0)
	for range 100 {
		turn := enterTurn(t, turns, stranger, "scans", false)
		if err := turn.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		turn.Promote()
		turn.Leave()
	}
	if err := dialOnce(t.Context(), limits.NewTurns(limits.TurnOptions{}), stranger, false); err != nil {
		t.Error(err)
	}
}

func TestLimits_DialsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(0, 10, 2*time.Second)
		start := time.Now()
		dial := func(n int, known bool) (dialled *atomic.Int32) {
			dialled = &atomic.Int32{}
			for i := range n {
				go func() {
					if dialOnce(t.Context(), turns, sourceNumber(i), known) == nil {
						dialled.Add(1)
					}
				}()
			}
			synctest.Wait()
			return dialled
		}
		strangers := dial(100, false)
		if got := strangers.Load(); got != 3 {
			t.Errorf("%d strangers at once, want a burst of 3", got)
		}
		known := dial(15, true)
		if got := known.Load(); got != 7 {
			t.Errorf("%d known ones at once, want 7", got)
		}
		pass(810 * time.Millisecond)
		if got := known.Load(); got != 15 {
			t.Errorf("%d known ones after 0.8s, want 15", got)
		}
		pass(1200 * time.Millisecond)
		if got := strangers.Load(); got < 8 || got > 9 {
			t.Errorf("%d strangers in 2s, want 3 a second and the burst", got)
		}
		if err := dialOnce(t.Context(), turns, stranger, false); err != nil {
			t.Errorf("strangers that gave up are in the way: %v", err)
		}
		if took := time.Since(start); took > 2500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestLimits_DialGivesUpAfterTheQueueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 1, 2500*time.Millisecond)
		for range 4 {
			go func() { _ = dialOnce(t.Context(), turns, printer, true) }()
		}
		synctest.Wait()
		start := time.Now()
		wantRefusal(t, dialOnce(t.Context(), turns, printer, true), login.Unavailable, "within 2.5s (upstreams.up.limits.dials_per_second: 1)")
		if took := time.Since(start); took != 2500*time.Millisecond {
			t.Errorf("took %v", took)
		}
		pass(2 * time.Second)
		held := enterTurn(t, turns, printer, "scans", true)
		go func() {
			pass(2 * time.Second)
			held.Leave()
		}()
		waited := enterTurn(t, turns, printer, "scans", true) // 2s of the 2.5s are used up
		for range 2 {
			go func() { _ = dialOnce(t.Context(), turns, printer, true) }()
		}
		synctest.Wait()
		start = time.Now()
		wantRefusal(t, waited.Dial(t.Context()), login.Unavailable, "dials_per_second")
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("took %v of the 0.5s that were left", took)
		}
	})
}

func TestLimits_AccountsOfASharedSourceTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(0, 1, time.Minute)
		gateway := netip.MustParseAddr("172.17.0.1")
		if err := dialOnce(t.Context(), turns, printer, true); err != nil {
			t.Fatal(err)
		}
		var order order
		for _, name := range []string{"flood", "flood", "flood", "scans"} {
			turn := enterTurn(t, turns, gateway, name, true)
			go func() {
				if turn.Dial(t.Context()) == nil {
					order.add(name)
				}
			}()
			synctest.Wait()
		}
		pass(5 * time.Second)
		if got := order.String(); got != "flood scans flood flood" {
			t.Errorf("the order is %q", got)
		}
	})
}

// A verified address takes turns by itself: a flood from others of its /64 delays it by one.
func TestLimits_VerifiedAddressTakesTurnsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := netip.MustParseAddr("2001:db8::7")
		turns := limits.NewTurns(limits.TurnOptions{Upstream: "up", DialsPerSecond: 1, Standing: verified{device: true}.standing})
		if err := dialOnce(t.Context(), turns, printer, true); err != nil {
			t.Fatal(err)
		}
		var order order
		for i, from := range []string{"2001:db8::bad:1", "2001:db8::bad:2", "2001:db8::bad:3", "2001:db8::7"} {
			turn := enterTurn(t, turns, netip.MustParseAddr(from), "scans", false)
			go func() {
				if turn.Dial(t.Context()) == nil {
					order.add(fmt.Sprint(i))
				}
			}()
			synctest.Wait()
		}
		pass(10 * time.Second)
		if got := order.String(); got != "0 3 1 2" {
			t.Errorf("the order is %q", got)
		}
	})
}

func TestLimits_TurnsAreNeverOverdrawn(t *testing.T) {
	const all = 4
	turns := newTurns(all, 1_000_000, time.Millisecond)
	var held, strangers atomic.Int32
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			known := i%2 == 0
			for range 100 {
				turn, err := turns.Enter(t.Context(), sourceNumber(i%5), "scans", known)
				if err != nil {
					continue
				}
				if held.Add(1) > all || !known && strangers.Add(1) > 1 {
					t.Error("too many turns")
				}
				if err := turn.Dial(t.Context()); err != nil {
					var r *login.Refusal
					if !errors.As(err, &r) {
						t.Error(err)
					}
				}
				held.Add(-1)
				if !known {
					strangers.Add(-1)
				}
				turn.Leave()
			}
		})
	}
	group.Wait()
	if n := turns.Mailboxes(); n != 0 {
		t.Errorf("%d mailboxes are held", n)
	}
}
