package passwordmemory_test

import (
	"fmt"
	"testing"
	"time"

	"drawbridge/internal/passwordmemory"
)

func TestMemory_IsBounded(t *testing.T) {
	h, m := passwordmemory.NewHasher(), passwordmemory.New[string](3, time.Hour)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	numbered := func(i int) passwordmemory.Digest { return h.Sum("a", fmt.Sprint("p", i)) }
	for i := range 3 {
		m.Remember(numbered(i), "key", now)
	}
	m.Remember(numbered(0), "key", now) // the newest now
	m.Remember(numbered(3), "key", now)
	for i, want := range []bool{true, false, true, true} {
		if key, got := m.Recall(numbered(i), now); got != want || got && key != "key" {
			t.Errorf("password %d: got %q remembered %v, want %v", i, key, got, want)
		}
	}
	m.Remember(numbered(4), "key", now.Add(time.Hour))
	if m.Len() != 1 {
		t.Errorf("got %d rows, want what is over gone", m.Len())
	}
}

func TestMemory_ForgetsInTime(t *testing.T) {
	d := passwordmemory.NewHasher().Sum("a")
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		lifetime, after time.Duration
		want            bool
	}{
		{time.Hour, 0, true}, {time.Hour, time.Hour - 1, true}, {time.Hour, time.Hour, false}, {0, 1e6 * time.Hour, true},
	} {
		m := passwordmemory.New[int](1, tt.lifetime)
		m.Remember(d, 7, now)
		if v, got := m.Recall(d, now.Add(tt.after)); got != tt.want || got && v != 7 {
			t.Errorf("%v of %v later: got %d, %v", tt.after, tt.lifetime, v, got)
		}
		m.Forget(d)
		if _, got := m.Recall(d, now); got || m.Len() != 0 {
			t.Error("what was forgotten is known")
		}
	}
}

func TestSum_TellsPartsApart(t *testing.T) {
	h := passwordmemory.NewHasher()
	seen := make(map[passwordmemory.Digest][]string)
	for _, parts := range [][]string{nil, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"abc", ""}, {"c", "ab"}} {
		d := h.Sum(parts...)
		if before, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", before, parts)
		}
		seen[d] = parts
		if h.Sum(parts...) != d {
			t.Errorf("%q has two digests", parts)
		}
	}
	if passwordmemory.NewHasher().Sum("abc") == h.Sum("abc") {
		t.Error("another hasher makes the same digests")
	}
}
