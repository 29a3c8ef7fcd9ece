package web_test

import (
	"encoding/json"
	"strings"
	"time"

	"drawbridge/internal/web"
	"drawbridge/inventory"
)

// plannedRules are simple rules over an inventory in memory: what is set, else faxes are warned from next month on by rules[0], and all
// are blocked from their deadline on by rules[1]. Of tickets there is a dry run.
type plannedRules struct{ set map[string]inventory.Plan }

var nextMonth = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func rulesOver(set map[string]inventory.Plan) *web.Migration {
	p := plannedRules{set}
	return &web.Migration{
		Rules: []web.RuleInfo{
			{Name: "rules[0]", Match: "account fax*", From: nextMonth, Gives: []web.Decided{{Setting: "stage", Value: "warn"}}},
			{Name: "rules[1]", Match: "every session", Gives: []web.Decided{{Setting: "block_from", Value: "the device's deadline"}}},
		},
		Decide: p.decide, Explain: p.explain, Ahead: p.ahead, Replay: p.replay,
	}
}

func (p plannedRules) of(d *inventory.Device) inventory.Plan {
	if plan, ok := p.set[d.ID]; ok {
		return plan
	}
	plan := inventory.Plan{Deadline: d.Deadline}
	if d.StageSet {
		plan.Stage = d.Stage
	}
	return plan
}

func (p plannedRules) decide(d *inventory.Device, at time.Time) web.Treatment {
	t := web.Treatment{Upstream: "exchange-online", Stage: inventory.StageBridge, Rules: map[string]string{"stage": "default"}}
	plan := p.of(d)
	switch due := plan.Begins(time.UTC); {
	case plan.Stage != "":
		t.Stage, t.Rules["stage"] = plan.Stage, "device"
	case !due.IsZero() && !at.Before(due):
		t.Stage, t.Rules["stage"] = inventory.StageBlock, "rules[1]"
	case strings.HasPrefix(d.Account, "fax") && !at.Before(nextMonth):
		t.Stage, t.Rules["stage"] = inventory.StageWarn, "rules[0]"
	case strings.HasPrefix(d.Account, "ticket"):
		t.WouldStage = inventory.StageBrownout
	}
	return t
}

func (p plannedRules) explain(d *inventory.Device, at time.Time) web.Explanation {
	t := p.decide(d, at)
	return web.Explanation{
		Settings: []web.Decided{{Setting: "upstream", Value: t.Upstream, By: "default"},
			{Setting: "stage", Value: string(t.Stage), By: t.Rules["stage"]}},
		Verdicts: []web.Verdict{{Rule: "rules[0]", Text: "does not match: account: " + d.Account + " does not fit the entry."},
			{Rule: "rules[1]", Text: "decides: block_from.", Decides: true}},
	}
}

func (p plannedRules) ahead(d *inventory.Device, from, until time.Time) (steps []web.Step) {
	before := p.decide(d, from)
	for at := from.Truncate(24*time.Hour).AddDate(0, 0, 1); at.Before(until); at = at.AddDate(0, 0, 1) {
		if t := p.decide(d, at); t.Stage != before.Stage {
			steps = append(steps, web.Step{At: at, Stage: t.Stage, Upstream: t.Upstream, Rule: t.Rules["stage"]})
			before = t
		}
	}
	return steps
}

func (p plannedRules) replay(record json.RawMessage) (was, would web.Treatment, ok bool) {
	var r struct{ Device, Account string }
	if json.Unmarshal(record, &r) != nil || r.Account == inventory.Stranger {
		return was, would, false
	}
	was = web.Treatment{Upstream: "exchange-online", Stage: inventory.StageBridge}
	would = was
	if plan := p.set[r.Device]; plan.Stage != "" {
		would.Stage = plan.Stage
	}
	return was, would, true
}
