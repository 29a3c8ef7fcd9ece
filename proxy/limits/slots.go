package limits

import (
	"context"
	"net/netip"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/source"
)

// slotsPerSource is how many handshakes of one source may compute at once.
const slotsPerSource = 16

// Slots bounds the handshakes that compute at once, in all and 16 a source. Sources take turns. It is safe for
// concurrent use.
type Slots struct {
	slots    *fairqueue.Slots[source.Key]
	standing func(netip.Addr) source.Standing
}

// NewSlots returns all slots, all of them free; 0: as many as anybody wants. standing tells what a source counts as; nil:
// nothing is known of any.
func NewSlots(all int, standing func(netip.Addr) source.Standing) *Slots {
	if standing == nil {
		standing = source.Unknown
	}
	return &Slots{slots: fairqueue.NewSlots[source.Key](slotBounds(all)), standing: standing}
}

// SetBound changes how many slots there are: who has one keeps it.
func (s *Slots) SetBound(all int) { s.slots.SetBounds(slotBounds(all)) }

func slotBounds(all int) fairqueue.Bounds {
	if all <= 0 {
		return fairqueue.Bounds{}
	}
	return fairqueue.Bounds{All: all, Each: slotsPerSource}
}

// Acquire takes a slot for a source, and returns what Release gives it back by: the source may count as something else by
// then. It waits for one until ctx ends, and returns ctx's error then. Where none is to be waited for it allocates nothing.
func (s *Slots) Acquire(ctx context.Context, from netip.Addr) (taken source.Key, err error) {
	taken = s.standing(from).Key
	return taken, s.slots.Acquire(ctx, taken)
}

// Held is how many slots are taken now.
func (s *Slots) Held() int {
	held, _, _ := s.slots.Count()
	return held
}

// Release gives back a slot that Acquire took.
func (s *Slots) Release(taken source.Key) { s.slots.Release(taken) }
