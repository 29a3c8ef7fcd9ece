package enrich

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"drawbridge/internal/enrich/vendors"
)

// Run looks up what Facts asked for, and tells Options.Learned, until ctx ends; then it ends every lookup, waits for its goroutines and
// returns nil. An error, at once, means that the options make no sense, or that the program is damaged. Run must be
// called once.
func (e *Enricher) Run(ctx context.Context) error {
	if err := e.options.Validate(); err != nil {
		return err
	}
	if _, err := vendors.Embedded(); err != nil {
		return err
	}
	var all sync.WaitGroup
	for range namesAtOnce {
		all.Go(func() { work(ctx, e.names, e.learnName) })
	}
	for range snmpAtOnce {
		all.Go(func() { work(ctx, e.descriptions, e.learnDescription) })
	}
	all.Go(func() { work(ctx, e.tells, e.tell) })
	all.Go(func() { e.look(ctx) })
	all.Wait()
	return nil
}

// work does do for each entry of queue, one after the other, until ctx ends.
func work[T any](ctx context.Context, queue <-chan T, do func(context.Context, T)) {
	for {
		select {
		case <-ctx.Done():
			return
		case entry := <-queue:
			do(ctx, entry)
		}
	}
}

// queue has addr worked on, unless too many wait already.
func (e *Enricher) queue(queue chan<- netip.Addr, addr netip.Addr) bool {
	select {
	case queue <- addr:
		return true
	default:
		e.dropped.Add(1)
		return false
	}
}

// learnName asks for the name of addr, and keeps the one before where there is no answer.
func (e *Enricher) learnName(ctx context.Context, addr netip.Addr) {
	e.namesAsked.Add(1)
	name, err := proveName(ctx, e.options.Resolver, addr)
	if err != nil {
		e.namesFailed.Add(1)
	}
	keep := noNameKept
	if name != "" {
		keep = nameKept
	}
	e.update(addr, func(known *entry) {
		known.name.end(time.Now().Add(keep))
		if err == nil {
			known.facts.Name = name
		}
	})
}

// learnDescription asks the device at addr what it is, and keeps what it said before where it does not answer.
func (e *Enricher) learnDescription(ctx context.Context, addr netip.Addr) {
	e.snmpAsked.Add(1)
	said, err := e.options.SNMP.ask(ctx, addr)
	if err != nil {
		e.snmpFailed.Add(1)
	}
	e.update(addr, func(known *entry) {
		known.description.end(time.Now().Add(snmpEvery))
		if err == nil {
			known.facts.Description, known.facts.ObjectID, known.facts.SystemName = said.description, said.objectID, said.name
		}
	})
}

// update changes the entry of addr, unless it was forgotten meanwhile, and has told what became another.
func (e *Enricher) update(addr netip.Addr, change func(*entry)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.memory.Get(addr); known != nil {
		change(known)
		e.haveTold(addr, known)
	}
}

// haveTold queues an address of which Learned does not know everything. What finds the queue full comes up
// with the next Facts. e.mu is held.
func (e *Enricher) haveTold(addr netip.Addr, known *entry) {
	if known.told != toldOf(known.facts) && !known.telling {
		known.telling = e.queue(e.tells, addr)
	}
}

// tell tells Learned what of addr it does not know.
func (e *Enricher) tell(_ context.Context, addr netip.Addr) {
	e.mu.Lock()
	known := e.memory.Get(addr)
	if known == nil {
		e.mu.Unlock()
		return
	}
	before, after := known.told, toldOf(known.facts)
	known.told, known.telling = after, false
	e.mu.Unlock()

	for i, key := range toldKeys {
		if before[i] != after[i] {
			e.options.Learned(addr, key, after[i])
		}
	}
}

// look looks once more for addresses that the neighbour table did not have, and for a newer registry.
func (e *Enricher) look(ctx context.Context) {
	e.refreshRegistry()
	daily := time.NewTicker(registryLookedAt)
	defer daily.Stop()
	often := time.NewTicker(neighboursLate)
	defer often.Stop()
	if !e.options.MACAddress {
		often.Stop()
	}
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-daily.C:
			e.refreshRegistry()
		case <-often.C:
			e.lookAgain(time.Now())
			_, err := e.neighbours.state()
			if err != nil && !warned {
				e.options.Warn(err)
			}
			warned = err != nil
		}
	}
}

// lookAgain looks into the neighbour table for the addresses that it did not have when they were first seen: the table that was read
// may have been older than the connection.
func (e *Enricher) lookAgain(now time.Time) {
	e.mu.Lock()
	missed := e.missed
	e.missed = make(map[netip.Addr]bool)
	e.mu.Unlock()
	for addr := range missed {
		if at := e.neighbours.lookup(addr, now); at.raw != "" {
			e.update(addr, func(known *entry) { e.noteMAC(known, at) })
		}
	}
}

// refreshRegistry takes Debian's files where they are there and newer than the registry in use.
func (e *Enricher) refreshRegistry() {
	date, err := vendors.Dated(e.options.RegistryDir)
	if err != nil || !date.After(e.registry.Load().Date()) {
		return
	}
	registry, err := vendors.Read(e.options.RegistryDir)
	if err != nil {
		e.options.Warn(fmt.Errorf("read the newer registry of vendors: %w", err))
		return
	}
	e.registry.Store(registry)
}
