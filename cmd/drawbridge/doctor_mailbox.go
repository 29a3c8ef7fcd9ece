package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy"
)

// visit is one attempt to open a mailbox over one protocol.
type visit struct {
	mailbox, protocol string
	link              *link
	token             *tokenCheckup
	tried             bool
	loggedIn, open    bool
	messages          int
	said              string // what the upstream said to the step that failed
	failed            *check // what failed otherwise: a dial, say
}

// try logs in as the bridge does, with the same credential, and proves the mailbox.
func (v *visit) try(ctx context.Context) {
	if !v.link.usable || !v.token.usable {
		return
	}
	v.tried = true
	credential := v.link.upstream.TokenLogin(v.mailbox, v.protocol)
	clients, err := credential.Mechanisms(ctx)
	if err != nil {
		v.failed = &check{Step: stepToken, Finding: findFail, Cause: reasonOf(err)}
		return
	}
	client, err := v.link.open(ctx, func(c check) {
		if c.Finding == findFail {
			v.failed = &c
		}
	})
	if err != nil {
		return
	}
	defer client.close()
	v.speak(client, chooseClient(clients, v.link.announce))
}

func (v *visit) speak(client mailClient, login sasl.Client) {
	if err := client.login(login); err != nil {
		v.fail(stepLogin, err)
		return
	}
	v.loggedIn = true
	n, err := client.prove()
	if err != nil {
		v.fail(stepMailbox, err)
		return
	}
	v.open, v.messages = true, n
}

// fail keeps what the upstream said, or that it said nothing.
func (v *visit) fail(step string, err error) {
	var said *saidError
	if errors.As(err, &said) {
		v.said = said.line
		return
	}
	v.failed = &check{Step: step, Finding: findFail, Cause: err.Error()}
}

// reasonOf is the sentence of an error that may be a Refusal.
func reasonOf(err error) string {
	var r *proxy.Refusal
	if errors.As(err, &r) && r.Err != nil {
		return r.Err.Error()
	}
	return err.Error()
}

// chooseClient takes the first mechanism that is announced, as the bridge does.
func chooseClient(clients []sasl.Client, announced []string) sasl.Client {
	names := mechanisms(announced)
	for _, c := range clients {
		if name, _, err := c.Start(); err == nil && slices.Contains(names, name) {
			return c
		}
	}
	return clients[0]
}

// results are the checks of a visit. all are the visits of its upstream: what others came to tells causes apart.
func (v *visit) results(all []*visit) []check {
	login, mailbox := v.check(stepLogin), v.check(stepMailbox)
	switch {
	case !v.tried:
		login.Finding, mailbox.Finding = findSkip, findSkip
		login.Detail = "not tried: see what failed above"
	case v.open:
		mailbox.Detail = plural(v.messages, "message")
	case v.failed != nil:
		c := *v.failed
		c.Upstream, c.Mailbox, c.Protocol = login.Upstream, v.mailbox, v.protocol
		if c.Step == stepMailbox {
			return []check{login, c}
		}
		return []check{c}
	case v.loggedIn:
		mailbox.Finding, mailbox.Detail = findFail, v.said
		v.explainMailbox(&mailbox)
	default:
		login.Finding, login.Detail, mailbox.Finding = findFail, v.said, findSkip
		v.explainLogin(&login, all)
	}
	return []check{login, mailbox}
}

func (v *visit) check(step string) check {
	return check{Upstream: v.link.upstream.Name, Protocol: v.protocol, Mailbox: v.mailbox, Step: step, Finding: findOK}
}

// sayings explain what Exchange says, by prefix, where it is not about permissions.
var sayings = []struct{ prefix, cause string }{
	{"Request is throttled", "the mailbox is throttled: wait for the time it says, and have fewer devices poll it, or less often"},
	{"Server Unavailable", "Exchange is overloaded or throttles: wait and try again"},
	{"Basic authentication is disabled", "it took the login for one with a password: check the address of the upstream"},
	{"Connection closed", "the mailbox had too many errors or sessions: wait and try again"},
	{"Session invalidated", "the token ended: set this machine's clock (NTP)"},
}

// words is what was said without its status and response code.
func words(said string) string {
	for _, status := range []string{"NO ", "BAD ", "-ERR ", "* BYE "} {
		said = strings.TrimPrefix(said, status)
	}
	if strings.HasPrefix(said, "[") {
		if _, rest, ok := strings.Cut(said, "] "); ok {
			said = rest
		}
	}
	return said
}

func explainSaying(c *check) bool {
	for _, s := range sayings {
		if strings.HasPrefix(words(c.Detail), s.prefix) {
			c.Cause = s.cause
			return true
		}
	}
	return false
}

// explainMailbox tells why a mailbox does not open though the token was taken.
func (v *visit) explainMailbox(c *check) {
	if explainSaying(c) {
		return
	}
	c.Cause = "the token was taken, but it does not open this mailbox: give " + v.who() + " FullAccess to it. If it has that, the mailbox may have too many sessions: wait and try again"
	c.Mend, c.Wait = v.token.shell().fullAccess(v.mailbox), true
}

// who is whom a mailbox must be open to.
func (v *visit) who() string {
	if v.token.claims.User != "" {
		return "the user " + v.token.claims.User
	}
	return "the application"
}

// explainLogin tells why a token was refused. Exchange says the same whatever the reason: what other logins came to tells.
func (v *visit) explainLogin(c *check, all []*visit) {
	shell := v.token.shell()
	other, elsewhere := v.compare(all)
	c.Wait = true
	switch {
	case explainSaying(c):
		c.Wait = false
	case v.token.unfit != "":
		c.Cause, c.Wait = "this follows from the token's "+v.token.unfit+", which failed above", false
	case v.token.lacks[v.protocol]:
		c.Cause, c.Wait = "this follows from the permission for "+v.protocol+" that the token lacks, see above", false
	case other != nil && other.loggedIn && !other.open:
		c.Cause = "the token does not open this mailbox, as " + other.protocol + " shows: give " + v.who() + " FullAccess to it"
		c.Mend = shell.fullAccess(v.mailbox)
	case other != nil && other.open:
		c.Cause = fmt.Sprintf("%s works with the same token, so %s is switched off for this mailbox: switch it on", other.protocol, v.protocol)
		c.Mend = shell.switchOn(v.mailbox, v.protocol)
	case elsewhere:
		c.Cause = "the same token opens other mailboxes, so it is this one: its protocol may be switched off, " + v.who() +
			" may have no FullAccess to it, or the name is an alias (write the primary address)"
		c.Mend = shell.lookAt(v.mailbox)
	case v.token.claims.User != "":
		c.Cause = "the user may have no FullAccess to this mailbox, or the protocol is switched off for the user"
		c.Mend = append(shell.fullAccess(v.mailbox), shell.switchOn(v.token.claims.User, v.protocol)[1:]...)
	default:
		c.Cause = "the application is probably not registered in Exchange, or with the object id of the app registration instead of the enterprise application's: " +
			"register it. Then look at FullAccess and at the protocol's switch on the mailbox"
		c.Mend = shell.register()
	}
}

// compare finds what the same token did over the other protocol, and whether it opened another mailbox.
func (v *visit) compare(all []*visit) (other *visit, elsewhere bool) {
	for _, o := range all {
		if o.mailbox == v.mailbox && o.protocol != v.protocol && o.tried {
			other = o
		}
		if o.mailbox != v.mailbox && o.token == v.token && o.loggedIn {
			elsewhere = true
		}
	}
	return other, elsewhere
}
