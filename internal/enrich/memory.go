package enrich

import "time"

// entry is what is known of an address, and what is to be done for it.
type entry struct {
	facts Facts

	name, description lookup

	told    told // what Learned was told last
	telling bool // the address waits to be told
	missed  bool // the neighbour table did not have it once; it is looked for once more
}

// told is the value of each of toldKeys.
type told [4]string

var toldKeys = [len(told{})]string{KeyName, KeyMAC, KeyVendor, KeyDescription}

func toldOf(f Facts) told { return told{f.Name, f.MAC, f.Vendor, f.Description} }

// lookup is when something is asked next. A lookup that waits or is under way is not due.
type lookup struct {
	due   time.Time // zero: at once
	going bool
}

// start reports whether it is time, and takes the turn.
func (l *lookup) start(now time.Time) bool {
	if l.going || now.Before(l.due) {
		return false
	}
	l.going = true
	return true
}

// end gives the turn back until then.
func (l *lookup) end(then time.Time) { *l = lookup{due: then} }
