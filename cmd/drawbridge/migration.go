package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/migration"
	"drawbridge/internal/web"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

// migrationOf is the fleet as the rules of a generation see it, for the dashboard.
func (b *bridge) migrationOf(g *generation) func(map[string]inventory.Plan) *web.Migration {
	infos := ruleInfos(g.cfg)
	return func(set map[string]inventory.Plan) *web.Migration {
		rules := g.rules
		rules.Known.Plans = plansWith(b.ledger.Plans, set)
		book := &ruleBook{Rules: rules, cfg: g.cfg}
		return &web.Migration{
			Rules: infos,
			Decide: func(d *inventory.Device, at time.Time) web.Treatment {
				decision := rules.Decide(rules.LoginOfDevice(d), at)
				return web.Treatment(migration.TreatmentOf(&decision))
			},
			Explain: func(d *inventory.Device, at time.Time) web.Explanation { return book.explanation(d, at) },
			Ahead:   func(d *inventory.Device, from, until time.Time) []web.Step { return changesOf(rules, d, from, until) },
			Replay:  func(record json.RawMessage) (was, would web.Treatment, ok bool) { return replayOne(rules, record) },
		}
	}
}

// plansWith returns what people set, as if this were set too.
func plansWith(now func(string) map[string]inventory.Plan, set map[string]inventory.Plan) func(string) map[string]inventory.Plan {
	if len(set) == 0 {
		return now
	}
	bySource := make(migration.Plans)
	for id, plan := range set {
		source, account, _ := strings.Cut(id, "/")
		if bySource[source] == nil {
			bySource[source] = make(map[string]inventory.Plan)
			for of, kept := range now(source) {
				bySource[source][of] = kept
			}
		}
		bySource[source][account] = plan
	}
	return func(source string) map[string]inventory.Plan {
		if changed, ok := bySource[source]; ok {
			return changed
		}
		return now(source)
	}
}

func changesOf(rules migration.Rules, d *inventory.Device, from, until time.Time) []web.Step {
	all := rules.StepsOfDevice(d, from, until)
	steps := make([]web.Step, len(all))
	for i, s := range all {
		steps[i] = web.Step{At: s.At, Stage: s.Stage, WouldStage: s.WouldStage, Upstream: s.Upstream, Rule: s.Rule, Moves: s.Moves}
	}
	return steps
}

// replayOne decides a recorded session anew, at its own time.
func replayOne(rules migration.Rules, record json.RawMessage) (was, would web.Treatment, ok bool) {
	r, err := migration.ParseRecord(record)
	if err != nil || !r.Decided() {
		return was, would, false
	}
	decision := rules.Decide(rules.LoginOf(&r), r.StartedAt)
	return web.Treatment(r.Treatment()), web.Treatment(migration.TreatmentOf(&decision)), true
}

