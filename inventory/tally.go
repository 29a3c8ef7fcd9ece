package inventory

import (
	"cmp"
	"slices"
	"time"
)

// fact is something of a device of which the latest value counts.
type fact uint8

// The facts. Their names in a stored Tally are factNames.
const (
	factSource fact = iota
	factSourceName
	factSourceMAC
	factVendor
	factDescription
	factShared
	factHello
	factListener
	factProtocol
	factTLSMode
	factTLSVersion
	factTLSCipher
	factAlertReceived
	factClientID
	factClaimedAccount
	factMailbox
	factMechanism
	factUpstream
	factUpstreamAuth
	factUpstreamSays
	factStage
	factReadiness
	factBlockers
	factOutcome
	factReason
	numFacts
)

var factNames = [numFacts]string{"source_ip", "source_name", "source_mac", "vendor", "snmp_description", "source_shared",
	"hello", "listener", "protocol", "tls_mode", "tls_version", "tls_cipher", "tls_alert_received", "client_id",
	"claimed_account", "mailbox", "auth_mechanism", "upstream", "upstream_auth", "upstream_says", "stage", "readiness",
	"blockers", "outcome", "reason"}

// learned are the facts that a change line of enrichment tells.
var learned = map[string]fact{KeySourceName: factSourceName, KeySourceMAC: factSourceMAC, KeyVendor: factVendor,
	KeyDescription: factDescription}

// outcomes are all outcomes, in the order of a Tally's counts.
var outcomes = [...]Outcome{OutcomeBridged, OutcomeCut, OutcomeTLSFailed, OutcomeRefused, OutcomeLoginFailed,
	OutcomeUpstreamFailed, OutcomeProtocolError, OutcomeAbandoned}

// OutcomeOrder returns all outcomes, in the order in which lists and columns have them.
func OutcomeOrder() []Outcome { return slices.Clone(outcomes[:]) }

const (
	numOutcomes = len(outcomes)
	indexCut    = 1
)

// NoVersion stands in place of a TLS version for sessions without one.
const NoVersion = "none"

// versions are all TLS versions that a session can have, in the order of a Tally's counts.
var versions = [...]string{NoVersion, "ssl3", "1.0", "1.1", "1.2", "1.3"}

const numVersions = len(versions)

// Versions returns the TLS versions that a VersionUse or a Day can tell of, the weakest first.
func Versions() []string { return slices.Clone(versions[:]) }

// maxHistory bounds the changes of one device that are told; the newest stay.
const maxHistory = 200

// stamp is a time in milliseconds since 1970, zero for none: what lines carry, in a third of a time.Time.
type stamp int64

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	return stamp(t.UnixMilli())
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(s)).UTC()
}

// pointer returns the time, nil for none.
func (s stamp) pointer() *time.Time {
	if s == 0 {
		return nil
	}
	t := s.time()
	return &t
}

func earlier(a, b stamp) stamp {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// latest is a value of which the latest counts. Of two of one millisecond the greater one does, so that the order of
// the lines makes no difference.
type latest struct {
	At   stamp
	Text string
}

func (l *latest) set(at stamp, text string) {
	if at > l.At || at == l.At && text > l.Text {
		*l = latest{at, text}
	}
}

// setting is the latest value of a key that people set; an empty Text is one that was cleared.
type setting struct {
	latest
	By string
}

func (s setting) before(o setting) bool {
	return cmp.Or(cmp.Compare(s.At, o.At), cmp.Compare(s.Text, o.Text), cmp.Compare(s.By, o.By)) < 0
}

// use is how often something was seen, first and last.
type use struct {
	Count       int64
	First, Last stamp
}

func (u *use) add(o use) {
	u.Count += o.Count
	u.First = earlier(u.First, o.First)
	u.Last = max(u.Last, o.Last)
}

// Tally is what the lines about one device id come to, days and merged ids left out. Adding lines and tallies in any
// order gives the same Tally: it consists of sums, first and last times, and latest values. Its size is bounded: what
// devices name is of bounded length in the lines, and of the changes the newest 200 stay. Its JSON is how stores and
// snapshots keep it; it is not for others. The zero value is an empty one. A Tally is not safe for concurrent use.
type Tally struct {
	facts              [numFacts]latest
	settings           map[string]setting
	history            []Change // by compareChanges
	first, last        stamp    // began, was heard of
	served             stamp
	outcomes           [numOutcomes]int64
	flooded            int64 // sessions that only a flood line tells of
	versions           [numVersions]use
	bytesFrom, bytesTo int64
}

// Add adds another Tally of the same device, which stays as it is.
func (t *Tally) Add(o *Tally) {
	for i := range o.facts {
		t.facts[i].set(o.facts[i].At, o.facts[i].Text)
	}
	for key, s := range o.settings {
		t.put(key, s)
	}
	t.history = mergeHistory(t.history, o.history)
	t.first = earlier(t.first, o.first)
	t.last, t.served = max(t.last, o.last), max(t.served, o.served)
	for i, n := range o.outcomes {
		t.outcomes[i] += n
	}
	t.flooded += o.flooded
	for i := range o.versions {
		t.versions[i].add(o.versions[i])
	}
	t.bytesFrom += o.bytesFrom
	t.bytesTo += o.bytesTo
}

// put keeps s if it is later than what is set.
func (t *Tally) put(key string, s setting) {
	if have, ok := t.settings[key]; ok && !have.before(s) {
		return
	}
	if t.settings == nil {
		t.settings = make(map[string]setting)
	}
	t.settings[key] = s
}

// learn notes a fact, where there is one.
func (t *Tally) learn(f fact, at stamp, text string) {
	if text != "" {
		t.facts[f].set(at, text)
	}
}

// heard notes when something of the device began and when it was last heard of.
func (t *Tally) heard(began, at stamp) {
	t.first = earlier(t.first, earlier(began, at))
	t.last = max(t.last, at)
}

// MergedInto returns the id of the device that people said this one is, empty if it is one of its own.
func (t *Tally) MergedInto() string { return t.value(KeyMerge) }

// value returns what a key is set to; a removal forgets what was set before.
func (t *Tally) value(key string) string {
	s := t.settings[key]
	if s.At <= t.settings[KeyRemove].At {
		return ""
	}
	return s.Text
}

// sessions returns how many sessions ended, those without a record of their own included.
func (t *Tally) sessions() int64 {
	n := t.flooded
	for _, c := range t.outcomes {
		n += c
	}
	return n
}

// listed reports whether the device is one to show: it had a session, or people named it, and that since it was removed.
func (t *Tally) listed() bool {
	removed, gone := t.settings[KeyRemove]
	if !gone {
		return t.last != 0 || len(t.settings) > 0
	}
	if t.last > removed.At {
		return true
	}
	for key, s := range t.settings {
		if key != KeyRemove && s.At > removed.At {
			return true
		}
	}
	return false
}

// Set returns what people set: the values of Settings that are not empty.
func (t *Tally) Set() map[string]string {
	values := make(map[string]string)
	for _, key := range Settings {
		if v := t.value(key); v != "" {
			values[key] = v
		}
	}
	return values
}

// History returns the changes, the oldest first.
func (t *Tally) History() []Change { return slices.Clone(t.history) }

// compareChanges orders changes by time, and those of one millisecond by what they say.
func compareChanges(a, b Change) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.New, b.New), cmp.Compare(a.Old, b.Old), cmp.Compare(a.By, b.By))
}

// mergeHistory returns the newest changes of both.
func mergeHistory(a, b []Change) []Change {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareChanges)
	return slices.Clone(all[max(len(all)-maxHistory, 0):])
}
