package guard

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"drawbridge/internal/lru"
	"drawbridge/internal/source"
	"drawbridge/proxy/login"
)

// How long a verified login makes a pair known, how long a source stays marked as shared, and the bounds of what is
// remembered.
const (
	verifiedFor     = 30 * 24 * time.Hour
	maxVerified     = 200_000 // pairs
	sharedFor       = 30 * 24 * time.Hour
	maxShared       = 10_000 // sources
	maxCrowds       = 10_000 // sources
	crowdTime       = 24 * time.Hour
	crowdWithout    = 20 // accounts that a source may have in crowdTime without being taken for a shared one
	saveNewAfter    = 5 * time.Second
	saveRecentAfter = time.Hour
)

// Verified remembers which sources had a verified login as which account in the last 30 days, and which sources stand
// for many devices. Beyond 200,000 pairs the oldest go. It is kept on disk by Run, and safe for concurrent use.
type Verified struct {
	path    string
	damaged error

	mu                  sync.Mutex
	pairs               *lru.Table[pairKey, time.Time] // when last verified
	tokens              *lru.Table[pairKey, time.Time] // likewise, by tokens of devices' own, and by the whole name
	addresses           map[source.Key]int             // how many pairs a source has
	sources             map[string]int                 // how many sources a user has
	neighbours          map[pairKey][]source.Key       // by /64 and account, the one verified longest ago first
	crowds              *lru.Table[source.Key, map[string]time.Time]
	shared              *lru.Table[source.Key, time.Time] // when last seen to be shared
	unsaved, unsavedNew bool
	saved               time.Time
	saveErr             error
}

func newVerified(path string) *Verified {
	v := &Verified{
		path:       path,
		tokens:     lru.New[pairKey, time.Time](maxVerified, nil),
		addresses:  make(map[source.Key]int),
		sources:    make(map[string]int),
		neighbours: make(map[pairKey][]source.Key),
		crowds:     lru.New[source.Key, map[string]time.Time](maxCrowds, nil),
		shared:     lru.New[source.Key, time.Time](maxShared, nil),
		saved:      time.Now(),
	}
	v.pairs = lru.New(maxVerified, v.forgetPair)
	return v
}

// Record notes a verified login.
func (v *Verified) Record(from netip.Addr, account string) {
	v.record(pairOf(from, account), login.UserOf(account), time.Now())
}

// record notes a verified login as an account which counts as crowd where the accounts of a source are counted.
func (v *Verified) record(k pairKey, crowd string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire(now)
	v.unsaved = true
	v.unsavedNew = v.unsavedNew || v.pairs.Get(k) == nil
	v.touch(k, now)
	v.noteCrowd(k.source, crowd, now)
}

// touch notes when a pair was last verified.
func (v *Verified) touch(k pairKey, last time.Time) {
	if v.pairs.Get(k) == nil {
		v.addPair(k)
	}
	*v.pairs.Touch(k) = last
	v.noteNeighbour(k)
}

// recordToken notes a login by a token of the device's own, in memory only. It makes the source known for that very name and
// says nothing more: whoever has a tenant of their own can get tokens for any name in it, so that it neither makes a source
// known for the user of that name elsewhere, nor stand for many devices, nor gives it a part of the guesses that are kept for
// sources which know a user's password.
func (v *Verified) recordToken(from source.Key, name string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens.DropOldest(func(last *time.Time) bool { return now.Sub(*last) >= verifiedFor })
	*v.tokens.Touch(pairKey{from, name}) = now
}

// Has reports whether source had a verified login as account in the last 30 days.
func (v *Verified) Has(from netip.Addr, account string) bool {
	return v.has(pairOf(from, account), login.AccountKey(account), time.Now())
}

// has reports whether a pair had a verified login by password, or its source one by a token for the very name.
func (v *Verified) has(k pairKey, name string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, last := range [...]*time.Time{v.pairs.Get(k), v.tokens.Get(pairKey{k.source, name})} {
		if last != nil && now.Sub(*last) < verifiedFor {
			return true
		}
	}
	return false
}

// SourcesOf returns how many sources had a verified login as account in the last 30 days, whatever the domain.
func (v *Verified) SourcesOf(account string) int {
	return v.sourcesOf(login.UserOf(account), time.Now())
}

func (v *Verified) sourcesOf(user string, now time.Time) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire(now)
	return v.sources[user]
}

// hasUser reports whether a pair had a verified login by password in the last 30 days: a token gives no part of the guesses.
func (v *Verified) hasUser(k pairKey, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire(now)
	return v.pairs.Get(k) != nil
}

// standing is what a source is to the bridge, as far as its verified logins tell.
func (v *Verified) standing(from source.Key, now time.Time) source.Standing {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire(now)
	return source.Standing{Key: from.Network(), Known: v.addresses[from] > 0, Shared: v.shared.Get(from) != nil}
}

func (v *Verified) addPair(k pairKey) {
	v.addresses[k.source]++
	v.sources[k.account]++
}

// forgetPair undoes addPair and noteNeighbour for a pair that was dropped.
func (v *Verified) forgetPair(k pairKey, _ time.Time) {
	v.forgetNeighbour(k)
	countDown(v.addresses, k.source)
	countDown(v.sources, k.account)
}

// countDown takes one from a count, and reports whether that was the last one.
func countDown[K comparable](counts map[K]int, k K) bool {
	if counts[k]--; counts[k] > 0 {
		return false
	}
	delete(counts, k)
	return true
}

func (v *Verified) expire(now time.Time) {
	v.pairs.DropOldest(func(last *time.Time) bool { return now.Sub(*last) >= verifiedFor })
	v.shared.DropOldest(func(last *time.Time) bool { return now.Sub(*last) >= sharedFor })
}

// IsShared reports whether source had more than 20 verified accounts within a day, in the last 30 days: it stands for many
// devices.
func (v *Verified) IsShared(from netip.Addr) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.shared.Get(source.AddressKey(from))
	return last != nil && time.Since(*last) < sharedFor
}

// Shared lists the sources that stand for many devices, in order.
func (v *Verified) Shared() []netip.Addr {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire(time.Now())
	list := make([]netip.Addr, 0, v.shared.Len())
	for k := range v.shared.All {
		list = append(list, k.Addr())
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// noteCrowd counts the entries of the list that a source logs in by, or the users where no list is asked, never their
// spellings: a device must not make itself a shared source. A source found to be shared is counted anew, so that the mark
// lasts as long as the crowd does.
func (v *Verified) noteCrowd(from source.Key, entry string, now time.Time) {
	crowd := v.crowds.Touch(from)
	if *crowd == nil {
		*crowd = make(map[string]time.Time)
	}
	(*crowd)[entry] = now
	if len(*crowd) <= crowdWithout {
		return
	}
	for u, last := range *crowd {
		if now.Sub(last) >= crowdTime {
			delete(*crowd, u)
		}
	}
	if len(*crowd) <= crowdWithout {
		return
	}
	v.crowds.Remove(from)
	v.unsavedNew = v.unsavedNew || v.shared.Get(from) == nil
	*v.shared.Touch(from) = now
}
