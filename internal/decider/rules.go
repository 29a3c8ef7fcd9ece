package decider

import (
	"errors"

	"drawbridge/config"
	"drawbridge/proxy/policy"
)

// Rules compiles the rules of a configuration; the first upstream serves what no rule leads elsewhere.
func Rules(cfg *config.Config) (*policy.Table, error) {
	var rules []policy.Rule
	for _, r := range cfg.Rules {
		rules = append(rules, policy.Rule{Match: matchOf(r.Match), Upstream: r.Upstream})
	}
	if len(cfg.Upstreams) == 0 {
		return nil, errors.New("no upstream: name one in upstreams")
	}
	return policy.Compile(rules, cfg.Upstreams[0].Name)
}

// matchOf turns the match of a rule in the configuration into policy's.
func matchOf(m config.Match) policy.Match {
	out := policy.Match{Source: m.Source, Listener: m.Listener, Protocol: m.Protocol, Account: m.Account, Readiness: m.Readiness}
	if m.Blockers != nil {
		out.Blockers = append([]string{}, *m.Blockers...)
	}
	if m.Not != nil {
		not := matchOf(*m.Not)
		out.Not = &not
	}
	return out
}
