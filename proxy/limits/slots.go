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
type Slots struct{ slots *fairqueue.Slots[source.Key] }

// NewSlots returns all slots, all of them free; 0: as many as anybody wants.
func NewSlots(all int) *Slots { return &Slots{fairqueue.NewSlots[source.Key](slotBounds(all))} }

// SetBound changes how many slots there are: who has one keeps it.
func (s *Slots) SetBound(all int) { s.slots.SetBounds(slotBounds(all)) }

func slotBounds(all int) fairqueue.Bounds {
	if all <= 0 {
		return fairqueue.Bounds{}
	}
	return fairqueue.Bounds{All: all, Each: slotsPerSource}
}

// Acquire takes a slot for a source, which Release gives back. It waits for one until ctx ends, and returns ctx's error
// then. Where none is to be waited for it allocates nothing.
func (s *Slots) Acquire(ctx context.Context, from netip.Addr) error {
	return s.slots.Acquire(ctx, source.KeyOf(from))
}

// Held is how many slots are taken now.
func (s *Slots) Held() int {
	held, _, _ := s.slots.Count()
	return held
}

// Release gives back a slot that a source has.
func (s *Slots) Release(from netip.Addr) { s.slots.Release(source.KeyOf(from)) }
