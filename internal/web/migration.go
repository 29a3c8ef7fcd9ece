package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// Migration is a fleet as the rules of the configuration see it. Its functions ask nobody and are safe for concurrent use.
type Migration struct {
	Rules []RuleInfo // in their order
	// Decide tells how the next session of a device would be treated at a time, if it were as the last one.
	Decide func(d *inventory.Device, at time.Time) Treatment
	// Explain tells the same in whole: every setting with who gave it, and what each rule is to the device.
	Explain func(d *inventory.Device, at time.Time) Explanation
	// Ahead returns what changes for a device after from and before until, the first change first.
	Ahead func(d *inventory.Device, from, until time.Time) []Step
	// Replay decides a recorded session anew, at its own time. It is false where the record does not tell that one was decided.
	Replay func(record json.RawMessage) (was, would Treatment, ok bool)
}

// decide is Decide where the rules are known.
func (m *Migration) decide(d *inventory.Device, at time.Time) (t Treatment) {
	if m == nil {
		return t
	}
	return m.Decide(d, at)
}

// RuleInfo is a rule as people read it.
type RuleInfo struct {
	Name        string    // "rules[3]"
	Match       string    // whom it is for
	From, Until time.Time // zero: no bound
	Gives       []Decided // By is empty
}

// Treatment is what the rules make of a session.
type Treatment struct {
	Upstream   string
	Mailbox    string // the one that is opened; empty: not known, since a session ended before it was
	Stage      inventory.Stage
	WouldStage inventory.Stage   // in a dry run; empty: none
	Rules      map[string]string // by setting, who gave it: "rules[3]", "device" or "default"
}

// differs reports whether a session sees a difference between two treatments, or its record one of a dry run.
func (t *Treatment) differs(u *Treatment) bool {
	mailbox := t.Mailbox != "" && u.Mailbox != "" && !strings.EqualFold(t.Mailbox, u.Mailbox)
	return mailbox || t.Upstream != u.Upstream || t.Stage != u.Stage || t.WouldStage != u.WouldStage
}

// Decided is one setting with its value and who gave it.
type Decided struct{ Setting, Value, By string }

// Explanation is what the rules decide for a device, and why.
type Explanation struct {
	Settings []Decided
	Verdicts []Verdict // of every rule, in their order
}

// Verdict is what one rule is to a device, in a sentence.
type Verdict struct {
	Rule, Text string
	Decides    bool
}

// Step is one change to come for a device.
type Step struct {
	At         time.Time
	Stage      inventory.Stage
	WouldStage inventory.Stage // in a dry run; empty: none
	Upstream   string
	Rule       string
	Moves      bool // to another mailbox
}

// Bounds of the page Migration. A fleet is looked through for it once a minute.
const (
	maxFleet     = 20_000 // devices looked through
	maxChanges   = 400    // rows of changes to come
	maxNeeding   = 10     // devices of such a row that are named since they depend on the bridge
	maxRules     = 200    // rules shown
	maxVerdicts  = 100    // rules explained on a device's page
	aheadDays    = 90     // how far the pages look ahead
	nextToChange = 20     // devices named that change first
)

// migrationPage is what /migration shows.
type migrationPage struct {
	*fleet
	Rules     []ruleRow
	MoreRules int
	Pick      *picking
	Said      string
}

// ruleRow is a rule with the number of devices for which it decides something now.
type ruleRow struct {
	RuleInfo
	Devices int
}

// picking is the choice of devices to move. Ticked are all or none at first.
type picking struct {
	devicesPage
	More   int // that fit, and are not shown
	Ticked bool
	AllURL string // ticks all of them
}

// Fits tells how many devices fit the filter.
func (p *picking) Fits() int { return len(p.Devices) + p.More }

// fleet is what the rules do with all devices, now and in the days to come. It is not changed once it is made.
type fleet struct {
	Devices, Unread int // looked through, and left out since there are too many
	Now, Dry        []share
	Changes         []*change
	MoreChanges     int // rows that are left out
	Next            []nextChange
	Zone            *time.Location
	measured        time.Time
	until           time.Time
	stages, dry     map[inventory.Stage]int64
	deciding        map[string]int // devices, by rule
	rows            map[changeKey]*change
}

// changeKey tells changes apart that are shown in one row.
type changeKey struct {
	day, rule, upstream string
	stage, would        inventory.Stage
}

