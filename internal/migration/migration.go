// Package migration looks at a fleet through the rules: what changes for which device when, and what other rules would have done
// with the sessions that were. It asks neither clock nor network.
package migration

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
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

// Login is one login as the rules see it.
type Login struct {
	policy.Facts
	Token bool // the device brings one of its own
}

// Decide returns what the rules say of a login at a time, as a session record has it: Mailbox is the one that is opened.
func (r Rules) Decide(l Login, at time.Time) policy.Decision {
	return r.opened(l, r.Table.Decide(l.Facts, at))
}

// Explain returns the same, with what each rule is to the login.
func (r Rules) Explain(l Login, at time.Time) (policy.Decision, []policy.Verdict) {
	d, verdicts := r.Table.Explain(l.Facts, at)
	return r.opened(l, d), verdicts
}

func (r Rules) opened(l Login, d policy.Decision) policy.Decision {
	return r.Known.Opened(d, l.Account, l.Token)
}

// LoginOfDevice is the next login of d, if it were as the last one.
func (r Rules) LoginOfDevice(d *inventory.Device) Login {
	s := &inventory.Session{Listener: d.Listener, Protocol: d.Protocol, TLSMode: d.TLSMode, Source: inventory.Source{MAC: d.SourceMAC}}
	if ip, err := netip.ParseAddr(cmp.Or(d.SourceIP, d.Source)); err == nil {
		s.Source.IP = ip
	}
	if _, err := netip.ParseAddr(d.Source); err != nil { // devices are told apart by their MAC address
		s.ByMAC, s.Source.MAC = true, d.Source
	}
	f, _ := r.Known.Facts(s, d.Account)
	f.Readiness, f.Blockers = cmp.Or(d.Readiness, "unknown"), d.Blockers
	return Login{f, decider.OwnToken(d.AuthMechanism)}
}

// OutlookDays is how many days an outlook reaches ahead.
const OutlookDays = 400

// Outlook is what the rules make of d now, and what is planned for it next.
func (r Rules) Outlook(d *inventory.Device, now time.Time) *inventory.Outlook {
	l := r.LoginOfDevice(d)
	decision := r.Decide(l, now)
	o := &inventory.Outlook{Stage: decision.Stage, WouldStage: decision.WouldStage, Rule: decision.Decisive(now)}
	for _, c := range r.Table.Turns(l.Facts, now, now.AddDate(0, 0, OutlookDays)) {
		c.Before, c.After = r.opened(l, c.Before), r.opened(l, c.After)
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

// turnOf is nil for what nobody would notice: another mailbox where each login opens its own.
func turnOf(c *policy.Change) *inventory.Turn {
	before, after := TreatmentOf(&c.Before), TreatmentOf(&c.After)
	t := &inventory.Turn{At: c.At, Stage: c.After.Planned(), Moves: before.Moves(&after), Rule: c.Rule()}
	if !t.Moves && t.Stage == c.Before.Planned() && c.After.DryRun == c.Before.DryRun {
		return nil
	}
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
	Mailbox    string          `json:"mailbox,omitempty"` // the one that is opened from then on
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
		steps = append(steps, r.StepsOfDevice(&d, from, until)...)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Device, b.Device)) })
	return steps
}

// StepsOfDevice returns what changes for d after from and before until, in the order in which it does.
func (r Rules) StepsOfDevice(d *inventory.Device, from, until time.Time) []Step {
	steps := r.Steps(r.LoginOfDevice(d), NeedsBridge(d), from, until)
	for i := range steps {
		steps[i].Device = d.ID // by which it is asked for, though its next login may have another
	}
	return steps
}

// Steps returns what changes after from and before until for logins of a device, which depends on the bridge or not. What the rules
// say otherwise and nobody would notice is none: another mailbox where each login opens its own.
func (r Rules) Steps(l Login, needs bool, from, until time.Time) []Step {
	var steps []Step
	for _, c := range r.Table.Changes(l.Facts, from, until, MaxSteps) {
		c.Before, c.After = r.opened(l, c.Before), r.opened(l, c.After)
		before, after := TreatmentOf(&c.Before), TreatmentOf(&c.After)
		if before.Differs(&after) {
			steps = append(steps, Step{Device: l.Device, At: c.At, Stage: after.Stage, WouldStage: after.WouldStage, Upstream: after.Upstream,
				Mailbox: after.Mailbox, Rule: c.Rule(), Needs: needs, Moves: before.Moves(&after), Hourly: c.BySchedule()})
		}
	}
	return steps
}

// NeedsBridge reports whether a device depends on the bridge: all but those that are free to go.
func NeedsBridge(d *inventory.Device) bool { return d.Readiness != "ready" || len(d.Blockers) > 0 }
