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

	"drawbridge/internal/source"
	"drawbridge/proxy/limits"
)

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
		s := limits.NewSlots(4, nil)
		ctx := t.Context()
		for range 4 {
			acquire(t, s, ctx, stranger)
		}
		var order order
		wait := func(name string, from netip.Addr) {
			go func() {
				if _, err := s.Acquire(ctx, from); err == nil {
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
			release(s, stranger)
			synctest.Wait()
		}
		if got := order.String(); got != "flood printer fax flood flood" {
			t.Errorf("the order is %q", got)
		}
	})
}

func acquire(t *testing.T, s *limits.Slots, ctx context.Context, from netip.Addr) {
	t.Helper()
	if _, err := s.Acquire(ctx, from); err != nil {
		t.Fatal(err)
	}
}

// release gives back a slot of a source that nothing is known of.
func release(s *limits.Slots, from netip.Addr) { s.Release(source.KeyOf(from)) }

func TestLimits_SlotsPerSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limits.NewSlots(40, nil)
		for range 16 {
			acquire(t, s, t.Context(), netip.MustParseAddr("2001:db8::1"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Acquire(ctx, netip.MustParseAddr("2001:db8::2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a 17th slot: %v", err)
		}
		acquire(t, s, t.Context(), netip.MustParseAddr("2001:db8:0:1::2"))
		done := make(chan error, 1)
		go func() {
			_, err := s.Acquire(t.Context(), netip.MustParseAddr("2001:db8::3"))
			done <- err
		}()
		synctest.Wait()
		release(s, netip.MustParseAddr("2001:db8:0:1::2")) // of no use to the one that waits
		synctest.Wait()
		select {
		case <-done:
			t.Error("a source has 17 slots")
		default:
		}
		release(s, netip.MustParseAddr("2001:db8::1"))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if held, sources, waiting := s.Waiting(); held != 16 || sources != 1 || waiting != 0 {
			t.Errorf("held %d, sources %d, waiting %d", held, sources, waiting)
		}
	})
}

// A verified address has slots of its own in a /64 whose unknown addresses have taken all of theirs; a slot goes back to whom it
// was taken from, though its source may have become verified meanwhile.
func TestLimits_SlotsOfAVerifiedAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := make(verified)
		s := limits.NewSlots(40, known.standing)
		device := netip.MustParseAddr("2001:db8::7")
		var taken []source.Key
		for i := range 16 {
			slot, err := s.Acquire(t.Context(), []netip.Addr{device, netip.MustParseAddr("2001:db8::bad")}[i%2])
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, slot)
		}
		known[device] = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		slot, err := s.Acquire(ctx, device)
		if err != nil {
			t.Fatalf("a verified address of the /64: %v", err)
		}
		for _, slot := range append(taken, slot) {
			s.Release(slot)
		}
		if held, sources, waiting := s.Waiting(); held+sources+waiting != 0 {
			t.Errorf("held %d, sources %d, waiting %d", held, sources, waiting)
		}
	})
}

func TestLimits_SlotsOff(t *testing.T) {
	s := limits.NewSlots(0, nil)
	for range 1000 {
		acquire(t, s, t.Context(), printer)
	}
	release(s, printer)
}

func TestLimits_SlotsAreNeverOverdrawn(t *testing.T) {
	const all = 5
	s := limits.NewSlots(all, nil)
	var held atomic.Int32
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			for n := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*10*time.Microsecond)
				if slot, err := s.Acquire(ctx, sourceNumber(i%7)); err == nil {
					if held.Add(1) > all {
						t.Error("too many slots")
					}
					held.Add(-1)
					s.Release(slot)
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
	s := limits.NewSlots(4, nil)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		slot, _ := s.Acquire(ctx, printer)
		s.Release(slot)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLimits_Slots(b *testing.B) {
	s := limits.NewSlots(256, nil)
	b.ReportAllocs()
	for b.Loop() {
		slot, _ := s.Acquire(b.Context(), printer)
		s.Release(slot)
	}
}
