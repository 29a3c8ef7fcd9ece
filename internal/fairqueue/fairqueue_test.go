package fairqueue_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"drawbridge/internal/fairqueue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQueue_KeysTakeTurns(t *testing.T) {
	var q fairqueue.Queue[string]
	for _, k := range []string{"storm", "storm", "storm", "printer", "fax"} {
		q.Push(k)
	}
	gone := q.Push("printer")
	q.Remove(gone)
	q.Remove(gone) // changes nothing
	if q.Len() != 5 || q.LenOf("storm") != 3 || q.LenOf("nobody") != 0 {
		t.Errorf("%d wait, %d of the storm", q.Len(), q.LenOf("storm"))
	}
	var order []string
	for !q.Empty() {
		k, _ := q.Grant(func(k string) bool { return k != "fax" || len(order) > 2 })
		order = append(order, k)
	}
	if want := []string{"storm", "printer", "storm", "fax", "storm"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	if _, ok := q.Grant(nil); ok || q.Len() != 0 {
		t.Error("an empty queue grants a turn")
	}
}

func TestQueue_WaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q fairqueue.Queue[int]
		ctx, cancel := context.WithCancel(t.Context())
		late, left, served := q.Push(1), q.Push(2), q.Push(3)
		if err := late.Wait(ctx, time.Now().Add(time.Second)); !errors.Is(err, fairqueue.ErrTooLate) {
			t.Errorf("late: %v", err)
		}
		cancel()
		if err := left.Wait(ctx, time.Time{}); !errors.Is(err, context.Canceled) {
			t.Errorf("left: %v", err)
		}
		q.Remove(late)
		q.Remove(left)
		if k, ok := q.Grant(nil); k != 3 || !ok || !served.Granted() || served.Wait(ctx, time.Time{}) != nil {
			t.Errorf("the turn went to %d", k)
		}
	})
}

func TestSlots_BoundsAllEachAndWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fairqueue.NewSlots[string](fairqueue.Bounds{All: 2, Each: 1, MaxWaiting: 3, MaxWaitEach: 2})
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		use := func(k string) {
			all.Go(func() {
				if err := s.Acquire(t.Context(), k); err != nil {
					k += " " + err.Error()
				} else {
					time.Sleep(time.Second) // the work, in the bubble's time
					s.Release(k)
				}
				mu.Lock()
				order = append(order, k)
				mu.Unlock()
			})
			synctest.Wait()
		}
		use("storm")
		use("storm")
		use("storm")
		use("storm") // full for its key
		use("printer")
		use("fax")
		use("scanner") // full for all
		all.Wait()
		want := []string{"storm too many wait", "scanner too many wait", "printer", "storm", "fax", "storm", "storm"}
		slices.Sort(order[2:4]) // these two ended at the same time
		slices.Sort(order[4:6])
		slices.Sort(want[4:6])
		if !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
	})
}

func TestSlots_NewBoundsHoldForWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fairqueue.NewSlots[int](fairqueue.Bounds{All: 1})
		var all sync.WaitGroup
		for k := range 4 {
			all.Go(func() { _ = s.Acquire(t.Context(), k) })
		}
		synctest.Wait()
		if _, _, waiting := s.Count(); waiting != 3 {
			t.Errorf("%d wait, want 3", waiting)
		}
		s.SetBounds(fairqueue.Bounds{All: 3})
		synctest.Wait()
		if _, _, waiting := s.Count(); waiting != 1 {
			t.Errorf("%d wait after more were allowed, want 1", waiting)
		}
		s.SetBounds(fairqueue.Bounds{})
		all.Wait()
	})
}

func TestSlots_WhoGivesUpLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fairqueue.NewSlots[int](fairqueue.Bounds{All: 1})
		_ = s.Acquire(t.Context(), 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Acquire(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.Release(1)
		if held, keys, waiting := s.Count(); held+keys+waiting != 0 {
			t.Errorf("%d held by %d, %d wait", held, keys, waiting)
		}
	})
}
