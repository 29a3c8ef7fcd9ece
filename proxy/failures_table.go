package proxy

import (
	"container/list"
	"time"
)

// table is a map that never has more than most rows: the one not touched for longest goes first. It is not safe for
// concurrent use.
type table[K comparable, V any] struct {
	most    int
	rows    map[K]*list.Element // of *row[K, V]
	order   list.List           // oldest first
	dropped func(K, V)          // called for every row that goes; may be nil
}

type row[K comparable, V any] struct {
	key   K
	value V
}

func newTable[K comparable, V any](most int) *table[K, V] {
	return &table[K, V]{most: most, rows: make(map[K]*list.Element)}
}

func (t *table[K, V]) len() int { return len(t.rows) }

// get returns the row of k, nil where there is none, and leaves its age as it is.
func (t *table[K, V]) get(k K) *V {
	if e, ok := t.rows[k]; ok {
		return &e.Value.(*row[K, V]).value
	}
	return nil
}

// touch returns the row of k, made where there is none, as the newest.
func (t *table[K, V]) touch(k K) *V {
	if e, ok := t.rows[k]; ok {
		t.order.MoveToBack(e)
		return &e.Value.(*row[K, V]).value
	}
	if t.len() >= t.most {
		t.drop(t.order.Front())
	}
	r := &row[K, V]{key: k}
	t.rows[k] = t.order.PushBack(r)
	return &r.value
}

func (t *table[K, V]) remove(k K) {
	if e, ok := t.rows[k]; ok {
		t.drop(e)
	}
}

func (t *table[K, V]) drop(e *list.Element) {
	r := t.order.Remove(e).(*row[K, V])
	delete(t.rows, r.key)
	if t.dropped != nil {
		t.dropped(r.key, r.value)
	}
}

// dropOldest drops rows from the oldest on, as long as over says so.
func (t *table[K, V]) dropOldest(over func(*V) bool) {
	for e := t.order.Front(); e != nil && over(&e.Value.(*row[K, V]).value); e = t.order.Front() {
		t.drop(e)
	}
}

// all yields the rows, the oldest first.
func (t *table[K, V]) all(yield func(K, *V) bool) {
	for e := t.order.Front(); e != nil; e = e.Next() {
		if r := e.Value.(*row[K, V]); !yield(r.key, &r.value) {
			return
		}
	}
}

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
