package config

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/internal/glob"
)

// checkPattern judges the keys of a login that stands for many: what it may open, and from where, must be said.
func (a *Account) checkPattern(o *object) {
	if !o.given("mailboxes") {
		o.fault(wrong("write mailboxes: [fax1@contoso.com, fax2@contoso.com]",
			"the login is a pattern, and mailboxes, which says what it may open, is missing"))
	}
	if !o.given("sources") {
		o.fault(wrong("write sources: [10.20.0.0/16]", "the login is a pattern, and sources, which says where its devices are, is missing"))
	}
	if o.given("mailbox") {
		o.faultIn("mailbox", wrong("delete it, or write the logins one by one", "a login of a pattern opens the mailbox of its own name"))
	}
	if len(a.Aliases) > 0 {
		o.faultIn("aliases", wrong("write an account with each as its login", "a pattern has no further names"))
	}
	a.checkMailboxes(o)
	o.d.warnOfStrangers(o.path+".sources", a.Sources, isLocal, "write the ranges of its devices",
		"%s reaches beyond private networks, and the login is a pattern")
}

// checkMailboxes tells a pattern that nobody vouched for, and mailboxes that no login of this pattern can open.
func (a *Account) checkMailboxes(o *object) {
	if i := slices.IndexFunc(a.Mailboxes, isPattern); i >= 0 && !a.AnyMailbox {
		o.faultIn(fmt.Sprintf("mailboxes[%d]", i), wrong(
			"write the mailboxes one by one, or any_mailbox: true if each that fits may be opened",
			"%s is a pattern of mailboxes", quoted(a.Mailboxes[i])))
	} else if i < 0 && a.AnyMailbox && len(a.Mailboxes) > 0 {
		o.faultIn("any_mailbox", wrong("delete it", "no pattern stands in mailboxes"))
	}
	for i, name := range a.Mailboxes {
		if !isPattern(name) && !globMatches(a.Login, name) {
			o.warnIn(fmt.Sprintf("mailboxes[%d]", i), wrong("delete it, or write an account for it",
				"no login of the pattern %s can open %s", quoted(a.Login), quoted(name)))
		}
	}
}

// checkSingle judges the keys of one login.
func (a *Account) checkSingle(o *object) {
	if o.given("mailboxes") {
		o.faultIn("mailboxes", wrong("write mailbox: and the one it opens",
			"mailboxes belongs to a login that is a pattern, and %s is one login", quoted(a.Login)))
	}
	if a.AnyMailbox {
		o.faultIn("any_mailbox", wrong("delete it",
			"any_mailbox belongs to a login that is a pattern, and %s is one login", quoted(a.Login)))
	}
}

// checkAccounts judges what several entries, or entries and upstreams, tell together.
func (d *decoder) checkAccounts(c *Config) {
	d.checkLogins(c)
	d.checkOpen(c)
	if len(c.Accounts) == 0 {
		return
	}
	if !slices.ContainsFunc(c.Upstreams, func(u Upstream) bool { return u.OAuth2 != nil }) {
		d.warnIn("accounts", wrong("write auth: {oauth2: …} at an upstream, or leave accounts out",
			"with auth: passthrough at every upstream, accounts are not asked"))
		return
	}
	for i := range c.Accounts {
		if a := &c.Accounts[i]; !a.Pattern() && a.Mailbox == "" && !strings.Contains(a.Login, "@") {
			d.warnIn(accountPath(i)+".login", wrong("write mailbox: and the address",
				"without mailbox the login is the mailbox, and %s is no address", quoted(a.Login)))
		}
	}
}

// checkLogins tells a name that two entries claim.
func (d *decoder) checkLogins(c *Config) {
	first := map[string]string{}
	claim := func(name, path string) {
		d.claim(first, strings.ToLower(name), name, path, "keep one of the two; case makes no difference")
	}
	for i := range c.Accounts {
		if a := &c.Accounts[i]; a.Login != "" {
			claim(a.Login, accountPath(i)+".login")
		}
		for j, alias := range c.Accounts[i].Aliases {
			claim(alias, fmt.Sprintf("%s.aliases[%d]", accountPath(i), j))
		}
	}
}

// checkOpen refuses an account without a password where a token would be used that opens mailboxes without Entra ID
// having seen the device's password.
func (d *decoder) checkOpen(c *Config) {
	if !slices.ContainsFunc(c.Upstreams, func(u Upstream) bool { return u.checksNoPassword() }) {
		return // else each account would be held against each rule for nothing
	}
	lists := nameLists{}
	for _, i := range d.open {
		a := &c.Accounts[i]
		if u := c.uncheckedBy(a, lists); u != nil && a.Login != "" {
			d.faultIn(accountPath(i), wrong("write password: and an argon2id hash, or lead the login to an upstream with flow: password by a rule",
				"%s has no password, and the upstream %s (flow %s) would open its mailbox for everybody", quoted(a.Login), u.Name, u.OAuth2.Flow))
		}
	}
}

// checksNoPassword tells an upstream whose tokens open mailboxes whoever asks. A flow that could not be read has its own
// fault.
func (u *Upstream) checksNoPassword() bool {
	return u.OAuth2 != nil && u.OAuth2.Flow != FlowPassword && u.OAuth2.Flow != ""
}

// uncheckedBy returns the first upstream that the account may reach and that checks no password, or nil.
func (c *Config) uncheckedBy(a *Account, lists nameLists) *Upstream {
	for _, u := range c.reachedBy(a.sessions(lists)) {
		if u.checksNoPassword() {
			return u
		}
	}
	return nil
}

// sessions judges by the keys that an account alone decides; what depends on more is taken to hold and not to hold.
func (a *Account) sessions(lists nameLists) sessions {
	logins := append([]string{a.Login}, a.Aliases...) // what they may log in as
	may := func(m *Match) bool {
		shared := func(p string) bool { return slices.Contains(m.Protocol, p) }
		return (m.Protocol == nil || a.Protocols == nil || slices.ContainsFunc(a.Protocols, shared)) &&
			(m.Account == nil || slices.ContainsFunc(logins, lists.of(m).mayMatch))
	}
	must := func(m *Match) bool {
		return m.Listener == nil && m.Protocol == nil && !m.asksTheDevice() &&
			(m.Account == nil || !slices.ContainsFunc(logins, func(name string) bool { return !lists.of(m).cover(name) }))
	}
	return sessions{may, must}
}

// globMatches tells whether a pattern of account names fits a name.
func globMatches(pattern, name string) bool {
	p := glob.Compile(pattern)
	return p.Matches(glob.Fold(name))
}

// mayOverlap tells whether two patterns may have a name in common. Only their ends are compared, so it may say yes where no is right.
func mayOverlap(a, b string) bool {
	headA, tailA := ends(a)
	headB, tailB := ends(b)
	return (strings.HasPrefix(headA, headB) || strings.HasPrefix(headB, headA)) &&
		(strings.HasSuffix(tailA, tailB) || strings.HasSuffix(tailB, tailA))
}

// covers tells whether a pattern fits every name that a second pattern stands for. It may say no where yes is right.
func covers(pattern, name string) bool {
	if strings.Contains(pattern, "?") {
		return strings.EqualFold(pattern, name)
	}
	return globMatches(pattern, name) // what is wild in name is taken by a * of pattern, for nothing else fits it
}

// ends returns what stands before the first wild character of a pattern and behind the last one, folded.
func ends(pattern string) (head, tail string) {
	pattern = glob.Fold(pattern)
	return pattern[:strings.IndexAny(pattern, "*?")], pattern[strings.LastIndexAny(pattern, "*?")+1:]
}
