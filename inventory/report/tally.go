package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// tally counts devices that share a word.
type tally struct {
	Name      string
	Nobody    bool // nobody owns, nobody knows: the row that asks for work
	Devices   int
	Weak      int
	Overdue   int
	NoDate    int
	Estimated int
	cents     int64
	sessions  int64
}

// tallies are the tallies of one question, by word.
type tallies map[string]*tally

// maxWords bounds how many words a tally tells apart; what comes after them counts as others.
const maxWords = 20_000

const others = "All others"

func (t tallies) of(word string) *tally {
	found := t[word]
	if found == nil && len(t) >= maxWords {
		word = others
		found = t[word]
	}
	if found == nil {
		found = &tally{Name: word}
		t[word] = found
	}
	return found
}

// largest returns the tallies with the most devices, those of nobody first, and sums up what is beyond limit.
func (t tallies) largest(limit int) []*tally {
	sorted := t.sorted(func(a, b *tally) int { return cmp.Compare(b.Devices, a.Devices) })
	if len(sorted) <= limit {
		return sorted
	}
	rest := &tally{Name: others}
	for _, one := range sorted[limit-1:] {
		rest.add(one)
	}
	return append(sorted[:limit-1:limit-1], rest)
}

// inOrder returns the tallies in an order of words; words that are not in it come last.
func (t tallies) inOrder(words []string) []*tally {
	place := func(one *tally) int {
		if i := slices.Index(words, one.Name); i >= 0 {
			return i
		}
		return len(words)
	}
	return t.sorted(func(a, b *tally) int { return cmp.Compare(place(a), place(b)) })
}

func (t tallies) sorted(compare func(a, b *tally) int) []*tally {
	return slices.SortedFunc(maps.Values(t), func(a, b *tally) int {
		return cmp.Or(rank(b.Nobody)-rank(a.Nobody), compare(a, b), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)),
			cmp.Compare(a.Name, b.Name))
	})
}

func (t *tally) add(other *tally) {
	t.Devices += other.Devices
	t.Weak += other.Weak
	t.Overdue += other.Overdue
	t.NoDate += other.NoDate
	t.Estimated += other.Estimated
	t.cents += other.cents
	t.sessions += other.sessions
}

// Sessions is the sum of the sessions.
func (t *tally) Sessions() string { return words.Number(t.sessions) }

// Unestimated is how many devices have no cost.
func (t *tally) Unestimated() int { return t.Devices - t.Estimated }

// figures are what a report counts in one pass over the devices.
type figures struct {
	all       tally // devices that depend on the bridge
	strangers int   // that are not served not
	blocked   int
	free      int // could do without the bridge
	encrypted int // could, if it were for encryption alone
	notReady  int // could not
	notServed []int
	failing   int        // others whose latest session did not get through
	overdue   int        // with strangers that are not served
	weak      []weakness // of devices that ever used weak encryption, strangers not
	weakNow   int        // of these, recently
	timeline  []int      // with strangers that are not served
	quiet     []int
	listed    []int // all but other strangers
	unowned   int

	versions, readiness, categories, steps, vendors, owners, priorities tallies
}

func newFigures(r *Report) *figures {
	f := &figures{versions: tallies{}, readiness: tallies{}, categories: tallies{}, steps: tallies{}, vendors: tallies{},
		owners: tallies{}, priorities: tallies{}}
	for i := range r.Devices {
		f.count(r, i)
	}
	f.order(r)
	return f
}

func (f *figures) count(r *Report, i int) {
	d := &r.Devices[i]
	if stranger(d) && !d.NotServed {
		f.strangers++
		return
	}
	f.listed = append(f.listed, i)
	f.countTrouble(r, i)
	if stranger(d) {
		return
	}
	weak := weakUse(d)
	if weak.sessions > 0 {
		f.weak = append(f.weak, weakness{i, weak.first, r.ended(d, weak)})
	}
	if !depends(d) {
		f.blocked++
		return
	}
	one := tally{Devices: 1, sessions: d.Sessions}
	if weak.sessions > 0 && !weak.last.Before(r.Now.Add(-quietAfter)) {
		one.Weak = 1
	}
	f.countPlan(r, i, &one)
	f.weakNow += one.Weak
	f.all.add(&one)
	f.countWords(d, &one)
}

// countTrouble counts what asks to be looked at first.
func (f *figures) countTrouble(r *Report, i int) {
	d := &r.Devices[i]
	if d.NotServed {
		f.notServed = append(f.notServed, i)
	} else if d.Failing(r.Now.Add(-inventory.NotServedAfter)) {
		f.failing++
	}
	if d.StageNow() == inventory.StageBlock || deadline(d) == "" {
		return
	}
	f.timeline = append(f.timeline, i)
	if r.overdue(d) {
		f.overdue++
	}
}

// countPlan counts what people planned for a device.
func (f *figures) countPlan(r *Report, i int, one *tally) {
	d := &r.Devices[i]
	if d.Leaves(r.Zone) == "" {
		one.NoDate = 1
	}
	if r.overdue(d) {
		one.Overdue = 1
	}
	if sum, ok := cents(d.Cost); ok {
		one.Estimated, one.cents = 1, sum
	}
	if r.quiet(d) {
		f.quiet = append(f.quiet, i)
	}
	if d.Owner == "" {
		f.unowned++
	}
	switch {
	case d.Readiness == "ready" && len(d.Blockers) == 0:
		f.free++
	case d.Readiness == "ready":
		f.encrypted++
	case d.Readiness == "legacy" || d.Readiness == "obsolete" || slices.Contains(d.Blockers, "no_tls"):
		f.notReady++
	}
}

func (f *figures) countWords(d *inventory.Device, one *tally) {
	f.versions.of(latestVersionWords(d)).add(one)
	f.readiness.of(readinessWords(d)).add(one)
	f.categories.of(categoryWords(d)).add(one)
	f.steps.of(stepWords(d)).add(one)
	f.priorities.of(priorityWords(d.Priority)).add(one)
	vendor := f.vendors.of(cmp.Or(d.Vendor, "Not known"))
	vendor.add(one)
	owner := f.owners.of(cmp.Or(d.Owner, "Nobody"))
	owner.Nobody = owner.Nobody || d.Owner == ""
	owner.add(one)
}

// order sorts the lists: the timeline by deadline, the evidence by what is not ended and since when, the quiet by how
// long.
func (f *figures) order(r *Report) {
	slices.SortFunc(f.timeline, func(a, b int) int {
		return cmp.Or(cmp.Compare(r.Devices[a].Deadline, r.Devices[b].Deadline), cmp.Compare(r.Devices[a].ID, r.Devices[b].ID))
	})
	slices.SortFunc(f.quiet, func(a, b int) int {
		return cmp.Or(r.Devices[a].LastSeen.Compare(r.Devices[b].LastSeen), cmp.Compare(r.Devices[a].ID, r.Devices[b].ID))
	})
	slices.SortFunc(f.weak, func(a, b weakness) int {
		return cmp.Or(rank(a.ended)-rank(b.ended), a.since.Compare(b.since),
			cmp.Compare(r.Devices[a.index].ID, r.Devices[b.index].ID))
	})
}

// weakness is one device that used weak encryption, with what it is sorted by.
type weakness struct {
	index int
	since time.Time
	ended bool
}

// evidence returns the indexes of the devices that used weak encryption.
func (f *figures) evidence() []int {
	indexes := make([]int, len(f.weak))
	for i := range f.weak {
		indexes[i] = f.weak[i].index
	}
	return indexes
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}
