package memory

import "testing"

func TestHeap_IsTidiedWhenQuietAndWorthIt(t *testing.T) {
	const mebibyte = 1 << 20
	before := heap{allocated: 100 * mebibyte}
	for _, c := range []struct {
		name string
		now  heap
		want bool
	}{
		{"garbage of a burst that is over", heap{allocated: 100 * mebibyte, live: 20 * mebibyte, objects: 40 * mebibyte}, true},
		{"the burst goes on", heap{allocated: 200 * mebibyte, live: 20 * mebibyte, objects: 40 * mebibyte}, false},
		{"nearly all is alive", heap{allocated: 100 * mebibyte, live: 40 * mebibyte, objects: 42 * mebibyte, free: mebibyte}, false},
		{"free and not given back", heap{allocated: 100 * mebibyte, live: 20 * mebibyte, objects: 20 * mebibyte, free: 30 * mebibyte}, true},
		{"small", heap{allocated: 100 * mebibyte, live: mebibyte, objects: 2 * mebibyte, free: mebibyte}, false},
		{"counted before the collection ended", heap{allocated: 100 * mebibyte, live: 20 * mebibyte, objects: 10 * mebibyte}, false},
	} {
		if got := c.now.tidies(before); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}
