package inventory

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Open is what admitted sessions without an end are balanced by.
type Open struct {
	Run, Device string
	Day         int32 // of the session's start, days since 1970, UTC
}

// Opened returns the balance of admitted and ended sessions where there is one. It is negative where the ends were in
// this fold and the admissions are in another.
func (f *Fold) Opened() iter.Seq2[Open, int64] {
	return func(yield func(Open, int64) bool) {
		for id, d := range f.devices {
			for _, b := range d.open {
				if !yield(Open{f.runs.names[b.run], id, b.day}, b.count) {
					return
				}
			}
		}
	}
}

func (f *Fold) addOpen(o Open, n int64) {
	if o.Device != "" {
		f.device(o.Device).balance(f.runs.index(o.Run), o.Day, n)
	}
}

// balance is what a device has open of one run and day. A log alone has no admissions, so that each device has one of
// each day: they are small.
type balance struct {
	run   int32 // in runs
	day   int32
	count int64
}

func (b balance) compare(o balance) int {
	return cmp.Or(cmp.Compare(b.run, o.run), cmp.Compare(b.day, o.day))
}

// balance counts sessions that were admitted, or, below 0, that ended after that.
func (d *folded) balance(run, day int32, n int64) {
	if n == 0 {
		return
	}
	b := balance{run, day, n}
	i := len(d.open) - 1
	if i < 0 || d.open[i].compare(b) != 0 { // most lines are of the day of the line before
		var found bool
		if i, found = slices.BinarySearchFunc(d.open, b, balance.compare); !found {
			d.open = slices.Insert(d.open, i, b)
			return
		}
	}
	if d.open[i].count += n; d.open[i].count == 0 {
		d.open = slices.Delete(d.open, i, i+1)
	}
}

// runs numbers the runs that sessions were open in.
type runs struct {
	numbers map[string]int32
	names   []string
	last    int32 // the number that was asked for last, which is mostly asked for again
}

func (r *runs) index(run string) int32 {
	if int(r.last) < len(r.names) && r.names[r.last] == run {
		return r.last
	}
	n, known := r.numbers[run]
	if !known {
		n = int32(len(r.names)) //nolint:gosec // a bridge starts not so often
		name := strings.Clone(run)
		r.numbers[name] = n
		r.names = append(r.names, name)
	}
	r.last = n
	return n
}
