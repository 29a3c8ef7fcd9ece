package inventory

import (
	"net/netip"
	"slices"
	"time"
)

// Times of the table are counted from when the Flood was made: half the size of a time.Time, and deaf to clocks that are
// set.

// source is what Flood remembers of one source.
type source struct {
	shown  []showing
	minute int64 // the minute in which spent were written
	spent  int
}

// showing is when a hello and a reason were shown last.
type showing struct {
	what uint64
	at   time.Duration
}

// isNew reports whether what was not shown within the window before now, and remembers it.
func (s *source) isNew(what uint64, now time.Duration) bool {
	for i := range s.shown {
		if known := &s.shown[i]; known.what == what {
			isNew := now-known.at >= floodWindow
			known.at = now
			return isNew
		}
	}
	if len(s.shown) >= maxShown {
		s.shown = slices.DeleteFunc(s.shown, func(k showing) bool { return now-k.at >= floodWindow })
	}
	if len(s.shown) >= maxShown {
		return false
	}
	s.shown = append(s.shown, showing{what, now})
	return true
}

// spend reports whether the budget of the minute allows one more, and takes it.
func (s *source) spend(minute int64) bool {
	if s.minute != minute {
		s.minute, s.spent = minute, 0
	}
	if s.spent >= floodBudget {
		return false
	}
	s.spent++
	return true
}

// sources is a table of the sources met last. It has two generations: what is met again moves to the recent one, and
// when that is full, or has served for the window, the older one is forgotten.
type sources struct {
	recent, older generation
	since         time.Duration // when the recent generation began
}

// generation is half a table of sources.
type generation struct {
	sources map[netip.Prefix]*source
	nets    map[netip.Prefix]int // how many addresses of each IPv6 /64 are in it
}

// at returns the source of ip, made anew where it is not remembered, and the prefix that stands for it.
func (t *sources) at(ip netip.Addr, now time.Duration) (netip.Prefix, *source) {
	prefix := singleAddress(ip)
	if src := t.find(prefix, now); src != nil {
		return prefix, src
	}
	if net, ok := network(prefix); ok && t.recent.nets[net] >= maxAddresses {
		prefix = net
		if src := t.find(net, now); src != nil {
			return net, src
		}
	}
	src := &source{}
	t.put(prefix, src, now)
	return prefix, src
}

// find returns the source of prefix, nil where none is remembered.
func (t *sources) find(prefix netip.Prefix, now time.Duration) *source {
	if src := t.recent.sources[prefix]; src != nil {
		return src
	}
	src := t.older.sources[prefix]
	if src != nil {
		delete(t.older.sources, prefix)
		t.put(prefix, src, now)
	}
	return src
}

func (t *sources) put(prefix netip.Prefix, src *source, now time.Duration) {
	if t.recent.sources == nil || len(t.recent.sources) >= maxSources/2 {
		t.turn(now)
	}
	t.recent.sources[prefix] = src
	if net, ok := network(prefix); ok {
		t.recent.nets[net]++
	}
}

// turn begins a generation.
func (t *sources) turn(now time.Duration) {
	t.older, t.since = t.recent, now
	t.recent = generation{make(map[netip.Prefix]*source), make(map[netip.Prefix]int)}
}

// forget lets go of sources that were silent for one to two windows.
func (t *sources) forget(now time.Duration) {
	if t.recent.sources != nil && now-t.since >= floodWindow {
		t.turn(now)
	}
}

// singleAddress returns the prefix that holds ip alone, as records have it.
func singleAddress(ip netip.Addr) netip.Prefix {
	ip = PlainAddress(ip)
	return netip.PrefixFrom(ip, ip.BitLen())
}

// network returns the /64 of an IPv6 address.
func network(p netip.Prefix) (netip.Prefix, bool) {
	if !p.Addr().Is6() || !p.IsSingleIP() {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(p.Addr(), 64).Masked(), true
}

// How many lines a minute may have: of the sources beyond, and of a source's listeners and reasons beyond, there is one
// sum each.
const (
	maxFloodSources = 1000
	maxFloodReasons = 8
)

// floodKey is what one flood line sums.
type floodKey struct {
	source           netip.Prefix
	listener, reason string
}

// sums are the flood lines of a minute. The zero value is empty.
type sums struct {
	lines   map[floodKey]*FloodLine
	reasons map[netip.Prefix]int // how many lines each source has
	order   []*FloodLine         // as they began
}

// add counts one connection; sessions is 1 where it had begun a session.
func (s *sums) add(k floodKey, at time.Time, sessions int) {
	k.reason = shown(k.reason, maxName)
	line := s.line(k)
	line.Count++
	line.Sessions += sessions
	if line.First.IsZero() || at.Before(line.First) {
		line.First = at
	}
	if at.After(line.Last) {
		line.Last = at
	}
}

// line returns the line for k, or the sum it goes under.
func (s *sums) line(k floodKey) *FloodLine {
	if line := s.lines[k]; line != nil {
		return line
	}
	reasons, known := s.reasons[k.source]
	switch {
	case !k.source.IsValid(), !known && len(s.reasons) >= maxFloodSources:
		k = floodKey{}
	case reasons >= maxFloodReasons:
		k.listener, k.reason = "", ""
	}
	if line := s.lines[k]; line != nil {
		return line
	}
	return s.begin(k)
}

func (s *sums) begin(k floodKey) *FloodLine {
	if s.lines == nil {
		s.lines, s.reasons = make(map[floodKey]*FloodLine), make(map[netip.Prefix]int)
	}
	line := &FloodLine{Source: k.source, Listener: k.listener, Reason: k.reason}
	s.lines[k] = line
	s.order = append(s.order, line)
	if k.source.IsValid() {
		s.reasons[k.source]++
	}
	return line
}

// take returns the lines and begins anew.
func (s *sums) take() []*FloodLine {
	lines := s.order
	*s = sums{}
	return lines
}
