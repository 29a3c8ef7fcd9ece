package inventory

import (
	"net/netip"
	"time"
)

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
	k.reason = cut(k.reason, maxName)
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
