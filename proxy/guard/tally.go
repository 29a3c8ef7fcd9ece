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
	name  string      // of a pair: the spelling that failed last
	mixed bool        // of a pair: it failed in several spellings
}

// addAs counts a failure of a pair, of one spelling of its account.
func (t *tally) addAs(name string, now time.Time) {
	before := t.count(pairBound, now)
	t.mixed = before > 0 && (t.mixed || t.name != name)
	t.name = name
	t.add(pairBound, now)
}

// forgive forgets the failures of a pair whose account was verified, and reports whether there are none now. Those of other
// spellings stay, or whoever has anna@a.com could guess at anna@b.com without end.
func (t *tally) forgive(name string) bool {
	if t.mixed || t.name != name {
		return len(t.times) == 0
	}
	*t = tally{}
	return true
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
