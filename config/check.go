package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"drawbridge/internal/protocol"
)

// check judges what only the whole file tells. It looks at what could be read, so that a fault elsewhere hides none.
func (d *decoder) check(c *Config) {
	d.checkListeners(c)
	d.checkAddresses(c)
	d.checkNames(c)
	d.checkAccounts(c)
	d.checkInventory(&c.Inventory)
	for i := range c.Rules {
		d.checkRule(c, &c.Rules[i])
	}
	for i := range c.Listeners {
		d.checkRoute(c, &c.Listeners[i])
	}
}

func (d *decoder) checkListeners(c *Config) {
	first := map[string]int{}
	for i := range c.Listeners {
		l, path := &c.Listeners[i], fmt.Sprintf("listeners[%d]", i)
		if before, ok := first[l.Name]; ok && l.Name != "" {
			d.faultIn(path+".name", wrong("give each listener a name of its own", "listeners[%d] has the name %s too", before, quoted(l.Name)))
		} else {
			first[l.Name] = i
		}
		d.checkCiphers(l, path)
		d.warnOfAllow(l, path)
		d.warnOfBalancers(l, path)
		d.warnOfProtocol(l, path)
	}
}

func (d *decoder) warnOfAllow(l *Listener, path string) {
	for i, p := range l.Allow {
		if !isLocal(p) {
			d.warnIn(fmt.Sprintf("%s.allow[%d]", path, i),
				wrong("write the ranges of your devices", "%s reaches beyond private networks: whoever is there may try passwords over old TLS", p))
		}
	}
}

func (d *decoder) warnOfBalancers(l *Listener, path string) {
	for i, p := range l.ProxyProtocol {
		if !isLocal(p) && !p.IsSingleIP() {
			d.warnIn(fmt.Sprintf("%s.proxy_protocol[%d]", path, i),
				wrong("write the addresses of your load balancers", "%s reaches beyond private networks: whoever is there may claim any source", p))
		}
	}
}

func (d *decoder) warnOfProtocol(l *Listener, path string) {
	_, port, _ := net.SplitHostPort(l.Address)
	custom, known := protocol.OfPort(port)
	if known && l.Protocol != custom.Name {
		d.warnIn(path+".address", wrong("if this is a slip, write protocol: "+custom.Name, "port %s is the one for %s, and protocol is %s", port, custom.Name, l.Protocol))
	}
}

// checkAddresses tells two keys that want the same port of the same address.
func (d *decoder) checkAddresses(c *Config) {
	type use struct{ path, address string }
	uses := []use{}
	for i := range c.Listeners {
		uses = append(uses, use{fmt.Sprintf("listeners[%d].address", i), c.Listeners[i].Address})
	}
	uses = append(uses, use{"admin.address", c.Admin.Address})
	for i, later := range uses {
		for _, earlier := range uses[:i] {
			if !overlap(earlier.address, later.address) {
				continue
			}
			here, there := later.path, earlier.path
			if d.where[here] == nil { // a default: the fault stands where the file says something
				here, there = there, here
			}
			d.faultIn(here, wrong("give each a port of its own", "%s has the same port", there))
			break
		}
	}
}

// overlap tells whether two addresses cannot both be listened on: the same port, and the same host or one of them every
// host. Port 0 is a free one each time.
func overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return loopbackName(hostA) == loopbackName(hostB) || everyHost(hostA) || everyHost(hostB)
}

func loopbackName(host string) string {
	if host == "localhost" {
		return "127.0.0.1"
	}
	return host
}

func everyHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// checkNames tells a server name that two certificates claim: only the first would ever be shown.
func (d *decoder) checkNames(c *Config) {
	first := map[string]string{}
	for i, entry := range c.Certificates {
		path, names := fmt.Sprintf("certificates[%d]", i), []string(nil)
		switch {
		case entry.LocalCA != nil:
			path, names = path+".local_ca.names", entry.LocalCA.Names
		case entry.ACME != nil:
			path, names = path+".acme.names", entry.ACME.Names
		}
		for j, name := range names {
			here := fmt.Sprintf("%s[%d]", path, j)
			folded := strings.ToLower(strings.TrimSuffix(name, "."))
			if before, ok := first[folded]; ok {
				d.faultIn(here, wrong("keep one of the two", "%s stands at %s too", quoted(name), before))
				continue
			}
			first[folded] = here
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
}

// choose says which names there are.
func choose(name string, names []string) string {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	if near := nearest(name, names); near != "" {
		return "write " + near
	}
	return "write " + alternatives(names)
}

// upstream returns the upstream of a name, or nil.
func (c *Config) upstream(name string) *Upstream {
	for i := range c.Upstreams {
		if c.Upstreams[i].Name == name {
			return &c.Upstreams[i]
		}
	}
	return nil
}

// checkRoute follows the rules as a session of this listener does and tells each upstream without its protocol that
// it can reach.
func (d *decoder) checkRoute(c *Config, l *Listener) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Upstream == "" || !r.Match.canHold(l) {
			continue
		}
		if u := c.upstream(r.Upstream); u != nil && !d.serves(u, l.Protocol) {
			d.faultOnce(fmt.Sprintf("rules[%d].upstream", i), wrong(
				fmt.Sprintf("write %s: host:port there, or match: {protocol: %s} here", l.Protocol, other(l.Protocol)),
				"the upstream %s has no %s, and %s of listener %s comes here", u.Name, l.Protocol, l.Protocol, quoted(l.Name)))
		}
		if r.Match.mustHold(l) {
			return
		}
	}
	if len(c.Upstreams) > 0 && !d.serves(&c.Upstreams[0], l.Protocol) {
		u := &c.Upstreams[0]
		d.faultOnce("upstreams."+shown(u.Name), wrong(
			fmt.Sprintf("write %s: host:port here, or a rule with match: {protocol: %s}", l.Protocol, l.Protocol),
			"this upstream has no %s, and listener %s leads here where no rule matches", l.Protocol, quoted(l.Name)))
	}
}

// serves is Serves, but an address that was read and refused has its own fault already, and one without any too.
func (d *decoder) serves(u *Upstream, name string) bool {
	path := "upstreams." + shown(u.Name)
	none := u.IMAP == "" && u.POP3 == ""
	return u.Serves(name) || none || d.where[path+"."+name] != nil
}

// faultOnce is faultIn unless the key has a fault of its route already, from another listener.
func (d *decoder) faultOnce(path string, m *mistake) {
	if !d.told[path] {
		d.told[path] = true
		d.faultIn(path, m)
	}
}

func other(name string) string {
	if name == protocol.IMAP {
		return protocol.POP3
	}
	return protocol.IMAP
}

// canHold tells whether a session of the listener may match.
func (m *Match) canHold(l *Listener) bool {
	return m.fits(l) && (m.Not == nil || !m.Not.mustHold(l))
}

// mustHold tells whether every session of the listener matches.
func (m *Match) mustHold(l *Listener) bool {
	open := m.Source == nil && m.Account == nil && m.Readiness == nil && m.Blockers == nil
	return open && m.fits(l) && (m.Not == nil || !m.Not.canHold(l))
}

// fits judges the keys that the listener alone decides.
func (m *Match) fits(l *Listener) bool {
	return (m.Listener == nil || slices.Contains(m.Listener, l.Name)) &&
		(m.Protocol == nil || slices.Contains(m.Protocol, l.Protocol))
}
