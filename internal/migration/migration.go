// Package migration looks at a fleet through the rules: what changes for which device when, and what other rules would have done
// with the sessions that were. It asks neither clock nor network.
package migration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/decider"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

// Rules are the rules of a configuration with what is known beside them. They are safe for concurrent use.
type Rules struct {
	Table *policy.Table
	Known decider.Known
}

// Plans are what people set for devices, as Known.Plans wants them.
type Plans map[string]map[string]inventory.Plan

// Add takes what was set for d.
func (p Plans) Add(d *inventory.Device) {
	plan := inventory.Plan{Deadline: d.Deadline}
	if d.StageSet {
		plan.Stage = d.Stage
	}
	if plan == (inventory.Plan{}) {
		return
	}
	if p[d.Source] == nil {
		p[d.Source] = make(map[string]inventory.Plan)
	}
	p[d.Source][d.Account] = plan
}

// Of returns what was set for the devices of a source, by account.
func (p Plans) Of(source string) map[string]inventory.Plan { return p[source] }

// FactsOfDevice are what the rules would know of the next session of d, if it were as the last one.
func (r Rules) FactsOfDevice(d *inventory.Device) policy.Facts {
	s := &inventory.Session{Listener: d.Listener, Protocol: d.Protocol, TLSMode: d.TLSMode, Source: inventory.Source{MAC: d.SourceMAC}}
	if ip, err := netip.ParseAddr(cmp.Or(d.SourceIP, d.Source)); err == nil {
		s.Source.IP = ip
	}
	if _, err := netip.ParseAddr(d.Source); err != nil { // devices are told apart by their MAC address
		s.ByMAC, s.Source.MAC = true, d.Source
	}
	f, _ := r.Known.Facts(s, d.Account)
	f.Readiness, f.Blockers = cmp.Or(d.Readiness, "unknown"), d.Blockers
	return f
}

// OutlookDays is how many days an outlook reaches ahead.
const OutlookDays = 400

// Outlook is what the rules make of d now, and what is planned for it next.
func (r Rules) Outlook(d *inventory.Device, now time.Time) *inventory.Outlook {
	f := r.FactsOfDevice(d)
	decision := r.Table.Decide(f, now)
	o := &inventory.Outlook{Stage: decision.Stage, WouldStage: decision.WouldStage, Rule: decision.Decisive(now)}
	for _, c := range r.Table.Turns(f, now, now.AddDate(0, 0, OutlookDays)) {
		if o.Next == nil {
			o.Next = turnOf(&c)
		}
		if c.After.Stage == inventory.StageBlock && c.Before.Stage != inventory.StageBlock {
			o.BlockFrom = &c.At
			break
		}
	}
	return o
}

func turnOf(c *policy.Change) *inventory.Turn {
	t := &inventory.Turn{At: c.At, Stage: c.After.Planned(), Moves: moves(c), Rule: c.Rule()}
	if c.After.DryRun && t.Stage != inventory.StageBridge {
		t.Stage, t.WouldStage = inventory.StageBridge, t.Stage
	}
	if c.After.Upstream != c.Before.Upstream {
		t.Upstream = c.After.Upstream
	}
	return t
}

// Step is one change to come for a device.
type Step struct {
	Device     string          `json:"device"`
	At         time.Time       `json:"at"`
	Stage      inventory.Stage `json:"stage"`
	WouldStage inventory.Stage `json:"would_stage,omitempty"` // in a dry run
	Upstream   string          `json:"upstream"`
	Mailbox    string          `json:"mailbox,omitempty"`
	Rule       string          `json:"rule"`
	// Needs says that the device depends on the bridge: it is not ready, or something keeps it from going direct.
	Needs bool `json:"needs_bridge"`
	// Moves says that the mailbox is another one from then on, with message numbers of its own: a POP3 device that leaves its mail
	// on the server fetches all of it once more.
	Moves bool `json:"moves_mailbox,omitempty"`
	// Hourly says that a schedule alone makes the change, which came before and will come again.
	Hourly bool `json:"by_schedule,omitempty"`
}

// MaxSteps is how many changes of one device are told: a brownout of every working day has some 130 in three months.
const MaxSteps = 400

// Ahead returns what changes for devices after from and before until, in the order in which it does. Strangers have no stage.
func (r Rules) Ahead(devices iter.Seq[inventory.Device], from, until time.Time) []Step {
	var steps []Step
	for d := range devices {
		if d.Account == inventory.Stranger {
			continue
		}
		for _, c := range r.Table.Changes(r.FactsOfDevice(&d), from, until, MaxSteps) {
			steps = append(steps, StepOf(d.ID, NeedsBridge(&d), &c))
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Device, b.Device)) })
	return steps
}

// StepOf is a change of a device, which depends on the bridge or not.
func StepOf(device string, needs bool, c *policy.Change) Step {
	return Step{Device: device, At: c.At, Stage: c.After.Stage, WouldStage: c.After.WouldStage, Upstream: c.After.Upstream,
		Mailbox: c.After.Mailbox, Rule: c.Rule(), Needs: needs, Moves: moves(c),
		Hourly: c.BySchedule()}
}

// moves reports whether other messages are read from then on.
func moves(c *policy.Change) bool {
	return c.After.Upstream != c.Before.Upstream || c.After.Mailbox != c.Before.Mailbox
}

