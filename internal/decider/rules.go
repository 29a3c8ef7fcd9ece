package decider

import (
	"errors"
	"time"

	"drawbridge/config"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

// Rules compiles the rules of a configuration; the first upstream serves what no rule leads elsewhere.
func Rules(cfg *config.Config) (*policy.Table, error) {
	rules := make([]policy.Rule, 0, len(cfg.Rules))
	for i := range cfg.Rules {
		rules = append(rules, ruleOf(&cfg.Rules[i]))
	}
	if len(cfg.Upstreams) == 0 {
		return nil, errors.New("no upstream: name one in upstreams")
	}
	zone := cfg.Timezone
	if zone == nil {
		zone = time.Local
	}
	return policy.Compile(rules, cfg.Upstreams[0].Name, zone)
}

// ruleOf turns a rule of the configuration into policy's.
func ruleOf(r *config.Rule) policy.Rule {
	return policy.Rule{Match: matchOf(r.Match), From: r.From, Until: r.Until, Settings: policy.Settings{
		Upstream: r.Upstream, Mailbox: r.Mailbox, Stage: inventory.Stage(r.Stage), Schedule: r.Schedule,
		BlockFrom: policy.BlockFrom(r.BlockFrom), Message: r.Message, DryRun: r.DryRun, CutSessions: r.CutSessions,
	}}
}

// matchOf turns the match of a rule in the configuration into policy's.
func matchOf(m config.Match) policy.Match {
	out := policy.Match{Source: m.Source, MAC: m.MAC, Listener: m.Listener, Protocol: m.Protocol, Account: m.Account, Device: m.Device,
		Readiness: m.Readiness, UpstreamPercent: m.UpstreamPercent}
	if m.Blockers != nil {
		out.Blockers = append([]string{}, *m.Blockers...)
	}
	if m.Not != nil {
		not := matchOf(*m.Not)
		out.Not = &not
	}
	return out
}
