package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// Chains of merges that are longer than inventory.Root follows, rings, and what parts them: after each batch the store
// has the devices of the fold.
func TestLongChainsOfMerges(t *testing.T) {
	const ids = 40
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j, whole := open(t, o), journal{id: "a"}, inventory.NewFold()
		random := rand.New(rand.NewPCG(1, 2))
		add := func(lines ...inventory.Line) {
			t.Helper()
			for i := range lines {
				whole.Line(&lines[i])
			}
			apply(t, s, j.batch(lines...))
			have, want := jsonOf(t, devices(t, s, inventory.Query{})), jsonOf(t, whole.Devices(advise))
			if have != want {
				t.Fatalf("the store has\n%s\nand the fold\n%s", have, want)
			}
		}
		for _, i := range random.Perm(ids - 1) { // a chain of 40, made in any order
			add(session("", benchDevice(i), i), change(benchDevice(i), "merge", benchDevice(i+1), 1))
		}
		add(change(benchDevice(ids-1), "merge", benchDevice(20), 2)) // a ring at its end
		for n := range 60 {
			into := benchDevice(random.IntN(ids))
			if n%4 == 0 {
				into = ""
			}
			add(change(benchDevice(random.IntN(ids)), "merge", into, 3+n), session(fmt.Sprint(n), benchDevice(random.IntN(ids)), n))
		}
	})
}
