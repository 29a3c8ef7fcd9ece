package inventory

import (
	"cmp"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
)

// maxMerges bounds a chain of merges; people cannot make a ring by Editor, but two bridges at once can.
const maxMerges = 16

// Root returns the id of the device that id is, following what people merged: mergedInto returns for an id the one it
// was merged into, empty for none. Of a ring the smallest id is the root.
func Root(id string, mergedInto func(id string) string) string {
	seen := []string{id}
	for range maxMerges {
		next := mergedInto(id)
		if next == "" {
			return id
		}
		if i := slices.Index(seen, next); i >= 0 {
			return slices.Min(seen[i:])
		}
		seen, id = append(seen, next), next
	}
	return id
}

// Devices returns what the lines come to, by id. Advise may be nil.
func (f *Fold) Devices(advise Advisor) []Device { return slices.Collect(f.All(advise)) }

// All is Devices, one at a time, for who does not need them all at once.
func (f *Fold) All(advise Advisor) iter.Seq[Device] {
	return func(yield func(Device) bool) {
		groups := f.groups()
		shared := make(objects) // devices of one kind have the same hello
		for _, root := range slices.Sorted(maps.Keys(groups)) {
			if d, listed := newDevice(root, groups[root], advise, shared); listed && !yield(d) {
				return
			}
		}
	}
}

// groups are the ids of each device, by its root.
func (f *Fold) groups() map[string][]Member {
	cut := f.cutByDevice()
	groups := make(map[string][]Member, len(f.devices))
	mergedInto := func(id string) string {
		if d := f.devices[id]; d != nil {
			return d.tally.MergedInto()
		}
		return ""
	}
	for id, d := range f.devices {
		root := Root(id, mergedInto)
		groups[root] = append(groups[root], Member{id, &d.tally, cut[id]})
	}
	return groups
}

// cutByDevice counts the sessions that were admitted in a run that is over, and never ended.
func (f *Fold) cutByDevice() map[string]int64 {
	cut := make(map[string]int64)
	for o, n := range f.Opened() {
		if _, over := f.ended[o.Run]; over && n > 0 {
			cut[o.Device] += n
		}
	}
	return cut
}

// Member is one id of a device, usually its only one.
type Member struct {
	ID    string
	Tally *Tally
	Cut   int64 // sessions that were admitted in a run that is over, and never ended
}

// NewDevice returns the device of the ids that people merged into root, which need not be among them, and whether it is
// one to show. Advise may be nil.
func NewDevice(root string, members []Member, advise Advisor) (Device, bool) {
	return newDevice(root, members, advise, nil)
}

