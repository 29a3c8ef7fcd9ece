package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// visit is one attempt to open a mailbox over one protocol.
type visit struct {
	mailbox, protocol string
	link              *link
	token             *tokenCheckup
	tried             bool
	messages          int
	failed            *Check // without a cause: the upstream said no, in the detail
}

func (v *visit) open() bool { return v.tried && v.failed == nil }

// shut reports whether the login succeeded, and the mailbox did not open.
func (v *visit) shut() bool { return v.failed != nil && v.failed.Step == stepMailbox }

// try logs in as the bridge does, with the same credential, and proves the mailbox.
func (v *visit) try(ctx context.Context) {
	if !v.link.usable || !v.token.usable {
		return
	}
	v.tried = true
	clients, err := v.link.upstream.TokenLogin(v.mailbox, v.protocol).Mechanisms(ctx)
	if err != nil {
		var r *login.Refusal
		if errors.As(err, &r) && r.Err != nil {
			err = r.Err
		}
		v.fail(stepToken, err)
		return
	}
	v.link.meet(ctx, func(c Check) {
		if c.Finding == Failed {
			v.failed = &c
		}
	}, func(client *mailClient) { v.speak(ctx, client, clients) })
}

func (v *visit) speak(ctx context.Context, client *mailClient, clients []sasl.Client) {
	if err := client.said(client.LogIn(ctx, clients)); err != nil {
		v.fail(stepLogin, err)
		return
	}
	if err := client.said(client.ProveMailbox(ctx)); err != nil {
		v.fail(stepMailbox, err)
	}
	v.messages = client.notes.Messages
}

// fail keeps what the upstream said, or that it said nothing.
func (v *visit) fail(step string, err error) {
	c := bad(step, "", err.Error())
	var said *saidError
	if errors.As(err, &said) {
		c.Detail, c.Cause = said.line, ""
	}
	v.failed = &c
}

// results are the checks of a visit. all are the visits of its upstream: what others came to tells causes apart.
func (v *visit) results(all []*visit) []Check {
	login, mailbox := good(stepLogin, ""), good(stepMailbox, fmt.Sprintf("%d messages", v.messages))
	switch {
	case !v.tried:
		login.Finding, login.Detail = Skipped, "not tried: see what failed above"
		mailbox.Finding, mailbox.Detail = Skipped, ""
	case v.open() && v.messages == 1:
		mailbox.Detail = "1 message"
	case v.open():
	case v.shut():
		mailbox = v.explainMailbox(*v.failed)
	case v.failed.Step == stepLogin && v.failed.Cause == "":
		login, mailbox = v.explainLogin(*v.failed, all), Check{Step: stepMailbox, Finding: Skipped}
	default:
		return []Check{v.place(*v.failed)}
	}
	return []Check{v.place(login), v.place(mailbox)}
}

// place makes c a check of this visit.
func (v *visit) place(c Check) Check {
	c.Upstream, c.Protocol, c.Mailbox = v.link.upstream.Name, v.protocol, v.mailbox
	return c
}

// sayings explain what Exchange says, by prefix, where it is not about permissions.
var sayings = []struct{ prefix, cause string }{
	{"Request is throttled", "the mailbox is throttled: wait for the time it says, and have fewer devices poll it, or less often"},
	{"Server Unavailable", "Exchange is overloaded or throttles: wait and try again"},
	{"Basic authentication is disabled", "it took the login for one with a password: check the address of the upstream"},
	{"Connection closed", "the mailbox had too many errors or sessions: wait and try again"},
	{"Session invalidated", "the token ended: set this machine's clock (NTP)"},
}

// status is what stands before the words of a refusal.
var status = regexp.MustCompile(`(?s)^(NO )?(BAD )?(-ERR )?(\* BYE )?(\[.*?\] )?`)

func explainSaying(c *Check) bool {
	words := status.ReplaceAllString(c.Detail, "")
	for _, s := range sayings {
		if strings.HasPrefix(words, s.prefix) {
			c.Cause = s.cause
			return true
		}
	}
	return false
}

// explainMailbox tells why a mailbox does not open though the token was taken.
func (v *visit) explainMailbox(c Check) Check {
	if c.Cause == "" && !explainSaying(&c) {
		c.fail("the token was taken, but it does not open this mailbox: give "+v.who()+" FullAccess to it. "+
			"If it has that, the mailbox may have too many sessions: wait and try again", v.token.shell().fullAccess(v.mailbox)...)
		c.Wait = true
	}
	return c
}

// who is whom a mailbox must be open to.
func (v *visit) who() string {
	if v.token.claims.User != "" {
		return "the user " + v.token.claims.User
	}
	return "the application"
}

// explainLogin tells why a token was refused. Exchange says the same whatever the reason: what other logins came to tells.
func (v *visit) explainLogin(c Check, all []*visit) Check {
	switch {
	case explainSaying(&c):
	case v.token.unfit != "":
		c.Cause = "this follows from the token's " + v.token.unfit + ", which failed above"
	case v.token.lacks[v.protocol]:
		c.Cause = "this follows from the permission for " + v.protocol + " that the token lacks, see above"
	default:
		c.Wait = true
		v.compare(&c, all)
	}
	return c
}

// compare tells why a token was refused that should do, from what it did over the other protocol and for other mailboxes.
func (v *visit) compare(c *Check, all []*visit) {
	shell, other, elsewhere := v.token.shell(), &visit{}, false
	for _, o := range all {
		if o.mailbox == v.mailbox && o.protocol != v.protocol && o.tried {
			other = o
		}
		elsewhere = elsewhere || o.mailbox != v.mailbox && o.token == v.token && (o.open() || o.shut())
	}
	switch user := v.token.claims.User; {
	case other.shut():
		c.fail("the token does not open this mailbox, as "+other.protocol+" shows: give "+v.who()+" FullAccess to it",
			shell.fullAccess(v.mailbox)...)
	case other.open():
		c.fail(fmt.Sprintf("%s works with the same token, so %s is switched off for this mailbox: switch it on", other.protocol, v.protocol),
			shell.switchOn(v.mailbox, v.protocol)...)
	case elsewhere:
		c.fail("the same token opens other mailboxes, so it is this one: its protocol may be switched off, "+v.who()+
			" may have no FullAccess to it, or the name is an alias (write the primary address)", shell.lookAt(v.mailbox)...)
	case user != "":
		c.fail("the user may have no FullAccess to this mailbox, or the protocol is switched off for the user",
			append(shell.fullAccess(v.mailbox), shell.switchOn(user, v.protocol)[1:]...)...)
	default:
		c.fail("the application is probably not registered in Exchange, or with the object id of the app registration instead of the "+
			"enterprise application's: register it. Then look at FullAccess and at the protocol's switch on the mailbox", shell.register()...)
	}
}
