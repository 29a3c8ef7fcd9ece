package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// organization is what an Exchange knows of the world of tokens: the Entra ID stand-in that it trusts, service principals,
// and who may open which mailbox. The lock of the Exchange guards it.
type organization struct {
	entra      *Entra // nil: no token of Entra ID is taken
	tenant     string
	principals map[string]string        // by client id: the object id
	access     map[permission]time.Time // when it bites
}

type permission struct{ mailbox, trustee string }

func fullAccess(mailbox, trustee string) permission {
	return permission{strings.ToLower(mailbox), strings.ToLower(trustee)}
}

// Trust makes the stand-in take access tokens of an Entra ID stand-in that are for a tenant, named by its ID.
func (e *Exchange) Trust(entra *Entra, tenant string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entra, e.tenant = entra, tenant
}

// NewServicePrincipal makes an application known, as the cmdlet of that name does: objectID must be that of the enterprise
// application, and with another one every token is refused.
func (e *Exchange) NewServicePrincipal(clientID, objectID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.principals[strings.ToLower(clientID)] = objectID
}

// RemoveServicePrincipal makes an application unknown again.
func (e *Exchange) RemoveServicePrincipal(clientID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.principals, strings.ToLower(clientID))
}

// AddMailboxPermission gives a trustee FullAccess to a mailbox: the object id of a service principal, or the name of a user. It
// bites from a time on, as permissions take a while; the zero time is at once.
func (e *Exchange) AddMailboxPermission(mailbox, trustee string, bites time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.access[fullAccess(mailbox, trustee)] = bites
}

// RemoveMailboxPermission takes FullAccess away; sessions that stand go on.
func (e *Exchange) RemoveMailboxPermission(mailbox, trustee string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.access, fullAccess(mailbox, trustee))
}

func (e *Exchange) trusted() (entra *Entra, tenant string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.entra, e.tenant
}

func (e *Exchange) isPrincipal(clientID, objectID string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	known, ok := e.principals[strings.ToLower(clientID)]
	return ok && strings.EqualFold(known, objectID)
}

func (e *Exchange) mayOpen(mailbox *Mailbox, trustee string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	bites, ok := e.access[fullAccess(mailbox.Address(), trustee)]
	return ok && !now.Before(bites)
}

// exchangeAudiences are those that Exchange Online takes.
var exchangeAudiences = []string{"https://outlook.office365.com", "https://outlook.office.com", exchangeAppID}

// permissionNames are what a token must carry for a protocol: a role, if it is an application's, else a scope.
var permissionNames = map[Protocol]struct{ role, scope string }{
	IMAP: {"IMAP.AccessAsApp", "IMAP.AccessAsUser.All"},
	POP3: {"POP.AccessAsApp", "POP.AccessAsUser.All"},
}

// judgeToken decides about a token: first whether it is one for this organisation, then whose it is, then the mailbox.
func (e *Exchange) judgeToken(token string, mailbox *Mailbox, protocol Protocol) verdict {
	entra, tenant := e.trusted()
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
	case !e.isPrincipal(cl.Application, cl.Object):
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
	if !e.mayOpen(v.mailbox, trustee, now) {
		v.notConnected, v.why = true, "no FullAccess to the mailbox"
	}
	return v
}
