package inventory

import (
	"iter"
	"time"
)

// NotServedAfter is for how long all sessions of a source must have failed for it to be not served.
const NotServedAfter = 7 * 24 * time.Hour

// Failing reports whether the latest session of a device that has logged in did not get through, since a time. One that is blocked,
// then or by now, is refused as it should be.
func (d *Device) Failing(since time.Time) bool {
	return d.Account != Stranger && d.Stage != StageBlock && d.StageNow() != StageBlock && !d.LastSeen.IsZero() && !d.LastSeen.Before(since) &&
		(d.LastServed == nil || d.LastServed.Before(d.LastSeen))
}

// MarkNotServed returns devices with NotServed, as a store gives them which is asked with Query.NotServedSince. The days that count end
// with the latest session, since a log may be an old one. devices, which must be all there are, are gone through twice.
func MarkNotServed(devices iter.Seq[Device]) iter.Seq[Device] {
	return func(yield func(Device) bool) {
		served := make(map[string]time.Time)
		var since time.Time
		for d := range devices {
			if from := d.LastSeen.Add(-NotServedAfter); from.After(since) {
				since = from
			}
			if d.LastServed != nil && d.LastServed.After(served[d.Source]) {
				served[d.Source] = *d.LastServed
			}
		}
		for d := range devices {
			d.NotServed = !d.LastSeen.IsZero() && !d.LastSeen.Before(since) && served[d.Source].Before(since) && d.Stage != StageBlock
			if !yield(d) {
				return
			}
		}
	}
}
