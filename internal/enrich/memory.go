package enrich

import (
	"container/list"
	"net/netip"
	"time"
)

// entry is what is known of an address, and what is to be done for it.
type entry struct {
	addr  netip.Addr
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

// memory is the addresses known, maxAddresses at most: a further one displaces the one not seen for longest.
// Its user locks it.
type memory struct {
	most      int
	byAddr    map[netip.Addr]*list.Element
	order     *list.List // of *entry, the last seen in front
	displaced uint64
}

func newMemory(most int) *memory {
	return &memory{most: most, byAddr: make(map[netip.Addr]*list.Element), order: list.New()}
}

// see returns the entry of addr, which is new where there was none.
func (m *memory) see(addr netip.Addr) *entry {
	if at, known := m.byAddr[addr]; known {
		m.order.MoveToFront(at)
		return at.Value.(*entry)
	}
	if len(m.byAddr) >= m.most {
		oldest := m.order.Remove(m.order.Back()).(*entry)
		delete(m.byAddr, oldest.addr)
		m.displaced++
	}
	e := &entry{addr: addr}
	m.byAddr[addr] = m.order.PushFront(e)
	return e
}

// get returns the entry of addr, nil where there is none.
func (m *memory) get(addr netip.Addr) *entry {
	if at, known := m.byAddr[addr]; known {
		return at.Value.(*entry)
	}
	return nil
}
