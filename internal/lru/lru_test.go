package lru_test

import (
	"slices"
	"testing"

	"drawbridge/internal/lru"
)

// rows returns the keys of t, the oldest first.
func rows(t *lru.Table[string, int]) []string {
	var keys []string
	for k := range t.All {
		keys = append(keys, k)
	}
	return keys
}

func TestTable_DropsTheRowNotTouchedForLongest(t *testing.T) {
	var dropped []string
	table := lru.New(3, func(k string, v int) {
		if v != 7 {
			t.Errorf("%s has %d", k, v)
		}
		dropped = append(dropped, k)
	})
	for _, k := range []string{"a", "b", "c", "a", "d"} {
		*table.Touch(k) = 7
	}
	if got := table.Get("c"); got == nil || *got != 7 {
		t.Errorf("c has %v", got)
	}
	_ = *table.Touch("e")
	if want := []string{"b", "c"}; !slices.Equal(dropped, want) {
		t.Errorf("dropped %v, want %v: Get must not make a row younger", dropped, want)
	}
	if got, want := rows(table), []string{"a", "d", "e"}; !slices.Equal(got, want) || table.Len() != 3 {
		t.Errorf("%v are left, want %v", got, want)
	}
}

func TestTable_RemovesAndDropsTheOldest(t *testing.T) {
	var dropped []string
	table := lru.New(10, func(k string, _ int) { dropped = append(dropped, k) })
	for i, k := range []string{"a", "b", "c", "d"} {
		*table.Touch(k) = i
	}
	table.Remove("b")
	table.Remove("missing")
	table.DropOldest(func(v *int) bool { return *v < 3 })
	if want := []string{"b", "a", "c"}; !slices.Equal(dropped, want) {
		t.Errorf("dropped %v, want %v", dropped, want)
	}
	table.DropOldest(func(*int) bool { return true })
	if table.Len() != 0 || table.Get("d") != nil {
		t.Errorf("%v are left", rows(table))
	}
}

func TestTable_AllMayStopAndRemove(t *testing.T) {
	table := lru.New[int, int](10, nil)
	for i := range 10 {
		*table.Touch(i) = i
	}
	for k := range table.All {
		if table.Remove(k); k == 4 {
			break
		}
	}
	if table.Len() != 5 || table.Get(5) == nil {
		t.Errorf("%d are left", table.Len())
	}
}
