package policy

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"drawbridge/inventory"
)

// Change is a moment from which a session would be treated otherwise.
type Change struct {
	At     time.Time
	Before Decision
	After  Decision
}

// Rule is the rule that makes the difference.
func (c *Change) Rule() string {
	if c.After.Upstream != c.Before.Upstream {
		return c.After.Rules[SettingUpstream]
	}
	if c.After.Mailbox != c.Before.Mailbox && c.After.Stage == c.Before.Stage && c.After.WouldStage == c.Before.WouldStage {
		return cmp.Or(c.After.Rules[SettingMailbox], c.Before.Rules[SettingMailbox], Default)
	}
	if c.After.Stage == inventory.StageBridge && c.After.WouldStage == "" { // what ended
		if by := c.Before.Decisive(c.At.Add(-time.Nanosecond)); c.After.Rules[SettingStage] == Default || c.After.Given == c.Before.Given {
			return by
		}
	}
	return c.After.Decisive(c.At)
}

// Changes returns what changes for sessions with these facts after from and before until, in order: another upstream, mailbox or
// stage, or another one in a dry run. Beyond so many those that a schedule makes are left out. What people set is taken as it is
// now.
func (t *Table) Changes(f Facts, from, until time.Time, most int) []Change {
	var changes []Change
	for c := range t.walk(f, from, until, true, differ) {
		if len(changes) < most || !c.BySchedule() {
			changes = append(changes, c)
		}
	}
	return changes
}

// Turns returns what is planned to change for good after from and before until, in order: another upstream, mailbox or stage, or
// another one in a dry run. The hours of a brownout make none: it begins and ends with the rule that gives it. What people set is
// taken as it is now.
func (t *Table) Turns(f Facts, from, until time.Time) []Change {
	return slices.Collect(t.walk(f, from, until, false, turned))
}

// walk yields the moments after from and before until at which a decision differs from the one before. With hours the edges of
// schedules are among them.
func (t *Table) walk(f Facts, from, until time.Time, hours bool, differ func(a, b *Decision) bool) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		s := newSubject(f)
		mine := t.matching(s)
		from, until := from.In(t.zone), until.In(t.zone)
		before := t.decide(mine, s, from)
		for _, at := range t.moments(mine, s, from, until, hours) {
			after := t.decide(mine, s, at)
			if !differ(&before, &after) {
				continue
			}
			if !yield(Change{At: at, Before: before, After: after}) {
				return
			}
			before = after
		}
	}
}

// matching are the rules that are for s, at whatever time.
func (t *Table) matching(s *subject) []rule {
	var mine []rule
	for i := range t.rules {
		if r := &t.rules[i]; r.match.holds(s) {
			mine = append(mine, *r)
		}
	}
	return mine
}

// BySchedule reports whether the hours of a brownout alone make the change, which will come again.
func (c *Change) BySchedule() bool {
	return c.Before.Upstream == c.After.Upstream && c.Before.Mailbox == c.After.Mailbox && c.Before.Given == c.After.Given &&
		c.Before.would() != inventory.StageBlock && c.After.would() != inventory.StageBlock
}

// would is the stage that holds but for a dry run.
func (d *Decision) would() inventory.Stage { return cmp.Or(d.WouldStage, d.Stage) }

func differ(a, b *Decision) bool {
	return a.Upstream != b.Upstream || a.Mailbox != b.Mailbox || a.Stage != b.Stage || a.WouldStage != b.WouldStage
}

// turned reports whether another upstream, mailbox or stage is planned, whatever the hour.
func turned(a, b *Decision) bool {
	return a.Upstream != b.Upstream || a.Mailbox != b.Mailbox || a.Planned() != b.Planned() ||
		a.DryRun != b.DryRun && b.Planned() != inventory.StageBridge
}

// moments are the times after from and before until at which something may change: where a rule begins or ends to hold, where
// block_from comes, and, with hours, where a schedule begins or ends.
func (t *Table) moments(rules []rule, s *subject, from, until time.Time, hours bool) []time.Time {
	var all []time.Time
	add := func(at time.Time) {
		if at.After(from) && at.Before(until) {
			all = append(all, at.In(t.zone))
		}
	}
	for i := range rules {
		r := &rules[i]
		add(r.from)
		add(r.until)
		add(r.settings.BlockFrom.At)
		if r.settings.BlockFrom.Deadline {
			add(s.Set.Begins(t.zone))
		}
		if !hours {
			continue
		}
		for _, w := range r.settings.Schedule {
			for _, at := range w.Edges(from, until) {
				add(at)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}