// change is one row of the changes to come: what a rule does to devices on one day. What comes back, as a brownout does, has a row
// for the first time.
type change struct {
	Step
	Date    string
	Devices int
	Again   int // more times within the days, of the device with the most
	Needing int // devices that depend on the bridge
	Names   []string
}

// Hurts tells whether devices lose their mail by it that cannot do without the bridge.
func (c *change) Hurts() bool { return c.Needing > 0 && refuses(c.Stage) }

func refuses(s inventory.Stage) bool {
	return s == inventory.StageBlock || s == inventory.StageBrownout
}

// nextChange is a device with its first change.
type nextChange struct {
	ID    string
	Needs bool
	Step
}

// fleetCache keeps a fleet for a minute, as planCache does a plan.
type fleetCache struct {
	turn  sync.Mutex
	fleet *fleet
}

func (d *dashboard) showMigration(w http.ResponseWriter, r *http.Request) {
	if d.Migration == nil {
		d.showNothing(w, r)
		return
	}
	p, err := d.readMigration(r.Context(), r.URL.Query())
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	if n := changedOf(r.URL.Query().Get("undone")); n > 0 {
		p.Said = "Undone: " + devicesText(n) + " set back."
	}
	d.render(w, r, http.StatusOK, "migration", "Migration", p)
}

func (d *dashboard) readMigration(ctx context.Context, given url.Values) (*migrationPage, error) {
	rules := d.Migration(nil)
	fleet, err := d.readFleet(ctx, rules)
	if err != nil {
		return nil, err
	}
	p := &migrationPage{fleet: fleet}
	for _, r := range rules.Rules[:min(maxRules, len(rules.Rules))] {
		p.Rules = append(p.Rules, ruleRow{r, fleet.deciding[r.Name]})
	}
	p.MoreRules = len(rules.Rules) - len(p.Rules)
	p.Pick, err = d.readPicking(ctx, given)
	return p, err
}

// readPicking finds the devices of a filter, if there is one.
func (d *dashboard) readPicking(ctx context.Context, given url.Values) (*picking, error) {
	p := &picking{devicesPage: devicesPage{filter: parseFilter(given, d.Now().In(d.Zone))}, Ticked: given.Get("tick") == "all"}
	p.query.Strangers = new(bool) // they have no stage
	p.fillSelects()
	p.Selects = slices.DeleteFunc(p.Selects, func(s selection) bool { return s.Key == "strangers" || s.Key == "served" })
	p.Bulk = d.moveForm(func(string) string { return "" }, nil)
	p.Here, p.AllURL = p.link("/migration"), p.link("/migration", "tick", "all")
	if !p.Chosen() {
		return p, nil
	}
	q := p.query
	q.Limit = maxBulk
	var err error
	if p.Devices, p.Total, err = d.Reader.Devices(ctx, q); err != nil {
		return nil, err
	}
	p.More = p.Total - len(p.Devices)
	return p, nil
}

// moveForm is the part of the bulk form that decides how devices are served.
func (d *dashboard) moveForm(typed func(string) string, err error) form {
	f := d.bulkForm(typed, nil)
	f.Fields = slices.DeleteFunc(f.Fields, func(one field) bool {
		return one.Key != inventory.KeyStage && one.Key != inventory.KeyDeadline
	})
	f.show(err)
	return f
}

