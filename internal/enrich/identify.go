package enrich

import (
	"context"
	"net/netip"
	"sync"

	"drawbridge/inventory"
)

// Identifier tells sessions what the network knows of their source, and the inventory what is learned later. It is also the
// Recorder that remembers which devices an address has. It is safe for concurrent use.
type Identifier struct {
	enricher *Enricher
	byMAC    bool
	learn    func(context.Context, inventory.Change)
	news     chan inventory.Change // for Run; when it is full, news is dropped: a later session's record has it too

	mu      sync.Mutex
	devices map[netip.Addr]map[string]bool // ids by address
}

// How much an Identifier remembers. When there are more addresses, it begins anew: what is learned of the ones before
// waits for their next session.
const (
	maxIdentified = 20_000
	maxOfAddress  = 64
	maxNews       = 1_000
)

// NewIdentifier makes an Identifier that learns while Run runs. byMAC says that a device is told by its MAC address where that is
// known; learn hands on what is learned of a device, and may wait. The error tells all mistakes of the options.
func NewIdentifier(o Options, byMAC bool, learn func(context.Context, inventory.Change)) (*Identifier, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	i := &Identifier{byMAC: byMAC, learn: learn, news: make(chan inventory.Change, maxNews), devices: make(map[netip.Addr]map[string]bool)}
	o.Learned = i.learned
	i.enricher = New(o)
	return i, nil
}

// Run learns until ctx ends.
func (i *Identifier) Run(ctx context.Context) error {
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() { work(ctx, i.news, i.learn) })
	return i.enricher.Run(ctx)
}

// Identify tells a session, at its start and at its end, what is known of its source. What makes its device's id must not
// change in between.
func (i *Identifier) Identify(s *inventory.Session) {
	facts := i.enricher.Facts(s.Source.IP)
	s.Source.Name = facts.Name
	if s.ByMAC {
		return
	}
	s.ByMAC = i.byMAC
	s.Source.MAC, s.Source.Vendor, s.Source.Adapter = facts.MAC, facts.Vendor, facts.Adapter
}

// Admitted implements inventory.Recorder.
func (i *Identifier) Admitted(s *inventory.Session) { i.remember(s) }

// Ended implements inventory.Recorder.
func (i *Identifier) Ended(s *inventory.Session) { i.remember(s) }

// TurnedAway implements inventory.Recorder.
func (*Identifier) TurnedAway(inventory.TurnedAway) {}

// remember notes a device of an address. What a record has no field for may have been learned before.
func (i *Identifier) remember(s *inventory.Session) {
	address, id := inventory.PlainAddress(s.Source.IP), s.Device()
	if id == "" || !i.isNew(address, id) {
		return
	}
	if facts := i.enricher.Facts(s.Source.IP); facts.Description != "" {
		i.tell(id, inventory.KeyDescription, facts.Description)
	}
}

func (i *Identifier) isNew(address netip.Addr, id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	ids := i.devices[address]
	if ids[id] || len(ids) >= maxOfAddress {
		return false
	}
	if ids == nil {
		if len(i.devices) >= maxIdentified {
			clear(i.devices)
		}
		ids = make(map[string]bool)
		i.devices[address] = ids
	}
	ids[id] = true
	return true
}

// learned hands on what became known of an address, for each device there. What is so no more stays until something else
// is learned: the inventory tells what was known last.
func (i *Identifier) learned(addr netip.Addr, key, value string) {
	if value == "" {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for id := range i.devices[inventory.PlainAddress(addr)] {
		i.tell(id, key, value)
	}
}

// The words by which the history tells where something was learned.
var learnedBy = map[string]string{
	KeyName: "reverse DNS", KeyMAC: "neighbour table", KeyVendor: "IEEE registry", KeyDescription: "SNMP",
}

func (i *Identifier) tell(id, key, value string) {
	select {
	case i.news <- inventory.Change{Device: id, Key: key, New: value, By: learnedBy[key]}:
	default:
	}
}