// explanation is what explain prints, for a device's page.
func (r *ruleBook) explanation(d *inventory.Device, at time.Time) web.Explanation {
	decision, verdicts := r.Explain(r.LoginOfDevice(d), at)
	e := explained{Stage: decision.Stage, WouldStage: decision.WouldStage, planned: decision.Given}
	for _, w := range decision.Schedule {
		e.Schedule = append(e.Schedule, w.String())
	}
	var out web.Explanation
	add := func(setting, value string) {
		if value != "" {
			out.Settings = append(out.Settings, web.Decided{Setting: setting, Value: value, By: decision.Rules[setting]})
		}
	}
	add(policy.SettingUpstream, decision.Upstream)
	add(policy.SettingMailbox, decision.Mailbox)
	add(policy.SettingStage, e.stageText())
	add(policy.SettingSchedule, strings.Join(e.Schedule, ", "))
	if !decision.BlockFrom.IsZero() {
		add(policy.SettingBlockFrom, decision.BlockFrom.In(r.cfg.Timezone).Format(clock))
	}
	add(policy.SettingMessage, decision.Message)
	add(policy.SettingDryRun, yes(decision.DryRun))
	add(policy.SettingCutSessions, yes(decision.CutSessions))
	for _, v := range verdicts {
		out.Verdicts = append(out.Verdicts, verdictOf(&v))
	}
	return out
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func verdictOf(v *policy.Verdict) web.Verdict {
	one := web.Verdict{Rule: v.Rule, Decides: len(v.Decides) > 0}
	switch {
	case one.Decides:
		one.Text = "decides: " + strings.Join(v.Decides, ", ") + "."
	case v.Matches:
		one.Text = "matches, and what it sets is decided already."
	default:
		one.Text = "does not match: " + v.Why + "."
	}
	return one
}

// ruleInfos are the rules of a configuration as people read them.
func ruleInfos(cfg *config.Config) []web.RuleInfo {
	infos := make([]web.RuleInfo, len(cfg.Rules))
	for i := range cfg.Rules {
		r := &cfg.Rules[i]
		infos[i] = web.RuleInfo{Name: fmt.Sprintf("rules[%d]", i), Match: cmp.Or(matchText(&r.Match), "every session"), From: r.From,
			Until: r.Until, Gives: givesOf(r, cfg.Timezone)}
	}
	return infos
}

// givesOf are the settings that a rule has.
func givesOf(r *config.Rule, zone *time.Location) (list []web.Decided) {
	windows := make([]string, len(r.Schedule))
	for i, w := range r.Schedule {
		windows[i] = w.String()
	}
	from := policy.BlockFrom(r.BlockFrom)
	var blockFrom string
	switch {
	case from.Deadline:
		blockFrom = "the device's deadline"
	case !from.At.IsZero():
		blockFrom = from.At.In(zone).Format(clock)
	}
	for _, one := range []web.Decided{{Setting: policy.SettingUpstream, Value: r.Upstream}, {Setting: policy.SettingMailbox, Value: r.Mailbox},
		{Setting: policy.SettingStage, Value: r.Stage}, {Setting: policy.SettingSchedule, Value: strings.Join(windows, ", ")},
		{Setting: policy.SettingBlockFrom, Value: blockFrom}, {Setting: policy.SettingMessage, Value: r.Message},
		{Setting: policy.SettingDryRun, Value: yesNo(r.DryRun)}, {Setting: policy.SettingCutSessions, Value: yesNo(r.CutSessions)}} {
		if one.Value != "" {
			list = append(list, one)
		}
	}
	return list
}

func yesNo(set *bool) string {
	if set == nil {
		return ""
	}
	return cmp.Or(yes(*set), "no")
}

// matchText tells whom a rule is for; empty: everybody.
func matchText(m *config.Match) string {
	var parts []string
	add := func(key string, list []string) {
		if len(list) > 0 {
			parts = append(parts, key+" "+firstOf(list))
		}
	}
	sources := make([]string, len(m.Source))
	for i, p := range m.Source {
		sources[i] = p.String()
	}
	add("source", sources)
	add("mac", m.MAC)
	add("listener", m.Listener)
	add("protocol", m.Protocol)
	add("account", m.Account)
	add("device", m.Device)
	add("readiness", m.Readiness)
	if m.Blockers != nil {
		parts = append(parts, "blockers "+cmp.Or(firstOf(*m.Blockers), "none at all"))
	}
	if m.UpstreamPercent != nil {
		parts = append(parts, fmt.Sprintf("%d of a hundred devices", *m.UpstreamPercent))
	}
	if m.Not != nil {
		parts = append(parts, "but not "+cmp.Or(matchText(m.Not), "anybody"))
	}
	return strings.Join(parts, "; ")
}

// firstOf tells the first entries of a list, and how many there are beside them: a wave's file can have thousands.
func firstOf(list []string) string {
	const shown = 4
	if len(list) <= shown+1 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(slices.Clone(list[:shown]), ", "), len(list)-shown)
}
