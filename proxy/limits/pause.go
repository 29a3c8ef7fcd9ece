package limits

import (
	"regexp"
	"strconv"
	"time"

	"drawbridge/proxy/login"
)

const (
	maxPauses = 10_000    // mailboxes
	maxPause  = time.Hour // whatever an upstream asks for
)

// backOffTold is how Exchange tells for how long it does not want to hear of a mailbox: "Request is throttled. Suggested
// Backoff Time: 89117 milliseconds".
var backOffTold = regexp.MustCompile(`(?i)suggested backoff time: (\d{1,9}) milliseconds`)

// PauseTold returns how long an upstream asked to be left alone, 0 where it did not.
func PauseTold(says string) time.Duration {
	m := backOffTold.FindStringSubmatch(says)
	if m == nil {
		return 0
	}
	ms, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return min(time.Duration(ms)*time.Millisecond, maxPause)
}

// Pause keeps a mailbox from being dialled for a while: its upstream asked for that, and hammering makes it longer. Other
// mailboxes are served.
func (t *Turns) Pause(name string, d time.Duration) {
	if t == nil || d <= 0 {
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused.DropOldest(func(until *time.Time) bool { return !now.Before(*until) })
	*t.paused.Touch(login.AccountKey(name)) = now.Add(d)
}

// pausedUntil refuses a mailbox whose upstream asked to be left alone.
func (t *Turns) pausedUntil(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := t.paused.Get(name)
	if until == nil || !time.Now().Before(*until) {
		return nil
	}
	return login.Refuse(login.Unavailable, "the upstream %s throttles this mailbox and is not asked again until %s: let fewer devices read "+
		"it, less often",
		t.o.Upstream, login.Clock(*until))
}
