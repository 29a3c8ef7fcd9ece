package oauth

import (
	"context"
	"net"
	"time"
)

// SetDial puts another network under the source.
func (o *Options) SetDial(d func(ctx context.Context, network, address string) (net.Conn, error)) {
	o.dial = d
}

// Pauses returns how long requests rest after each of n failures, where the authority wants retryAfter.
func Pauses(n int, retryAfter time.Duration) []time.Duration {
	var p pause
	now := time.Unix(0, 0)
	var rests []time.Duration
	for range n {
		p.failed(now, now, &Error{RetryAfter: retryAfter})
		rests = append(rests, p.until.Sub(now))
		now = p.until
	}
	return rests
}

// RetryAfter reads a header.
func RetryAfter(value string, now time.Time) time.Duration { return retryAfter(value, now) }

// EntriesOf returns how many tokens s keeps.
func EntriesOf(s *Source) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// MaxEntries bounds EntriesOf, MaxRequests those under way.
const (
	MaxEntries  = maxEntries
	MaxRequests = maxRequests
)

// EntraCodes returns the table's numbers, each as often as it stands there.
func EntraCodes() (codes []int) {
	for _, row := range entraCodes {
		codes = append(codes, row.codes...)
	}
	return codes
}