// NeedsBridge reports whether a device depends on the bridge: all but those that are free to go.
func NeedsBridge(d *inventory.Device) bool { return d.Readiness != "ready" || len(d.Blockers) > 0 }

// Record is what a session record tells of how it was decided.
type Record struct {
	Device         string            `json:"device"`
	StartedAt      time.Time         `json:"started_at"`
	SourceIP       string            `json:"source_ip"`
	SourceMAC      string            `json:"source_mac"`
	Listener       string            `json:"listener"`
	Protocol       string            `json:"protocol"`
	TLSMode        string            `json:"tls_mode"`
	Account        string            `json:"account"`
	ClaimedAccount string            `json:"claimed_account"`
	Readiness      string            `json:"readiness"`
	Blockers       []string          `json:"blockers"`
	Upstream       string            `json:"upstream"`
	Mailbox        string            `json:"mailbox"`
	Stage          inventory.Stage   `json:"stage"`
	WouldStage     inventory.Stage   `json:"would_stage"`
	Rules          map[string]string `json:"rules"`
}

// ParseRecord reads a session record.
func ParseRecord(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, fmt.Errorf("read a session record: %w", err)
	}
	return r, nil
}

// Decided reports whether the rules were asked: the device had presented a name.
func (r *Record) Decided() bool { return r.Upstream != "" && r.ClaimedAccount != "" }

// FactsOf are what the rules knew of a recorded session, with what people have set by now.
func (r Rules) FactsOf(rec *Record) policy.Facts {
	s := &inventory.Session{Listener: rec.Listener, Protocol: rec.Protocol, TLSMode: rec.TLSMode, Source: inventory.Source{MAC: rec.SourceMAC}}
	if ip, err := netip.ParseAddr(rec.SourceIP); err == nil {
		s.Source.IP = ip
	}
	s.ByMAC = rec.SourceMAC != "" && strings.HasPrefix(rec.Device, rec.SourceMAC+"/")
	f, _ := r.Known.Facts(s, cmp.Or(rec.ClaimedAccount, rec.Account))
	f.Readiness, f.Blockers = cmp.Or(rec.Readiness, "unknown"), rec.Blockers
	return f
}

// Difference is how other rules would treat the sessions of one device.
type Difference struct {
	Device   string `json:"device"`
	Sessions int    `json:"sessions"` // of the device that would be treated otherwise
	// Of the latest of them.
	Was   Treatment `json:"was"`
	Would Treatment `json:"would"`
	Rule  string    `json:"rule"` // that makes the difference
	Needs bool      `json:"needs_bridge"`
	Moves bool      `json:"moves_mailbox,omitempty"`
	last  time.Time
}

// CutsOff reports whether the device would be refused, and has no other way to its mail.
func (d *Difference) CutsOff() bool {
	return d.Needs && (d.Would.Stage == inventory.StageBlock || d.Would.Stage == inventory.StageBrownout)
}

// Treatment is what the rules make of a session.
type Treatment struct {
	Upstream   string            `json:"upstream"`
	Stage      inventory.Stage   `json:"stage"`
	WouldStage inventory.Stage   `json:"would_stage,omitempty"`
	Rules      map[string]string `json:"rules,omitempty"`
}

// Replay is a comparison of what was with what other rules would do.
type Replay struct {
	Sessions    int          `json:"sessions"` // that were decided anew
	Differences []Difference `json:"differences"`
	by          map[string]*Difference
}

// Add decides a recorded session anew, as of at; zero: of its own time. What does not tell how it was decided is passed over.
func (p *Replay) Add(r Rules, rec *Record, at time.Time) {
	if !rec.Decided() {
		return
	}
	p.Sessions++
	if at.IsZero() {
		at = rec.StartedAt
	}
	d := r.Table.Decide(r.FactsOf(rec), at)
	if d.Upstream == rec.Upstream && d.Stage == cmp.Or(rec.Stage, inventory.StageBridge) && d.WouldStage == rec.WouldStage {
		return
	}
	if p.by == nil {
		p.by = make(map[string]*Difference)
	}
	diff := p.by[rec.Device]
	if diff == nil {
		diff = &Difference{Device: rec.Device}
		p.by[rec.Device] = diff
	}
	diff.Sessions++
	diff.Needs = diff.Needs || rec.Readiness != "ready" || len(rec.Blockers) > 0
	diff.Moves = diff.Moves || d.Upstream != rec.Upstream
	if !rec.StartedAt.Before(diff.last) {
		diff.last = rec.StartedAt
		diff.Was = Treatment{rec.Upstream, cmp.Or(rec.Stage, inventory.StageBridge), rec.WouldStage, rec.Rules}
		diff.Would = Treatment{d.Upstream, d.Stage, d.WouldStage, d.Rules}
		if diff.Rule = d.Decisive(at); d.Upstream != rec.Upstream {
			diff.Rule = d.Rules[policy.SettingUpstream]
		}
	}
}

// End puts the differences in the order of their devices.
func (p *Replay) End() {
	p.Differences = make([]Difference, 0, len(p.by))
	for _, d := range p.by {
		p.Differences = append(p.Differences, *d)
	}
	slices.SortFunc(p.Differences, func(a, b Difference) int { return cmp.Compare(a.Device, b.Device) })
}

// Needing is how many devices of the differences cannot work without the bridge and would no longer be served as they are.
func (p *Replay) Needing() int {
	n := 0
	for i := range p.Differences {
		if p.Differences[i].CutsOff() {
			n++
		}
	}
	return n
}
