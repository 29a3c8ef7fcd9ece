package config

import (
	"cmp"
	"fmt"
	"iter"
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
	d.checkRules(c)
	for i := range c.Listeners {
		d.checkRoute(c, &c.Listeners[i])
	}
}

func (d *decoder) checkListeners(c *Config) {
	first := map[string]int{}
	for i := range c.Listeners {
		l, path := &c.Listeners[i], fmt.Sprintf("listeners[%d]", i)
		if before, ok := first[l.Name]; ok && l.Name != "" {
			d.faultIn(path+".name", wrong("give each listener a name of its own",
				"listeners[%d] has the name %s too", before, quoted(l.Name)))
		} else {
			first[l.Name] = i
		}
		d.checkCiphers(l, path)
		d.warnOfStrangers(path+".allow", l.Allow, isLocal, "write the ranges of your devices",
			"%s reaches beyond private networks: whoever is there may try passwords over old TLS")
		single := func(p netip.Prefix) bool { return isLocal(p) || p.IsSingleIP() }
		d.warnOfStrangers(path+".proxy_protocol", l.ProxyProtocol, single, "write the addresses of your load balancers",
			"%s reaches beyond private networks: whoever is there may claim any source")
		_, port, _ := net.SplitHostPort(l.Address)
		if custom, known := protocol.OfPort(port); known && l.Protocol != custom.Name {
			d.warnIn(path+".address", wrong("if this is a slip, write protocol: "+custom.Name,
				"port %s is the one for %s, and protocol is %s", port, custom.Name, l.Protocol))
		}
	}
}

// claim notes the path where a name stands first, and tells a second one.
func (d *decoder) claim(first map[string]string, key, name, path, mend string) {
	if before, ok := first[key]; ok {
		d.faultIn(path, wrong(mend, "%s stands at %s too", quoted(name), before))
		return
	}
	first[key] = path
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
			d.claim(first, strings.ToLower(strings.TrimSuffix(name, ".")), name, fmt.Sprintf("%s[%d]", path, j), "keep one of the two")
		}
	}
}

// choose says which names there are.
func choose(name string, names []string) string {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	return "write " + cmp.Or(nearest(name, names), alternatives(names))
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

// checkRoute tells each upstream without its protocol that a session of this listener can reach.
func (d *decoder) checkRoute(c *Config, l *Listener) {
	for r, u := range c.reachedBy(l.sessions()) {
		switch {
		case d.serves(u, l.Protocol):
		case r != nil:
			d.faultOnce(fmt.Sprintf("rules[%d].upstream", r.Index), wrong(
				fmt.Sprintf("write %s: host:port there, or match: {protocol: %s} here", l.Protocol, other(l.Protocol)),
				"the upstream %s has no %s, and %s of listener %s comes here", u.Name, l.Protocol, l.Protocol, quoted(l.Name)))
		default:
			d.faultOnce("upstreams."+shown(u.Name), wrong(
				fmt.Sprintf("write %s: host:port here, or a rule with match: {protocol: %s}", l.Protocol, l.Protocol),
				"this upstream has no %s, and listener %s leads here where no rule matches", l.Protocol, quoted(l.Name)))
		}
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
	// Many listeners may be led to one upstream, and one line mends all of them.
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

// sessions are some of all sessions, by what the keys of a match, without not, are to them: whether one of them may
// match, and whether every one does.
type sessions struct {
	may, must func(*Match) bool
}

func (s sessions) mayMatch(m *Match) bool { return s.may(m) && (m.Not == nil || !s.mustMatch(m.Not)) }

func (s sessions) mustMatch(m *Match) bool { return s.must(m) && (m.Not == nil || !s.mayMatch(m.Not)) }

// sessions judges by the keys that a listener alone decides.
func (l *Listener) sessions() sessions {
	may := func(m *Match) bool {
		return (m.Listener == nil || slices.Contains(m.Listener, l.Name)) &&
			(m.Protocol == nil || slices.Contains(m.Protocol, l.Protocol))
	}
	return sessions{may, func(m *Match) bool {
		return may(m) && m.Account == nil && !m.asksTheDevice()
	}}
}

// asksTheDevice tells a match with keys that neither a listener nor an account decides: one device may match, and the next one not.
func (m *Match) asksTheDevice() bool {
	return m.Source != nil || m.MAC != nil || m.Readiness != nil || m.Blockers != nil || m.Device != nil || m.UpstreamPercent != nil
}

// reachedBy follows the rules and returns the upstreams that sessions may reach, each with the rule that leads there; nil
// for the first upstream, which serves what no rule leads elsewhere.
func (c *Config) reachedBy(s sessions) iter.Seq2[*Rule, *Upstream] {
	return func(yield func(*Rule, *Upstream) bool) {
		for i := range c.Rules {
			r := &c.Rules[i]
			if r.Upstream == "" || !s.mayMatch(&r.Match) {
				continue
			}
			always := r.From.IsZero() && r.Until.IsZero() && s.mustMatch(&r.Match)
			if u := c.upstream(r.Upstream); u != nil && !yield(r, u) || always {
				return
			}
		}
		if len(c.Upstreams) > 0 {
			yield(nil, &c.Upstreams[0])
		}
	}
}
