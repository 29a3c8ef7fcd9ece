package main

import (
	"drawbridge/config"
	"drawbridge/proxy/policy"
)

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
