package config

import (
	"fmt"
	"slices"
)

// checkRules judges the rules against each other and against what they name.
func (d *decoder) checkRules(c *Config) {
	var scheduled []*Rule
	for i := range c.Rules {
		d.checkRule(c, &c.Rules[i])
		if c.Rules[i].Schedule != nil && !d.passed(c.Rules[i].Until) {
			scheduled = append(scheduled, &c.Rules[i])
		}
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Stage == stageBrownout && !slices.ContainsFunc(scheduled, r.mayMeet) {
			d.warnIn(fmt.Sprintf("rules[%d].stage", i), wrong(`write schedule: "Mon-Fri 10:00-10:30" here, or in a rule for the same devices`,
				"the brownout refuses never: no rule gives it a schedule"))
		}
	}
}

// checkRule tells names in a rule that nothing has.
func (d *decoder) checkRule(c *Config, r *Rule) {
	path := fmt.Sprintf("rules[%d]", r.Index)
	d.checkMatch(c, &r.Match, path+".match")
	if r.Match.Not != nil {
		d.checkMatch(c, r.Match.Not, path+".match.not")
	}
	if r.Upstream != "" && c.upstream(r.Upstream) == nil {
		names := make([]string, len(c.Upstreams))
		for i := range c.Upstreams {
			names[i] = c.Upstreams[i].Name
		}
		d.faultIn(path+".upstream", wrong(choose(r.Upstream, names), "no upstream has the name %s", quoted(r.Upstream)))
	}
	if u := c.upstream(r.Upstream); u != nil && r.Mailbox != "" && u.Auth == AuthPassthrough {
		d.warnIn(path+".mailbox", wrong("delete it, or lead to an upstream with auth: {oauth2: …}",
			"the upstream %s has auth: passthrough, where the mailbox is the login's", u.Name))
	}
}

func (d *decoder) checkMatch(c *Config, m *Match, path string) {
	names := make([]string, len(c.Listeners))
	for i := range c.Listeners {
		names[i] = c.Listeners[i].Name
	}
	for _, name := range m.Listener {
		if !slices.Contains(names, name) {
			d.faultIn(path+".listener", wrong(choose(name, names), "no listener has the name %s", quoted(name)))
		}
	}
	if m.MAC != nil && !c.Inventory.Enrich.MACAddress {
		d.warnIn(path+".mac", wrong("write inventory: {enrich: {mac_address: true}}, or match by source",
			"inventory.enrich.mac_address is false, and no device's MAC address is known"))
	}
}

// mayMeet tells whether some session may match both rules at one time. It says no only where their listeners, protocols, readiness
// or times rule it out.
func (r *Rule) mayMeet(other *Rule) bool {
	a, b := &r.Match, &other.Match
	return share(a.Listener, b.Listener) && share(a.Protocol, b.Protocol) && share(a.Readiness, b.Readiness) &&
		(r.Until.IsZero() || other.From.Before(r.Until)) && (other.Until.IsZero() || r.From.Before(other.Until))
}

// share tells whether two lists have a word in common. Without a list there is every word.
func share(a, b []string) bool {
	return a == nil || b == nil || slices.ContainsFunc(a, func(word string) bool { return slices.Contains(b, word) })
}
