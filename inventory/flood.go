package inventory

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// What is written whole of one source's sessions without a verified login, and of one device's with one.
const (
	floodWindow  = time.Hour // a hello with a reason that was not shown for so long is new
	floodBudget  = 20        // a minute, of those that are not new
	deviceBudget = 60        // a minute, of a verified device's that are not new
	floodBytes   = 64 << 10  // a minute, of all records
	deviceBytes  = 128 << 10 // a minute, of a verified device's: 60 of them fit
	floodMinute  = time.Minute
	maxShown     = 128 // hellos with a reason remembered of one source; what is beyond is not new
	maxSources   = 10_000
	maxAddresses = 256 // of one IPv6 /64 that are told apart
	maxNetworks  = 256 // of which addresses are told apart
)

// Flood is the Recorder that stands before log and journal and keeps a source, or a device that is verified, from filling them.
// Of one source's sessions without a verified login pass all whose hello and reason it did not show in the last hour, and 20 a
// minute of the rest, of a verified device's 60, and no more than 64 and 128 KiB; what does not pass, and every connection that
// was turned away, is summed in a FloodLine, of which one is written a minute for each source or device, listener and reason.
// Admissions of one device beyond 60 a minute share a line. What counts every session, as metrics do, stands beside a Flood and
// not behind it.
//
// Its memory is bounded whatever is sent: it remembers 5,000 to 10,000 sources and devices, those longest silent forgotten first
// (and then new again), 128 hellos with a reason for each, and beyond 256 addresses of one IPv6 /64, which a single host
// can have as many of as it likes, it takes the /64 for the source, in records too. Flood is safe for concurrent use.
type Flood struct {
	Instance Instance // which its lines carry; set before use

	next  Recorder
	write func(FloodLine)
	seed  maphash.Seed
	began time.Time

	mu      sync.Mutex
	ended   bool
	minute  int64 // how many have passed
	sources sources
	sums    sums
	shared  map[sharedKey]*sharedLine
}

// NewFlood returns a Flood that hands on to next and calls write, which is safe for concurrent use, for each line. Run
// must be running for lines to be written.
func NewFlood(next Recorder, write func(FloodLine)) *Flood {
	return &Flood{next: next, write: write, seed: maphash.MakeSeed(), began: time.Now()}
}

// Ended hands s on or sums it.
func (f *Flood) Ended(s *Session) {
	passes, of := f.passes(s)
	if passes && s.Account == "" && !of.IsSingleIP() && of.IsValid() {
		network := *s
		network.Source.Network = of
		s = &network
	}
	if passes {
		f.next.Ended(s)
	}
}

// passes reports whether s is written whole, and sums it where not; and what its source is: an address or a /64.
func (f *Flood) passes(s *Session) (bool, netip.Prefix) {
	now := time.Since(f.began)
	shown := f.shown(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	from, src := f.sources.at(originOf(s), now)
	if f.ended || src.takes(f.minute, s, shown, now) {
		return true, from.source
	}
	return !f.sums.addSession(from, s), from.source
}

// shown condenses what a session showed of its device. The seed keeps a device from choosing a hello that is taken
// for another one's.
func (f *Flood) shown(s *Session) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	_, _ = h.WriteString(s.Hello.Key()) // of fixed length, empty without a hello
	_ = h.WriteByte(0)
	_, _ = h.WriteString(s.Reason)
	return h.Sum64()
}

// TurnedAway sums t. It is not handed on.
func (f *Flood) TurnedAway(t TurnedAway) {
	f.mu.Lock()
	from := origin{source: singleAddress(t.Source)}
	f.sums.add(floodKey{from, t.Listener, t.Reason, dayOf(t.Time)}, t.Time, t.Time)
	ended := f.ended
	f.mu.Unlock()
	if ended {
		f.flush()
	}
}

// Run writes the lines once a minute until ctx is done, and then the last ones. After that every session is handed on
// whole and who is turned away has a line each, so that nothing is lost.
func (f *Flood) Run(ctx context.Context) {
	ticker := time.NewTicker(floodMinute)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.flush()
		case <-ctx.Done():
			f.mu.Lock()
			f.ended = true
			f.mu.Unlock()
			f.flush()
			return
		}
	}
}

// flush begins a new minute and writes the lines of the last one.
func (f *Flood) flush() {
	now := time.Now()
	f.mu.Lock()
	lines := f.sums.take()
	f.minute++
	f.sources.forget(now.Sub(f.began))
	f.mu.Unlock()
	for _, line := range lines {
		line.Time, line.Bridge, line.Run = now, f.Instance.Bridge, f.Instance.Run
		f.write(*line)
	}
}
