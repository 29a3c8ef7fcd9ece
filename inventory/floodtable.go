package inventory

import (
	"net/netip"
	"slices"
	"time"
)

// Times of the table are counted from when the Flood was made: half the size of a time.Time, and deaf to clocks that are
// set.

// origin is where sessions come from: a source, or a device that is verified.
type origin struct {
	source netip.Prefix
	device string // id; empty for sessions without a verified login
}

func originOf(s *Session) origin {
	o := origin{source: singleAddress(s.Source.IP)}
	if s.Account != "" {
		o.device = s.Device()
	}
	return o
}

// source is what Flood remembers of one origin.
type source struct {
	shown    []showing
	budget   int   // of sessions
	room     int   // of bytes
	minute   int64 // the minute in which the others were counted
	spent    int   // sessions, of those that were not new
	bytes    int   // of records
	admitted int
}

// showing is when a hello and a reason were shown last.
type showing struct {
	what uint64
	at   time.Duration
}

// takes reports whether a session that showed what may be written, and takes it from the budget of the minute. The first one that
// is too long for what is left takes that too: those that follow need not be measured.
func (s *source) takes(minute int64, session *Session, what uint64, now time.Duration) bool {
	s.turn(minute)
	if s.bytes >= s.room {
		return false
	}
	_, size := session.fit()
	if s.bytes+size > s.room {
		s.bytes = s.room
		return false
	}
	if !s.isNew(what, now) {
		if s.spent >= s.budget {
			return false
		}
		s.spent++
	}
	s.bytes += size
	return true
}

// turn begins a minute.
func (s *source) turn(minute int64) {
	if s.minute != minute {
		s.minute, s.spent, s.bytes, s.admitted = minute, 0, 0, 0
	}
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

// sources is a table of the sources met last. It has two generations: what is met again moves to the recent one, and
// when that is full, or has served for the window, the older one is forgotten.
type sources struct {
	recent, older generation
	apart         map[netip.Prefix]map[netip.Addr]struct{} // addresses of IPv6 networks that are told apart
	since         time.Duration                            // when the recent generation began
}

// generation is half a table of sources.
type generation map[origin]*source

// tellsApart reports whether an address of a /64 is a source of its own: the first 256 are, of the first 256 networks, for as long
// as the process lives. A host could otherwise have as many rows in the inventory as it takes addresses.
func (t *sources) tellsApart(net netip.Prefix, ip netip.Addr) bool {
	known := t.apart[net]
	if known == nil {
		if len(t.apart) >= maxNetworks {
			return false
		}
		if t.apart == nil {
			t.apart = make(map[netip.Prefix]map[netip.Addr]struct{})
		}
		known = make(map[netip.Addr]struct{})
		t.apart[net] = known
	}
	if _, told := known[ip]; !told && len(known) >= maxAddresses {
		return false
	}
	known[ip] = struct{}{}
	return true
}

// at returns the source of an origin, made anew where it is not remembered, and the origin that stands for it.
func (t *sources) at(from origin, now time.Duration) (origin, *source) {
	if net, ok := from.network(); ok && !t.tellsApart(net, from.source.Addr()) {
		from.source = net
	}
	if src := t.find(from, now); src != nil {
		return from, src
	}
	src := &source{budget: floodBudget, room: floodBytes}
	if from.device != "" {
		src.budget, src.room = deviceBudget, deviceBytes
	}
	t.put(from, src, now)
	return from, src
}

// find returns the source of an origin, nil where none is remembered.
func (t *sources) find(from origin, now time.Duration) *source {
	if src := t.recent[from]; src != nil {
		return src
	}
	src := t.older[from]
	if src != nil {
		delete(t.older, from)
		t.put(from, src, now)
	}
	return src
}

func (t *sources) put(from origin, src *source, now time.Duration) {
	if t.recent == nil || len(t.recent) >= maxSources/2 {
		t.turn(now)
	}
	t.recent[from] = src
}

// turn begins a generation.
func (t *sources) turn(now time.Duration) {
	t.older, t.since = t.recent, now
	t.recent = make(generation)
}

// forget lets go of sources that were silent for one to two windows.
func (t *sources) forget(now time.Duration) {
	if t.recent != nil && now-t.since >= floodWindow {
		t.turn(now)
	}
}

// singleAddress returns the prefix that holds ip alone, as records have it.
func singleAddress(ip netip.Addr) netip.Prefix {
	ip = PlainAddress(ip)
	return netip.PrefixFrom(ip, ip.BitLen())
}

// network returns the /64 of an IPv6 address without a verified login.
func (o origin) network() (netip.Prefix, bool) {
	if !o.source.Addr().Is6() || !o.source.IsSingleIP() || o.device != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(o.source.Addr(), 64).Masked(), true
}

// How many lines a minute may have: of the sources beyond, and of a source's listeners and reasons beyond, there is one
// sum each.
const (
	maxFloodSources = 1000
	maxFloodReasons = 8
)

// floodKey is what one flood line sums. The sessions of a line began on one day, since days are balanced.
type floodKey struct {
	origin
	listener, reason string
	day              int32
}

// sums are the flood lines of a minute. The zero value is empty.
type sums struct {
	lines   map[floodKey]*FloodLine
	reasons map[origin]int // how many lines each origin has
	order   []*FloodLine   // as they began
}

// addSession sums a session. It reports false where that would lose whose it is: a verified device's is never summed with others.
func (s *sums) addSession(from origin, session *Session) bool {
	if _, known := s.reasons[from]; from.device != "" && !known && len(s.reasons) >= maxFloodSources {
		return false
	}
	began := session.StartedAt
	if began.IsZero() {
		began = session.Time
	}
	line := s.add(floodKey{from, session.Listener, session.Reason, dayOf(began)}, began, session.Time)
	line.Sessions++
	line.BytesFromDevice += session.BytesFromDevice
	line.BytesToDevice += session.BytesToDevice
	if session.wasAdmitted() {
		line.Admitted++
	}
	return true
}

// add counts one connection and returns its line.
func (s *sums) add(k floodKey, began, at time.Time) *FloodLine {
	k.reason = shown(k.reason, maxName)
	line := s.line(k)
	line.Count++
	if line.First.IsZero() || began.Before(line.First) {
		line.First = began
	}
	if at.After(line.Last) {
		line.Last = at
	}
	return line
}

// line returns the line for k, or the sum it goes under.
func (s *sums) line(k floodKey) *FloodLine {
	if line := s.lines[k]; line != nil {
		return line
	}
	reasons, known := s.reasons[k.origin]
	switch {
	case !k.source.IsValid() && k.device == "", !known && len(s.reasons) >= maxFloodSources:
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
		s.lines, s.reasons = make(map[floodKey]*FloodLine), make(map[origin]int)
	}
	line := &FloodLine{Source: k.source, Device: k.device, Listener: k.listener, Reason: k.reason}
	s.lines[k] = line
	s.order = append(s.order, line)
	if k.origin != (origin{}) {
		s.reasons[k.origin]++
	}
	return line
}

// take returns the lines and begins anew.
func (s *sums) take() []*FloodLine {
	lines := s.order
	*s = sums{}
	return lines
}
