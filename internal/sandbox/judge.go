package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// exchangeAudiences are those that Exchange Online takes.
var exchangeAudiences = []string{"https://outlook.office365.com", "https://outlook.office.com", exchangeAppID}

// permissionNames are what a token must carry for a protocol: a role, if it is an application's, else a scope.
var permissionNames = map[Protocol]struct{ role, scope string }{
	IMAP: {"IMAP.AccessAsApp", "IMAP.AccessAsUser.All"},
	POP3: {"POP.AccessAsApp", "POP.AccessAsUser.All"},
}

// judgeToken decides about a token: first whether it is one for this organisation, then whose it is, then the mailbox.
func (e *Exchange) judgeToken(token string, mailbox *Mailbox, protocol Protocol) verdict {
	entra, tenant := e.organization.trusted()
	if entra == nil {
		return verdict{why: "no token that this mailbox knows"}
	}
	cl, err := entra.read(token)
	if err != nil {
		return verdict{why: err.Error()}
	}
	now := entra.options.Now()
	v := verdict{mailbox: mailbox, life: time.Unix(cl.Expires, 0).Sub(now)}
	switch {
	case !slices.ContainsFunc(cl.Audience, func(a string) bool { return slices.Contains(exchangeAudiences, strings.TrimSuffix(a, "/")) }):
		return verdict{why: fmt.Sprintf("%v: %s", errNoAudience, strings.Join(cl.Audience, " "))}
	case !strings.EqualFold(cl.Tenant, tenant) || cl.Issuer != issuerOf(cl.Tenant):
		return verdict{why: "of another tenant: " + cl.Tenant}
	case cl.IdentityType == "app":
		return e.judgeApplication(v, cl, protocol, now)
	}
	return e.judgeUser(v, cl, protocol, now)
}

func (e *Exchange) judgeApplication(v verdict, cl claims, protocol Protocol, now time.Time) verdict {
	switch role := permissionNames[protocol].role; {
	case !slices.Contains(cl.Roles, role):
		return verdict{why: "without the role " + role}
	case !e.organization.isPrincipal(cl.Application, cl.Object):
		return verdict{why: "of no service principal with these ids"}
	case !v.mailbox.enabled(protocol):
		return verdict{why: string(protocol) + " is switched off for the mailbox"}
	}
	return e.openTo(v, cl.Object, now)
}

// judgeUser lets a user open the own mailbox and those with FullAccess. The protocol's switch is that of the user, where there is one.
func (e *Exchange) judgeUser(v verdict, cl claims, protocol Protocol, now time.Time) verdict {
	switched := v.mailbox
	if own := e.Mailbox(cl.UserName); own != nil {
		switched = own
	}
	switch scope := permissionNames[protocol].scope; {
	case !slices.Contains(words(cl.Scopes), scope):
		return verdict{why: "without the scope " + scope}
	case !switched.enabled(protocol):
		return verdict{why: string(protocol) + " is switched off for the user"}
	case strings.EqualFold(cl.UserName, v.mailbox.Address()):
		return v
	}
	return e.openTo(v, cl.UserName, now)
}

// openTo is the last question: the token is good, and is the mailbox open to it?
func (e *Exchange) openTo(v verdict, trustee string, now time.Time) verdict {
	if !e.organization.mayOpen(v.mailbox, trustee, now) {
		v.notConnected, v.why = true, "no FullAccess to the mailbox"
	}
	return v
}
