package inventory

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Fold turns lines into devices. It is the one way to do so: the live store folds batches of its journal and adds them
// to its rows, a snapshot is the fold of what was dropped, and a log alone is folded whole. The order of the lines and
// how they are split among folds make no difference.
//
// A session counts when it ended. One that was admitted and has no end counts as cut once its run is known to be over;
// for that the fold balances how many were admitted and ended, by run, device and day, and keeps no ids. A Fold grows
// with devices, their days and the bridge's runs, not with sessions. It is not safe for concurrent use.
type Fold struct {
	devices    map[string]*folded
	together   *folded // of all devices, where the days of each are not kept
	runs       runs
	ended      map[string]struct{} // runs that are over
	turnedAway int64
	elsewhere  int64 // sessions of flood lines that name no source
}

// folded is a device and its days.
type folded struct {
	tally Tally
	days  []DayTally // by Day
	open  []balance  // by run and day; none is 0
}

// DayTally is what one device did in one day.
type DayTally struct {
	Day                int32 // days since 1970, UTC
	Outcomes           [numOutcomes]uint32
	Versions           [numVersions]uint32
	Flooded            uint32
	BytesFrom, BytesTo int64
}

// Add adds another DayTally of the same device and day.
func (d *DayTally) Add(o DayTally) {
	for i, n := range o.Outcomes {
		d.Outcomes[i] += n
	}
	for i, n := range o.Versions {
		d.Versions[i] += n
	}
	d.Flooded += o.Flooded
	d.BytesFrom += o.BytesFrom
	d.BytesTo += o.BytesTo
}

// NewFold returns an empty Fold.
func NewFold() *Fold {
	return &Fold{devices: make(map[string]*folded), runs: runs{numbers: make(map[string]int32)}, ended: make(map[string]struct{})}
}

// NewReportFold returns an empty Fold that keeps the days of all devices together and not of each, which is all that a
// report needs: it takes half of the memory. Tallies tells of no day.
func NewReportFold() *Fold {
	f := NewFold()
	f.together = &folded{}
	return f
}

// dayIn returns where a day of a device is counted.
func (f *Fold) dayIn(d *folded, n int32) *DayTally { return cmp.Or(f.together, d).day(n) }

// Line adds one line. The line is not kept.
func (f *Fold) Line(l *Line) {
	switch l.Message {
	case MessageSession:
		f.session(l)
	case MessageAdmitted:
		f.admitted(l)
	case MessageFlood:
		f.flood(&l.Flood, l.Run)
	case MessageChange:
		f.change(&l.Change)
	case MessageBridge:
		f.bridge(&l.Start)
	}
}

func (f *Fold) device(id string) *folded {
	d := f.devices[id]
	if d == nil {
		d = &folded{}
		f.devices[strings.Clone(id)] = d
	}
	return d
}

// day returns the tally of a day; it is good until the next call.
func (d *folded) day(n int32) *DayTally {
	if last := len(d.days) - 1; last >= 0 && d.days[last].Day == n {
		return &d.days[last]
	}
	i, found := slices.BinarySearchFunc(d.days, n, func(t DayTally, n int32) int { return int(t.Day) - int(n) })
	if !found {
		d.days = slices.Insert(d.days, i, DayTally{Day: n})
	}
	return &d.days[i]
}

func dayOf(t time.Time) int32 {
	return int32(t.Unix() / (24 * 60 * 60)) //nolint:gosec // 5.8 million years
}

func (f *Fold) admitted(l *Line) {
	s := &l.Session
	if s.Device == "" {
		return
	}
	d, at := f.device(s.Device), stampOf(l.Time)
	d.tally.heard(stampOf(s.StartedAt), at)
	d.tally.served = max(d.tally.served, at)
	d.tally.learnSession(s, at)
	d.balance(f.runs.index(l.Run), dayOf(s.StartedAt), int64(max(s.Count, 1)))
}

func (f *Fold) session(l *Line) {
	s := &l.Session
	if s.Device == "" {
		f.elsewhere++
		return
	}
	d, at, began := f.device(s.Device), stampOf(l.Time), stampOf(s.StartedAt)
	t := &d.tally
	n := dayOf(s.StartedAt)
	t.heard(began, at)
	t.learnSession(s, at)
	if s.wasAdmitted() {
		t.served = max(t.served, at)
		d.balance(f.runs.index(l.Run), n, -1)
	}
	outcome, version := outcomeIndex(s.Outcome), versionIndex(s.TLSVersion)
	t.outcomes[outcome]++
	t.versions[version].add(use{1, earlier(began, at), at})
	t.bytesFrom += s.BytesFromDevice
	t.bytesTo += s.BytesToDevice
	day := f.dayIn(d, n)
	day.Outcomes[outcome]++
	day.Versions[version]++
	day.BytesFrom += s.BytesFromDevice
	day.BytesTo += s.BytesToDevice
}

// wasAdmitted reports whether the session has an admitted line: its relay began, or the device left while it was told
// that it may go on.
func (s *SessionLine) wasAdmitted() bool {
	switch s.Phase {
	case PhaseRelay:
		return true
	case PhaseAdmit:
		return s.Proven && (s.Outcome == OutcomeAbandoned || s.Outcome == OutcomeCut)
	}
	return false
}

// outcomeIndex takes an outcome that this version does not know for a protocol error, so that its session counts.
func outcomeIndex(o Outcome) int {
	if i := slices.Index(outcomes[:], o); i >= 0 {
		return i
	}
	return slices.Index(outcomes[:], OutcomeProtocolError)
}

