package guard

import "time"

// bound is how many failures in what time are too many, and for how long there is a penalty then.
type bound struct {
	most    int
	in      time.Duration
	penalty time.Duration
}

// tally counts what is under a bound, and holds at most bound.most times.
type tally struct {
	times []time.Time // oldest first
	until time.Time   // the end of the penalty
}

// add counts one more, and begins the penalty when they are too many.
func (t *tally) add(b bound, now time.Time) {
	t.count(b, now)
	if len(t.times) == b.most {
		t.times = t.times[:copy(t.times, t.times[1:])]
	}
	t.times = append(t.times, now)
	if len(t.times) == b.most {
		t.until = now.Add(b.penalty)
	}
}

// count returns how many there are at now.
func (t *tally) count(b bound, now time.Time) int {
	old := 0
	for old < len(t.times) && now.Sub(t.times[old]) >= b.in {
		old++
	}
	t.times = t.times[:copy(t.times, t.times[old:])]
	return len(t.times)
}

// penalised reports whether the penalty lasts.
func (t *tally) penalised(now time.Time) bool { return now.Before(t.until) }
