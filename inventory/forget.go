package inventory

import "time"

// Forgettable reports whether a tally of a source device was last heard of before a time and has nothing that people set, and
// how many sessions it counts.
func (t *Tally) Forgettable(before time.Time) (sessions int64, ok bool) {
	return t.sessions(), t.last != 0 && t.last.time().Before(before) && len(t.settings) == 0
}

// Forget drops the source devices that were last heard of before a time: anybody can make them, and a bridge that stands in
// the open for years would have nothing else. Those of which people set something, or into which they merged another device,
// stay. Their sessions still count, as of no known source.
func (f *Fold) Forget(before time.Time) {
	joined := make(map[string]struct{})
	for _, d := range f.devices {
		joined[d.tally.MergedInto()] = struct{}{}
	}
	for id, d := range f.devices {
		_, keep := joined[id]
		if _, account := SplitID(id); keep || account != Stranger {
			continue
		}
		if sessions, ok := d.tally.Forgettable(before); ok {
			f.elsewhere += sessions
			delete(f.devices, id)
		}
	}
}
