package guard

import (
	"time"

	"drawbridge/internal/passwordmemory"
	"drawbridge/proxy/login"
)

// answered learns from the end of a check. It reports whether v is believed: a password that was accepted before, and is refused
// without a response code, is asked again at the next polls first.
func (g *Guesses) answered(c *Check, v login.Verdict, now time.Time) (believed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.flying {
		close(g.flights[c.digest])
		delete(g.flights, c.digest)
	}
	if c.guess {
		g.settle(c, v, now)
	}
	switch v {
	case login.Accepted:
		g.accepted.DropOldest(func(m *memory) bool { return now.Sub(m.last) >= forgetAccepted })
		*g.accepted.Touch(c.digest) = memory{users: c.users, last: now}
		g.refused.Remove(c.digest)
	case login.Rejected, login.Doubted:
		if v == login.Doubted && g.doubts(c) {
			return false
		}
		g.remember(c, now)
	}
	return true
}

// doubtsOf is how many doubts a password that was accepted before has now.
func (g *Guesses) doubtsOf(d passwordmemory.Digest) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.accepted.Get(d); m != nil {
		return m.doubts
	}
	return 0
}

// doubts reports whether a refusal of a password that was accepted before may have been a passing fault. Of several checks
// that were begun before the first doubt only one counts.
func (g *Guesses) doubts(c *Check) bool {
	m := g.accepted.Get(c.digest)
	if m == nil || m.refusals > 0 || m.doubts >= maxDoubts && c.doubts >= maxDoubts {
		return false
	}
	if c.doubts == m.doubts {
		m.doubts++
	}
	return true
}

// settle counts a guess that went up, or may have, and gives back one that did not, or was right.
func (g *Guesses) settle(c *Check, v login.Verdict, now time.Time) {
	for _, user := range c.users {
		u := g.users.Touch(user)
		u.flying--
		if c.stranger {
			u.flyingOfStranger--
		}
		if v.Refused() || v == login.NoAnswer {
			u.sent = append(u.sent, sentGuess{now, c.stranger})
		}
		if u.flying == 0 && !u.recent(g.o.Per, now) {
			g.users.Remove(user)
		}
	}
}

// remember notes that a password was refused. Of several checks under way at the same time only the first one counts:
// the others did not ask again.
func (g *Guesses) remember(c *Check, now time.Time) {
	m, wait := g.accepted.Get(c.digest), askAgainAfter
	if m == nil {
		g.refused.DropOldest(func(m *memory) bool { return now.Sub(m.askAt) >= longestMemory })
		m, wait = g.refused.Touch(c.digest), forgetAfter
	}
	if now.Before(m.askAt) {
		return
	}
	m.users = c.users
	m.refusals++
	m.askAt = now.Add(wait(m.refusals))
}

// askAgainAfter is how long a password that was accepted before is not asked again after so many refusals.
func askAgainAfter(refusals int) time.Duration {
	if refusals == 1 {
		return firstAskAgain
	}
	return doubled(secondAskAgain, refusals-2)
}

// forgetAfter is how long a password that was never accepted is not asked again after so many refusals.
func forgetAfter(refusals int) time.Duration { return doubled(firstForgetting, refusals-1) }

// doubled is d doubled so many times, at most longestMemory.
func doubled(d time.Duration, times int) time.Duration {
	for ; times > 0 && d < longestMemory; times-- {
		d *= 2
	}
	return min(d, longestMemory)
}

// recent reports whether a guess that was sent still counts.
func (u *guessed) recent(per time.Duration, now time.Time) bool {
	return len(u.sent) > 0 && now.Sub(u.sent[len(u.sent)-1].at) < per
}

// count returns how many guesses count now, in all and of strangers.
func (u *guessed) count(per time.Duration, now time.Time) (all, ofStrangers int) {
	old := 0
	for old < len(u.sent) && now.Sub(u.sent[old].at) >= per {
		old++
	}
	u.sent = u.sent[:copy(u.sent, u.sent[old:])]
	ofStrangers = u.flyingOfStranger
	for _, s := range u.sent {
		if s.stranger {
			ofStrangers++
		}
	}
	return len(u.sent) + u.flying, ofStrangers
}