// readFleet looks through the fleet, or at what it was found to be within the last minute.
func (d *dashboard) readFleet(ctx context.Context, rules *Migration) (*fleet, error) {
	d.fleet.turn.Lock()
	defer d.fleet.turn.Unlock()
	now := d.Now().In(d.Zone)
	if f := d.fleet.fleet; f != nil {
		if age := now.Sub(f.measured); age >= 0 && age < planAge {
			return f, nil
		}
	}
	f := newFleet(now)
	strangers := false
	total, err := d.Reader.EachDevice(ctx, inventory.Query{Strangers: &strangers, Limit: maxFleet}, func(dev *inventory.Device) error {
		if dev.Account != inventory.Stranger {
			f.add(dev, rules)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	f.end(total)
	d.fleet.fleet = f
	return f, nil
}

func newFleet(now time.Time) *fleet {
	return &fleet{Zone: now.Location(), measured: now, until: now.AddDate(0, 0, aheadDays), deciding: make(map[string]int),
		stages: make(map[inventory.Stage]int64), dry: make(map[inventory.Stage]int64), rows: make(map[changeKey]*change)}
}

// add takes one device.
func (f *fleet) add(dev *inventory.Device, rules *Migration) {
	f.Devices++
	t := rules.Decide(dev, f.measured)
	f.stages[t.Stage]++
	if t.WouldStage != "" {
		f.dry[t.WouldStage]++
	}
	counted := make(map[string]bool, len(t.Rules))
	for _, rule := range t.Rules {
		if !counted[rule] {
			counted[rule] = true
			f.deciding[rule]++
		}
	}
	steps := rules.Ahead(dev, f.measured, f.until)
	if len(steps) == 0 {
		return
	}
	f.addNext(nextChange{dev.ID, needsBridge(dev), steps[0]})
	f.addSteps(dev, steps)
}

// addNext keeps the devices that change first.
func (f *fleet) addNext(n nextChange) {
	at, _ := slices.BinarySearchFunc(f.Next, n, func(a, b nextChange) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	if at < nextToChange {
		f.Next = slices.Insert(f.Next, at, n)
		f.Next = f.Next[:min(nextToChange, len(f.Next))]
	}
}

// addSteps counts what changes for a device in the rows.
func (f *fleet) addSteps(dev *inventory.Device, steps []Step) {
	type kind struct {
		key   changeKey
		times int
	}
	var kinds []kind
	for i := range steps {
		s := &steps[i]
		key := changeKey{rule: s.Rule, upstream: s.Upstream, stage: s.Stage, would: s.WouldStage}
		at := slices.IndexFunc(kinds, func(k kind) bool {
			k.key.day = ""
			return k.key == key
		})
		if at < 0 {
			key.day = s.At.In(f.Zone).Format(time.DateOnly)
			kinds = append(kinds, kind{key, 0})
			f.count(key, s, dev)
			continue
		}
		kinds[at].times++
		if row := f.rows[kinds[at].key]; row != nil {
			row.Again = max(row.Again, kinds[at].times)
		}
	}
}

// count adds a device to a row.
func (f *fleet) count(key changeKey, s *Step, dev *inventory.Device) {
	row := f.rows[key]
	if row == nil {
		if len(f.rows) == maxChanges {
			f.MoreChanges++
			return
		}
		row = &change{Step: *s, Date: key.day}
		f.rows[key] = row
	}
	row.Devices++
	row.Moves = row.Moves || s.Moves
	if s.At.Before(row.At) {
		row.At = s.At
	}
	if needsBridge(dev) {
		row.Needing++
		if len(row.Names) < maxNeeding {
			row.Names = append(row.Names, dev.ID)
		}
	}
}

// end puts the rows in order, of an inventory with so many devices.
func (f *fleet) end(total int) {
	f.Unread = max(0, total-maxFleet)
	for _, row := range f.rows {
		f.Changes = append(f.Changes, row)
	}
	slices.SortFunc(f.Changes, func(a, b *change) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Rule+" "+string(a.Stage)+" "+a.Upstream, b.Rule+" "+string(b.Stage)+" "+b.Upstream)
	})
	nowhere := func(inventory.Stage) string { return "" }
	class := toneClass[inventory.Stage]
	f.Now, f.Dry = shares(f.stages, order[inventory.Stage](words.Stages()), nowhere, class), shares(f.dry, order[inventory.Stage](words.Stages()), nowhere, class)
}

// Hurting counts the rows by which devices lose their mail that cannot do without the bridge.
func (f *fleet) Hurting() (n int) {
	for _, c := range f.Changes {
		if c.Hurts() {
			n++
		}
	}
	return n
}

// Moving tells whether a change moves mailboxes.
func (f *fleet) Moving() bool {
	return slices.ContainsFunc(f.Changes, func(c *change) bool { return c.Moves })
}

// forgetFleet is called when what decides how devices are served was changed here.
func (d *dashboard) forgetFleet() {
	d.fleet.turn.Lock()
	defer d.fleet.turn.Unlock()
	d.fleet.fleet = nil
}

// needsBridge reports whether a device depends on the bridge: all but those that are free to go.
func needsBridge(d *inventory.Device) bool {
	return d.Readiness != readinessReady || len(d.Blockers) > 0
}
