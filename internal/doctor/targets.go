package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/protocol"
)

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
