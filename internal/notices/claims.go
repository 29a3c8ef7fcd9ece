package notices

import (
	"context"
	"errors"
	"sync"
	"time"

	"drawbridge/internal/lru"
	"drawbridge/inventory"
)

// maxClaims is how many failed logins under a name are remembered until the next look: the ones not repeated for longest are forgotten.
const maxClaims = 1000

// claims is an inventory.Recorder of the logins that failed and verified nobody: a wrong password, or an upstream that checks the
// passwords and is down. The inventory has them under their source alone, and says not whether the device of that name has ceased to
// get through. It waits for nothing, and is safe for concurrent use.
type claims struct {
	mu     sync.Mutex
	failed *lru.Table[string, claim] // by the id that the device has if the name is its own
}

// claim is the latest failed login under a name.
type claim struct {
	at     time.Time // when its session began, as the inventory has it of a device that is served
	ended  time.Time
	reason string
}

func newClaims() *claims { return &claims{failed: lru.New[string, claim](maxClaims, nil)} }

// Admitted implements inventory.Recorder.
func (*claims) Admitted(*inventory.Session) {}

// TurnedAway implements inventory.Recorder.
func (*claims) TurnedAway(inventory.TurnedAway) {}

// Ended implements inventory.Recorder.
func (c *claims) Ended(s *inventory.Session) {
	failed := s.Outcome == inventory.OutcomeLoginFailed || s.Outcome == inventory.OutcomeUpstreamFailed ||
		s.Outcome == inventory.OutcomeRefused || s.Outcome == inventory.OutcomeProtocolError
	if s.Account != "" || s.ClaimedAccount == "" || !failed {
		return
	}
	id := s.DeviceOf(s.ClaimedAccount)
	if id == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.failed.Touch(id) = claim{s.StartedAt, s.Time, s.Reason}
}

// snapshot returns what failed under which ids.
func (c *claims) snapshot() map[string]claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]claim, c.failed.Len())
	for id, found := range c.failed.All {
		all[id] = *found
	}
	return all
}

// forget drops what no device is failing by any more, unless it has failed anew.
func (c *claims) forget(id string, seen claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.failed.Get(id); now != nil && *now == seen {
		c.failed.Remove(id)
	}
}

// devices returns the devices that were served once, and whose latest login failed, as failing ones. What is no device, or was served
// since, is forgotten.
func (c *claims) devices(ctx context.Context, in Inventory) ([]inventory.Device, error) {
	var all []inventory.Device
	for id, failed := range c.snapshot() {
		d, err := in.Device(ctx, id)
		switch {
		case errors.Is(err, inventory.ErrNoDevice):
			c.forget(id, failed)
			continue
		case err != nil:
			return nil, err
		case d.LastServed == nil || !d.LastServed.Before(failed.at) || d.Stage == inventory.StageBlock:
			c.forget(id, failed)
			continue
		}
		d.LastSeen, d.LastReason = failed.ended, failed.reason
		all = append(all, d)
	}
	return all, nil
}