func newDevice(root string, members []Member, advise Advisor, shared objects) (Device, bool) {
	members = slices.SortedFunc(slices.Values(members), func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	var all Tally
	var cut int64
	listed := false
	d := Device{ID: root}
	for _, m := range members {
		if !m.Tally.listed() {
			continue
		}
		listed = true
		all.Add(m.Tally)
		cut += m.Cut
		if m.ID != root {
			d.MergedIDs = append(d.MergedIDs, m.ID)
		}
	}
	all.outcomes[indexCut] += cut
	d.Source, d.Account = SplitID(root)
	d.fillFacts(&all, shared)
	d.fillFigures(&all)
	d.fillSettings(settingsOf(root, members))
	if advise != nil {
		advise(&d)
	}
	return d, listed
}

// SplitID returns the two parts of a device id. The source of a flood may be a /64, which has a slash in it.
func SplitID(id string) (source, account string) {
	if source, stranger := strings.CutSuffix(id, "/"+Stranger); stranger {
		return source, Stranger
	}
	source, account, _ = strings.Cut(id, "/")
	return source, account
}

func (d *Device) fillFacts(t *Tally, shared objects) {
	fact := func(f fact) string { return t.facts[f].Text }
	d.SourceIP, d.SourceName, d.SourceMAC = fact(factSource), fact(factSourceName), fact(factSourceMAC)
	d.Vendor, d.Description = fact(factVendor), fact(factDescription)
	d.SourceShared = fact(factShared) != ""
	d.ClientID, d.Hello = shared.object(fact(factClientID)), shared.object(fact(factHello))
	d.Listener, d.Protocol, d.TLSMode = fact(factListener), fact(factProtocol), fact(factTLSMode)
	d.TLSVersion, d.TLSCipher, d.AlertReceived = fact(factTLSVersion), fact(factTLSCipher), fact(factAlertReceived)
	d.AuthMechanism = fact(factMechanism)
	if d.Account == Stranger { // whose mailbox is only claimed, too
		d.ClaimedAccount = fact(factClaimedAccount)
	} else {
		d.Mailbox = fact(factMailbox)
	}
	d.Upstream, d.UpstreamAuth, d.UpstreamSays = fact(factUpstream), fact(factUpstreamAuth), fact(factUpstreamSays)
	d.Stage = Stage(fact(factStage))
	d.Readiness = cmp.Or(fact(factReadiness), "unknown")
	d.Blockers = []string{}
	if b := fact(factBlockers); b != "" && b != NoBlockers {
		d.Blockers = strings.Fields(b)
	}
	d.LastOutcome, d.LastReason = Outcome(fact(factOutcome)), fact(factReason)
	d.LastReasonAt = t.facts[factReason].At.pointer()
}

// objects are JSON objects by their text, so that equal ones are one; nil shares none.
type objects map[string]json.RawMessage

// object returns a JSON object as it stood in a line, nothing where it is none: a log may be anybody's.
func (o objects) object(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	if known, ok := o[text]; ok {
		return known
	}
	var object json.RawMessage
	if json.Valid([]byte(text)) {
		object = json.RawMessage(text)
	}
	if o != nil {
		o[text] = object
	}
	return object
}

func (d *Device) fillFigures(t *Tally) {
	d.FirstSeen, d.LastSeen, d.LastServed = t.first.time(), t.last.time(), t.served.pointer()
	d.Sessions, d.Flooded = t.sessions(), t.flooded
	d.Outcomes = byName(t.outcomes[:], outcomes[:])
	for i, u := range t.versions {
		if u.Count != 0 {
			d.TLSVersions = append(d.TLSVersions, VersionUse{versions[i], u.Count, u.First.time(), u.Last.time()})
		}
	}
	d.BytesFrom, d.BytesTo = t.bytesFrom, t.bytesTo
}

// settingsOf returns what is set for a device: what the root has counts, and where it has none, the latest of the ids
// that were merged into it.
func settingsOf(root string, members []Member) map[string]string {
	values := make(map[string]string)
	for _, key := range Settings {
		var best setting
		for _, m := range members {
			s, ok := m.Tally.settings[key]
			if !ok || s.At <= m.Tally.settings[KeyRemove].At {
				continue
			}
			if m.ID == root {
				best = s
				break
			}
			if best.before(s) {
				best = s
			}
		}
		values[key] = best.Text
	}
	return values
}

func (d *Device) fillSettings(values map[string]string) {
	stage, category := Stage(values[KeyStage]), Category(values[KeyCategory])
	d.Stage, d.StageSet = cmp.Or(stage, d.Stage, StageBridge), stage != ""
	d.Category, d.CategorySet = cmp.Or(category, CategoryUnknown), category != ""
	for _, key := range Settings {
		if key != KeyStage && key != KeyCategory {
			*d.setting(key) = values[key]
		}
	}
}

// setting is where a device has the value of one of Settings; nil: it is none of them.
func (d *Device) setting(key string) *string {
	switch key {
	case KeyStage:
		return (*string)(&d.Stage)
	case KeyDeadline:
		return &d.Deadline
	case KeyOwner:
		return &d.Owner
	case KeyCategory:
		return (*string)(&d.Category)
	case KeyPriority:
		return &d.Priority
	case KeyCost:
		return &d.Cost
	default:
		return d.assetSetting(key)
	}
}

// assetSetting is setting of what asset registers know.
func (d *Device) assetSetting(key string) *string {
	switch key {
	case KeyLocation:
		return &d.Location
	case KeyModel:
		return &d.Model
	case KeyAssetTag:
		return &d.AssetTag
	case KeyTicket:
		return &d.Ticket
	case KeyNote:
		return &d.Note
	}
	return nil
}

// Setting returns the value of one of Settings that holds for the device: where nobody set stage and category, what the rules and the
// guess say. It is empty for another key.
func (d *Device) Setting(key string) string {
	if value := d.setting(key); value != nil {
		return *value
	}
	return ""
}

// Settings returns the values of Settings that people set for the device, without those that are empty.
func (d *Device) Settings() map[string]string {
	values := make(map[string]string)
	for _, key := range Settings {
		guessed := key == KeyStage && !d.StageSet || key == KeyCategory && !d.CategorySet
		if value := d.Setting(key); value != "" && !guessed {
			values[key] = value
		}
	}
	return values
}