func versionIndex(version string) int { return max(slices.Index(versions[:], version), 0) }

// learnSession notes what a session tells of its device.
func (t *Tally) learnSession(s *SessionLine, at stamp) {
	if s.Source.IsValid() {
		t.learnSource(s.Source, at)
	}
	if s.SourceShared {
		t.learn(factShared, at, "true")
	}
	for _, known := range [...]struct {
		fact fact
		text string
	}{
		{factSourceName, s.SourceName}, {factSourceMAC, s.SourceMAC}, {factVendor, s.Vendor}, {factHello, s.Hello},
		{factListener, s.Listener}, {factProtocol, s.Protocol}, {factTLSMode, s.TLSMode}, {factTLSVersion, s.TLSVersion},
		{factTLSCipher, s.TLSCipher}, {factAlertReceived, s.AlertReceived}, {factClientID, s.ClientID},
		{factMailbox, s.Mailbox}, {factMechanism, s.AuthMechanism}, {factUpstream, s.Upstream}, {factUpstreamAuth, s.UpstreamAuth},
		{factUpstreamSays, s.UpstreamSays}, {factStage, string(s.Stage)}, {factReadiness, s.Readiness},
		{factBlockers, s.Blockers}, {factOutcome, string(s.Outcome)}, {factReason, s.Reason},
	} {
		t.learn(known.fact, at, known.text)
	}
	if s.Account == "" {
		t.learn(factClaimedAccount, at, s.ClaimedAccount)
	}
}

// learnSource notes the address of a session. Most devices keep theirs, whose text is not made again.
func (t *Tally) learnSource(ip netip.Addr, at stamp) {
	var room [48]byte
	text, have := ip.AppendTo(room[:0]), &t.facts[factSource]
	if have.Text == string(text) {
		have.At = max(have.At, at)
		return
	}
	t.learn(factSource, at, string(text))
}

// flood counts the sessions that have no record of their own for their device, or their source device. Who was turned away before
// a session began makes no device: anybody can.
func (f *Fold) flood(l *FloodLine, run string) {
	f.turnedAway += int64(l.Count - l.Sessions)
	if l.Sessions <= 0 {
		return
	}
	if !l.Source.IsValid() && l.Device == "" {
		f.elsewhere += int64(l.Sessions)
		return
	}
	d := f.device(cmp.Or(l.Device, sourceDevice(l)))
	t, n := &d.tally, dayOf(l.First)
	t.heard(stampOf(l.First), stampOf(l.Last))
	t.flooded += int64(l.Sessions)
	t.bytesFrom += l.BytesFromDevice
	t.bytesTo += l.BytesToDevice
	if l.Admitted > 0 {
		t.served = max(t.served, stampOf(l.Last))
		d.balance(f.runs.index(run), n, -int64(l.Admitted))
	}
	day := f.dayIn(d, n)
	day.Flooded += uint32(l.Sessions) //nolint:gosec // connections of a minute
	day.BytesFrom += l.BytesFromDevice
	day.BytesTo += l.BytesToDevice
}

// sourceDevice is the id of the source device of a flood line: of an address, or of a /64 that used too many.
func sourceDevice(l *FloodLine) string {
	if l.Source.IsSingleIP() {
		return PlainAddress(l.Source.Addr()).String() + "/" + Stranger
	}
	return l.Source.String() + "/" + Stranger
}

func (f *Fold) change(c *Change) {
	if c.Device == "" {
		return
	}
	t, at := &f.device(c.Device).tally, stampOf(c.Time)
	t.history = mergeHistory(t.history, []Change{*c})
	if fact, ok := learned[c.Key]; ok {
		t.learn(fact, at, c.New)
		return
	}
	t.put(c.Key, setting{latest{at, c.New}, c.By})
}

func (f *Fold) bridge(l *BridgeLine) {
	if l.Event == BridgeStart && l.Previous != "" {
		f.ended[l.Previous] = struct{}{}
	}
}

// Add adds what another Fold has, which stays as it is.
func (f *Fold) Add(o *Fold) {
	for id, from := range o.devices {
		d := f.device(id)
		d.tally.Add(&from.tally)
		for _, day := range from.days {
			f.dayIn(d, day.Day).Add(day)
		}
	}
	for key, n := range o.Opened() {
		f.addOpen(key, n)
	}
	maps.Copy(f.ended, o.ended)
	f.turnedAway += o.turnedAway
	f.elsewhere += o.elsewhere
}

// Tallies returns the devices' tallies and days, by id. Neither is to be changed.
func (f *Fold) Tallies() iter.Seq2[string, Folded] {
	return func(yield func(string, Folded) bool) {
		for _, id := range slices.Sorted(maps.Keys(f.devices)) {
			d := f.devices[id]
			if !yield(id, Folded{&d.tally, d.days}) {
				return
			}
		}
	}
}

// Folded is one device's share of a Fold.
type Folded struct {
	Tally *Tally
	Days  []DayTally
}

// EndedRuns returns the runs that are known to be over.
func (f *Fold) EndedRuns() []string { return slices.Sorted(maps.Keys(f.ended)) }

// TurnedAway returns how many connections got no session.
func (f *Fold) TurnedAway() int64 { return f.turnedAway }

// Elsewhere returns how many sessions are of no known source.
func (f *Fold) Elsewhere() int64 { return f.elsewhere }
