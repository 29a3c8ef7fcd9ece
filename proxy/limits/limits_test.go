package limits_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/proxy/limits"
)

func TestLimits_Sessions(t *testing.T) {
	shared := netip.MustParseAddr("172.17.0.1")
	s := limits.NewSessions("imaps", 6, 2, func(a netip.Addr) bool { return a == shared })
	var leave []func()
	enter := func(source netip.Addr, want string) {
		t.Helper()
		l, reason, ok := s.Enter(source)
		if ok != (want == "") || !strings.Contains(reason, want) {
			t.Errorf("%s: ok %v, reason %q, want %q", source, ok, reason, want)
		}
		if ok {
			leave = append(leave, l)
		}
	}
	enter(printer, "")
	enter(printer, "")
	enter(printer, "the source has 2 sessions on the listener imaps (limits.sessions_per_source: 2)")
	for range 4 {
		enter(shared, "")
	}
	enter(stranger, "the listener imaps has 6 sessions (limits.sessions: 6)")
	leave[0]()
	leave[0]()
	enter(printer, "")
	enter(stranger, "limits.sessions: 6")
	for _, l := range leave {
		l()
	}
	if n := s.Sources(); n != 0 {
		t.Errorf("%d sources are counted", n)
	}
	off := limits.NewSessions("imaps", 0, 0, nil)
	for range 100 {
		if _, _, ok := off.Enter(printer); !ok {
			t.Fatal("a limit that is off holds")
		}
	}
}

// order is in which order things happened.
type order struct {
	mu    sync.Mutex
	names []string
}

func (o *order) add(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names = append(o.names, name)
}

func (o *order) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.names, " ")
}

func TestLimits_SlotsTakeTurnsBySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limits.NewSlots(4)
		ctx := t.Context()
		for range 4 {
			acquire(t, s, ctx, stranger)
		}
		var order order
		wait := func(name string, source netip.Addr) {
			go func() {
				if s.Acquire(ctx, source) == nil {
					order.add(name)
				}
			}()
			synctest.Wait()
		}
		for range 3 {
			wait("flood", stranger)
		}
		wait("printer", printer)
		wait("fax", sourceNumber(1))
		for range 5 {
			s.Release(stranger)
			synctest.Wait()
		}
		if got := order.String(); got != "flood printer fax flood flood" {
			t.Errorf("the order is %q", got)
		}
	})
}

func acquire(t *testing.T, s *limits.Slots, ctx context.Context, source netip.Addr) {
	t.Helper()
	if err := s.Acquire(ctx, source); err != nil {
		t.Fatal(err)
	}
}

func TestLimits_SlotsPerSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limits.NewSlots(40)
		for range 16 {
			acquire(t, s, t.Context(), netip.MustParseAddr("2001:db8::1"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Acquire(ctx, netip.MustParseAddr("2001:db8::2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a 17th slot: %v", err)
		}
		acquire(t, s, t.Context(), netip.MustParseAddr("2001:db8:0:1::2"))
		done := make(chan error, 1)
		go func() { done <- s.Acquire(t.Context(), netip.MustParseAddr("2001:db8::3")) }()
		synctest.Wait()
		s.Release(netip.MustParseAddr("2001:db8:0:1::2")) // of no use to the one that waits
		synctest.Wait()
		select {
		case <-done:
			t.Error("a source has 17 slots")
		default:
		}
		s.Release(netip.MustParseAddr("2001:db8::1"))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if held, sources, waiting := s.Waiting(); held != 16 || sources != 1 || waiting != 0 {
			t.Errorf("held %d, sources %d, waiting %d", held, sources, waiting)
		}
	})
}

func TestLimits_SlotsOff(t *testing.T) {
	s := limits.NewSlots(0)
	for range 1000 {
		acquire(t, s, t.Context(), printer)
	}
	s.Release(printer)
}

func TestLimits_SlotsAreNeverOverdrawn(t *testing.T) {
	const all = 5
	s := limits.NewSlots(all)
	var held atomic.Int32
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			for n := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*10*time.Microsecond)
				if s.Acquire(ctx, sourceNumber(i%7)) == nil {
					if held.Add(1) > all {
						t.Error("too many slots")
					}
					held.Add(-1)
					s.Release(sourceNumber(i % 7))
				}
				cancel()
			}
		})
	}
	group.Wait()
	if held, sources, waiting := s.Waiting(); held+sources+waiting != 0 {
		t.Errorf("held %d, sources %d, waiting %d", held, sources, waiting)
	}
}

func TestLimits_SlotsFastPathAllocatesNothing(t *testing.T) {
	s := limits.NewSlots(4)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		_ = s.Acquire(ctx, printer)
		s.Release(printer)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLimits_Slots(b *testing.B) {
	s := limits.NewSlots(256)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Acquire(b.Context(), printer)
		s.Release(printer)
	}
}
