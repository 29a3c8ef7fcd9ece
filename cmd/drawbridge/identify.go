package main

import (
	"context"
	"net/netip"
	"sync"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/enrich"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
)

// identifier tells sessions what the network knows of their source, and the inventory what is learned later. It is also the
// Recorder that remembers which devices an address has. It is safe for concurrent use.
type identifier struct {
	enricher *enrich.Enricher
	byMAC    bool
	ledger   *ledger.Ledger
	news     chan inventory.Change // for run; when it is full, news is dropped: a later session's record has it too

	mu      sync.Mutex
	devices map[netip.Addr]map[string]bool // ids by address
}

// How much an identifier remembers. When there are more addresses, it begins anew: what is learned of the ones before
// waits for their next session.
const (
	maxIdentified = 20_000
	maxOfAddress  = 64
	maxNews       = 1_000
)

// newIdentifier makes the identifier of a configuration; it learns while run runs.
func newIdentifier(cfg *config.Config, l *ledger.Ledger, log *zap.Logger) (*identifier, error) {
	i := &identifier{byMAC: cfg.Inventory.IdentifyBy == config.IdentifyByMAC, ledger: l,
		news: make(chan inventory.Change, maxNews), devices: make(map[netip.Addr]map[string]bool)}
	o := enrich.Options{
		ReverseDNS: cfg.Inventory.Enrich.ReverseDNS, MACAddress: cfg.Inventory.Enrich.MACAddress,
		SNMP:    snmpOptions(cfg.Inventory.Enrich.SNMP),
		Learned: i.learned,
		Warn:    func(err error) { log.Warn("what the network tells of devices is incomplete", zap.Error(err)) },
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	i.enricher = enrich.New(o)
	return i, nil
}

// run learns until ctx ends.
func (i *identifier) run(ctx context.Context) error {
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() { i.write(ctx) })
	return i.enricher.Run(ctx)
}

// write hands news to the inventory until ctx ends.
func (i *identifier) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-i.news:
			i.ledger.Learn(ctx, c)
		}
	}
}

// identify tells a session, at its start and at its end, what is known of its source. What makes its device's id must not
// change in between.
func (i *identifier) identify(s *inventory.Session) {
	facts := i.enricher.Facts(s.Source.IP)
	s.Source.Name = facts.Name
	if s.ByMAC {
		return
	}
	s.ByMAC = i.byMAC
	s.Source.MAC, s.Source.Vendor = facts.MAC, facts.Vendor
}

// Admitted implements inventory.Recorder.
func (i *identifier) Admitted(s *inventory.Session) { i.remember(s) }

// Ended implements inventory.Recorder.
func (i *identifier) Ended(s *inventory.Session) { i.remember(s) }

// TurnedAway implements inventory.Recorder.
func (*identifier) TurnedAway(inventory.TurnedAway) {}

// remember notes a device of an address. What a record has no field for may have been learned before.
func (i *identifier) remember(s *inventory.Session) {
	address, id := inventory.PlainAddress(s.Source.IP), s.Device()
	if id == "" || !i.isNew(address, id) {
		return
	}
	if facts := i.enricher.Facts(s.Source.IP); facts.Description != "" {
		i.tell(id, inventory.KeyDescription, facts.Description)
	}
}

func (i *identifier) isNew(address netip.Addr, id string) bool {
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
func (i *identifier) learned(addr netip.Addr, key, value string) {
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
	enrich.KeyName: "reverse DNS", enrich.KeyMAC: "neighbour table", enrich.KeyVendor: "IEEE registry", enrich.KeyDescription: "SNMP",
}

func (i *identifier) tell(id, key, value string) {
	select {
	case i.news <- inventory.Change{Device: id, Key: key, New: value, By: learnedBy[key]}:
	default:
	}
}

// snmpOptions are the configuration's.
func snmpOptions(s *config.SNMP) *enrich.SNMP {
	if s == nil {
		return nil
	}
	o := &enrich.SNMP{Version: "v" + s.Version, Community: secret.New(s.Community.Reveal()), User: s.User, Prefixes: s.Sources}
	if s.Auth != nil {
		o.Auth, o.AuthPassword = s.Auth.Protocol, secret.New(s.Auth.Password.Reveal())
	}
	if s.Privacy != nil {
		o.Privacy, o.PrivacyPassword = s.Privacy.Protocol, secret.New(s.Privacy.Password.Reveal())
	}
	return o
}
