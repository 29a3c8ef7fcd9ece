package vendors

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// Registry maps the first bits of a MAC address to a vendor. It does not change once made and may be used by any number of
// goroutines. The zero value knows nobody.
type Registry struct {
	date   time.Time
	text   string   // all names, one behind the other
	ends   []uint32 // where each name ends in text
	tables []table  // the longest prefixes first
}

// table holds the prefixes of one length, sorted.
type table struct {
	bits     int
	prefixes []uint64
	names    []uint32 // of the prefix at the same place, an index into ends
}

// Lookup returns the vendor as the IEEE writes it, "" where it is not known, and whether the address is random: chosen by
// software (phones and virtual machines do), so that it has no vendor and may change. Only 48-bit addresses have one.
// It does not allocate.
func (r *Registry) Lookup(mac net.HardwareAddr) (vendor string, random bool) {
	if len(mac) != 6 {
		return "", false
	}
	if mac[0]&locallyAdministered != 0 {
		return "", true
	}
	var address uint64
	for _, b := range mac {
		address = address<<8 | uint64(b)
	}
	for _, t := range r.tables {
		if at, found := slices.BinarySearch(t.prefixes, address>>(48-t.bits)); found {
			return r.name(t.names[at]), false
		}
	}
	return "", false
}

// locallyAdministered is the bit of an address's first octet that says that no maker gave it.
const locallyAdministered = 0x02

func (r *Registry) name(n uint32) string {
	start := uint32(0)
	if n > 0 {
		start = r.ends[n-1]
	}
	return r.text[start:r.ends[n]]
}

// Date is when the registry's source was published, to the second: the newest modification time of its files.
func (r *Registry) Date() time.Time { return r.date }

// Len is the number of prefixes.
func (r *Registry) Len() int {
	n := 0
	for _, t := range r.tables {
		n += len(t.prefixes)
	}
	return n
}

// assignment is one line of a register: the first bits of an address, and whose they are.
type assignment struct {
	bits   int
	prefix uint64
	name   string
}

// compile makes a Registry of assignments in any order. A prefix given twice (the IEEE has three such) keeps the name that
// sorts first, so that the same files always make the same registry.
func compile(date time.Time, all []assignment) *Registry {
	slices.SortFunc(all, func(a, b assignment) int {
		return cmp.Or(cmp.Compare(b.bits, a.bits), cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.name, b.name))
	})
	all = slices.CompactFunc(all, func(a, b assignment) bool { return a.bits == b.bits && a.prefix == b.prefix })

	r := &Registry{date: date.UTC().Truncate(time.Second)}
	numbers := r.addNames(all)
	for _, a := range all {
		if len(r.tables) == 0 || r.tables[len(r.tables)-1].bits != a.bits {
			r.tables = append(r.tables, table{bits: a.bits})
		}
		t := &r.tables[len(r.tables)-1]
		t.prefixes = append(t.prefixes, a.prefix)
		t.names = append(t.names, numbers[a.name])
	}
	return r
}

// addNames fills text and ends with every name once, sorted, and returns the number of each.
func (r *Registry) addNames(all []assignment) map[string]uint32 {
	numbers := make(map[string]uint32, len(all))
	for _, a := range all {
		numbers[a.name] = 0
	}
	names := slices.Sorted(maps.Keys(numbers))
	end := uint32(0)
	for n, name := range names {
		numbers[name] = uint32(n)
		end += uint32(len(name))
		r.ends = append(r.ends, end)
	}
	r.text = strings.Join(names, "")
	return numbers
}
