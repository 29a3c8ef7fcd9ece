// Package doctor finds what stands between the bridge and the mailboxes that devices open.
//
// It walks every link as the bridge does, with the bridge's own dial and credentials, and for IMAP and POP3 apart: DNS, TCP,
// TLS and certificate, greeting, capabilities, the token and what it is for, the login with it, the mailbox. What fails it
// explains, with the step that mends it. It changes nothing in Entra ID or Exchange, and needs no running bridge.
//
// It follows RFC 9051 (IMAP, by go-imap's client), 1939 and 2449 (POP3), 5034 (its AUTH) and 7519 (tokens).
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/protocol"
	"drawbridge/internal/upstreams"
)

// Examine examines the upstreams of a configuration in their order, by what was made of them, and the way to each target; with
// some, only upstreams that a target leads to. It takes as long as their timeouts let it, and stops waiting when ctx ends.
func Examine(ctx context.Context, order []config.Upstream, made upstreams.Set, targets []*Target, some bool) Diagnosis {
	var checks []Check
	for _, u := range order {
		p := &patient{Upstream: made[u.Name], targets: leadingTo(u.Name, targets), links: map[string]*link{}}
		if !some || len(p.targets) > 0 {
			checks = append(checks, p.examine(ctx)...)
		}
	}
	return newDiagnosis(checks)
}

// served are the protocols that an upstream has an address for.
func served(u config.Upstream) []string {
	return slices.DeleteFunc(protocol.Names(), func(name string) bool { return !u.Serves(name) })
}

// patient is an upstream under examination.
type patient struct {
	*upstreams.Upstream
	targets []*Target
	links   map[string]*link
}

func (p *patient) examine(ctx context.Context) []Check {
	var checks []Check
	for _, protocol := range served(p.Upstream.Upstream) {
		l := &link{upstream: p.Upstream, protocol: protocol}
		l.examine(ctx)
		p.links[protocol] = l
		checks = append(checks, l.checks...)
	}
	switch {
	case p.Tokens == nil:
		return checks
	case p.OAuth2.Flow == config.FlowPassword:
		return append(checks, p.untried("not tried",
			"with flow password only a device's own password gets a token: run drawbridge try --account NAME"))
	}
	return append(checks, p.examineMailboxes(ctx)...)
}

// untried warns that no mailbox was looked at.
func (p *patient) untried(detail, cause string) Check {
	return Check{Upstream: p.Name, Step: stepAccounts, Finding: Warning, Detail: detail, Cause: cause}
}

func (p *patient) examineMailboxes(ctx context.Context) []Check {
	perUser := p.OAuth2.Flow == config.FlowDeviceCode // each mailbox has a token of its own
	token := &tokenCheckup{upstream: p.Upstream}
	if !perUser {
		token.examine(ctx)
	}
	checks := token.checks
	var visits []*visit
	for _, t := range p.targets {
		if perUser {
			token = &tokenCheckup{upstream: p.Upstream, mailbox: t.mailbox}
			token.examine(ctx)
		}
		for _, protocol := range t.protocols[p.Name] {
			if l := p.links[protocol]; l != nil {
				visits = append(visits, &visit{mailbox: t.mailbox, protocol: protocol, link: l, token: token})
			}
		}
	}
	if len(visits) == 0 {
		return append(checks, p.untried("none",
			"no account opens a mailbox here, so no login could be tried: add one with drawbridge account add"))
	}
	tryAll(ctx, visits)
	for i, v := range visits {
		if perUser && (i == 0 || v.token != visits[i-1].token) {
			checks = append(checks, v.token.checks...)
		}
		checks = append(checks, v.results(visits)...)
	}
	return checks
}

// maxVisits are tried at once: one could take an hour with a fleet, many would make Exchange throttle.
const maxVisits = 8

func tryAll(ctx context.Context, visits []*visit) {
	var group sync.WaitGroup
	slots := make(chan struct{}, maxVisits)
	for _, v := range visits {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			v.try(ctx)
		})
	}
	group.Wait()
}

// Target is a mailbox that devices open.
type Target struct {
	mailbox string
	// protocols are the ways in which devices reach it, by upstream.
	protocols map[string][]string
}

// Targets are the mailboxes of the accounts that may log in now, in their order; wanted leaves only those of the account, or
// mailbox, of that name, and it is an error if there is none. route says to which upstream a login's mailbox belongs.
func Targets(list []accounts.Account, wanted string, route func(login, protocol string) (upstream string)) ([]*Target, error) {
	byMailbox := map[string]*Target{}
	var targets []*Target
	for _, a := range list {
		for _, login := range loginsOf(a, wanted) {
			key := strings.ToLower(login.mailbox)
			t := byMailbox[key]
			if t == nil {
				t = &Target{mailbox: login.mailbox, protocols: map[string][]string{}}
				byMailbox[key] = t
				targets = append(targets, t)
			}
			for _, protocol := range protocol.Names() {
				if len(a.Protocols) > 0 && !slices.Contains(a.Protocols, protocol) {
					continue
				}
				if u := route(login.name, protocol); !slices.Contains(t.protocols[u], protocol) {
					t.protocols[u] = append(t.protocols[u], protocol)
				}
			}
		}
	}
	if wanted != "" && len(targets) == 0 {
		return nil, fmt.Errorf("no account has the name or mailbox %s, or it is disabled or has expired: see drawbridge account list",
			psQuote(wanted))
	}
	return targets, nil
}

// leadingTo are the targets that a device reaches through an upstream.
func leadingTo(upstream string, targets []*Target) []*Target {
	return slices.DeleteFunc(slices.Clone(targets), func(t *Target) bool { return len(t.protocols[upstream]) == 0 })
}

// loginName is a name that a device logs in with, and the mailbox that it opens.
type loginName struct{ name, mailbox string }

// loginsOf are the logins of an account, one for each mailbox; only those that fit wanted, unless that is empty.
func loginsOf(a accounts.Account, wanted string) []loginName {
	if a.Disabled || !a.Expires.IsZero() && time.Now().After(a.Expires) {
		return nil
	}
	logins := []loginName{{a.Login, cmp.Or(a.Mailbox, a.Login)}}
	for _, m := range a.Mailboxes {
		logins = append(logins, loginName{m, m})
	}
	fits := func(name string) bool { return wanted == "" || strings.EqualFold(name, wanted) }
	all := fits(a.Login) || slices.ContainsFunc(a.Aliases, fits)
	return slices.DeleteFunc(logins, func(l loginName) bool {
		return strings.ContainsAny(l.name, "*?") || !all && !fits(l.name) && !fits(l.mailbox)
	})
}
