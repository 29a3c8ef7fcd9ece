package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// order lets checks run one after another, a second each, and notes in which order.
type order struct {
	t       *testing.T
	checker *accounts.Checker
	all     sync.WaitGroup
	mu      sync.Mutex
	ran     []string
}

// wait lets one more check wait for its turn.
func (o *order) wait(source, login string) {
	o.all.Go(func() {
		leave, err := o.checker.Enter(o.t.Context(), netip.MustParseAddr(source), login)
		if err != nil {
			o.t.Error(err)
			return
		}
		defer leave()
		o.mu.Lock()
		o.ran = append(o.ran, login)
		o.mu.Unlock()
		time.Sleep(time.Second) // the work, in the bubble's time
	})
	synctest.Wait()
}

func (o *order) want(logins ...string) {
	o.t.Helper()
	o.all.Wait()
	if !slices.Equal(o.ran, logins) {
		o.t.Errorf("got the order %v, want %v", o.ran, logins)
	}
}

func TestTurns_SourcesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &order{t: t, checker: accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})}
		for i := range 4 {
			o.wait("10.0.0.1", fmt.Sprintf("storm%d", i))
		}
		o.wait("10.0.0.2", "printer")
		o.wait("10.0.0.3", "fax")
		o.want("storm0", "printer", "fax", "storm1", "storm2", "storm3")
	})
}

func TestTurns_OneAtATimeASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		o := &order{t: t, checker: accounts.NewChecker(accounts.CheckerOptions{Parallel: 4})}
		for i := range 3 {
			o.wait(fmt.Sprintf("2001:db8::%d", i+1), fmt.Sprintf("%d", i)) // one /64
		}
		o.wait("10.0.0.2", "other")
		o.want("0", "other", "1", "2")
		if got := time.Since(begun); got != 3*time.Second {
			t.Errorf("three checks of one source took %v, want 3 s", got)
		}
	})
}

// A verified address takes turns by itself: a flood from others of its /64 delays it by one check.
func TestTurns_VerifiedAddressTakesTurnsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := netip.MustParseAddr("2001:db8::7")
		standing := func(a netip.Addr) source.Standing {
			if a == device {
				return source.Standing{Key: source.AddressKey(a), Known: true}
			}
			return source.Unknown(a)
		}
		o := &order{t: t, checker: accounts.NewChecker(accounts.CheckerOptions{Parallel: 1, Standing: standing})}
		for i := range 3 {
			o.wait(fmt.Sprintf("2001:db8::bad:%d", i), fmt.Sprintf("storm%d", i))
		}
		o.wait("2001:db8::7", "printer")
		o.want("storm0", "printer", "storm1", "storm2")
	})
}

func TestTurns_NamesTakeTurnsWhereASourceIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		shared := func(a netip.Addr) source.Standing { return source.Standing{Key: source.AddressKey(a), Shared: true} }
		o := &order{t: t, checker: accounts.NewChecker(accounts.CheckerOptions{Parallel: 2, Standing: shared})}
		o.wait("10.0.0.1", "a")
		o.wait("10.0.0.1", "A")
		o.wait("10.0.0.1", "b")
		o.want("a", "b", "A")
		if got := time.Since(begun); got != 2*time.Second {
			t.Errorf("the checks took %v, want 2 s", got)
		}
	})
}

func TestTurns_NeverMoreAtOnce(t *testing.T) {
	c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 3})
	var now, most atomic.Int32
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			if i%5 == 0 {
				cancel()
			}
			defer cancel()
			leave, err := c.Enter(ctx, netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 20)}), "x")
			if err != nil {
				return
			}
			defer leave()
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			now.Add(-1)
		})
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("got %d checks at once, want 3 at most", most.Load())
	}
	var leaves []func()
	for i := range 3 { // none was lost
		leaves = append(leaves, mustEnter(t, c, fmt.Sprintf("10.0.0.%d", i)))
	}
	for _, leave := range leaves {
		leave()
	}
}

func TestTurns_WhoLeavesTheLineDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &order{t: t, checker: accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})}
		o.wait("10.0.0.1", "first")
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := o.checker.Enter(ctx, netip.MustParseAddr("10.0.0.2"), "gone")
			gone <- err
		}()
		synctest.Wait()
		o.wait("10.0.0.3", "last")
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
		o.want("first", "last")
	})
}

func TestTurns_BoundsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})
		leave := mustEnter(t, c, "10.9.9.9")
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var refused atomic.Int32
		join := func(source netip.Addr) {
			all.Go(func() {
				_, err := c.Enter(ctx, source, "x")
				if r := (*login.Refusal)(nil); errors.As(err, &r) {
					refused.Add(1)
					if r.Reason != login.Unavailable || !strings.Contains(r.Error(), "wait for their passwords") {
						t.Errorf("got %v, %v; want unavailable", r.Reason, r)
					}
				}
			})
		}
		for range 1001 {
			join(netip.MustParseAddr("10.0.0.1"))
		}
		synctest.Wait()
		if got := refused.Load(); got != 1 {
			t.Errorf("got %d refused of one source's 1001, want 1", got)
		}
		for i := range 9001 {
			join(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}))
		}
		synctest.Wait()
		if got := refused.Load(); got != 2 {
			t.Errorf("got %d refused of 10002, want 2", got)
		}
		cancel()
		all.Wait()
		leave()
		mustEnter(t, c, "10.0.0.1")()
	})
}
