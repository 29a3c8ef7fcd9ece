// Package lru has the one bounded map of the program: whatever strangers send, it never has more rows than it was made for.
package lru

import "github.com/hashicorp/golang-lru/v2/simplelru"

// Table is a map that never has more than a given number of rows: the one not touched for longest goes first. Its rows are
// changed in place. It is not safe for concurrent use.
type Table[K comparable, V any] struct {
	rows *simplelru.LRU[K, *V]
}

// New returns an empty table of at most most rows, at least one. dropped, which may be nil, is called for every row that
// goes, whether it was removed or displaced.
func New[K comparable, V any](most int, dropped func(K, V)) *Table[K, V] {
	var evicted simplelru.EvictCallback[K, *V]
	if dropped != nil {
		evicted = func(k K, v *V) { dropped(k, *v) }
	}
	rows, err := simplelru.NewLRU(most, evicted)
	if err != nil { // most is below 1: a mistake in this program
		panic("lru: " + err.Error())
	}
	return &Table[K, V]{rows}
}

// Len returns the number of rows.
func (t *Table[K, V]) Len() int { return t.rows.Len() }

// Get returns the row of k, nil where there is none, and leaves its age as it is.
func (t *Table[K, V]) Get(k K) *V {
	v, _ := t.rows.Peek(k)
	return v
}

// Touch returns the row of k, made where there is none, as the newest.
func (t *Table[K, V]) Touch(k K) *V {
	if v, ok := t.rows.Get(k); ok {
		return v
	}
	v := new(V)
	t.rows.Add(k, v)
	return v
}

// Remove drops the row of k, where there is one.
func (t *Table[K, V]) Remove(k K) { t.rows.Remove(k) }

// DropOldest drops rows from the oldest on, as long as over says so.
func (t *Table[K, V]) DropOldest(over func(*V) bool) {
	for {
		_, v, ok := t.rows.GetOldest()
		if !ok || !over(v) {
			return
		}
		t.rows.RemoveOldest()
	}
}

// All yields the rows, the oldest first. The row that it is at may be removed meanwhile.
func (t *Table[K, V]) All(yield func(K, *V) bool) {
	for _, k := range t.rows.Keys() {
		if v := t.Get(k); v != nil && !yield(k, v) {
			return
		}
	}
}
