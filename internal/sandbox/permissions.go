package sandbox

import (
	"strings"
	"sync"
	"time"
)

// organization is what an Exchange knows of the world of tokens: the Entra ID stand-in that it trusts, service principals,
// and who may open which mailbox.
type organization struct {
	mu         sync.Mutex
	entra      *Entra // nil: no token of Entra ID is taken
	tenant     string
	principals map[string]string               // by client id: the object id
	access     map[string]map[string]time.Time // by mailbox and trustee: when it bites
}

// Trust makes the stand-in take access tokens of an Entra ID stand-in that are for a tenant, named by its ID.
func (e *Exchange) Trust(entra *Entra, tenant string) {
	o := &e.organization
	o.mu.Lock()
	defer o.mu.Unlock()
	o.entra, o.tenant = entra, tenant
}

// NewServicePrincipal makes an application known, as the cmdlet of that name does: objectID must be that of the enterprise
// application, and with another one every token is refused.
func (e *Exchange) NewServicePrincipal(clientID, objectID string) {
	o := &e.organization
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.principals == nil {
		o.principals = make(map[string]string)
	}
	o.principals[strings.ToLower(clientID)] = objectID
}

// RemoveServicePrincipal makes an application unknown again.
func (e *Exchange) RemoveServicePrincipal(clientID string) {
	o := &e.organization
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.principals, strings.ToLower(clientID))
}

// AddMailboxPermission gives a trustee FullAccess to a mailbox: the object id of a service principal, or the name of a user. It
// bites from a time on, as permissions take a while; the zero time is at once.
func (e *Exchange) AddMailboxPermission(mailbox, trustee string, bites time.Time) {
	o := &e.organization
	o.mu.Lock()
	defer o.mu.Unlock()
	key := strings.ToLower(mailbox)
	if o.access == nil {
		o.access = make(map[string]map[string]time.Time)
	}
	if o.access[key] == nil {
		o.access[key] = make(map[string]time.Time)
	}
	o.access[key][strings.ToLower(trustee)] = bites
}

// RemoveMailboxPermission takes FullAccess away; sessions that stand go on.
func (e *Exchange) RemoveMailboxPermission(mailbox, trustee string) {
	o := &e.organization
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.access[strings.ToLower(mailbox)], strings.ToLower(trustee))
}

func (o *organization) trusted() (entra *Entra, tenant string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.entra, o.tenant
}

func (o *organization) isPrincipal(clientID, objectID string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	known, ok := o.principals[strings.ToLower(clientID)]
	return ok && strings.EqualFold(known, objectID)
}

func (o *organization) mayOpen(mailbox *Mailbox, trustee string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	bites, ok := o.access[strings.ToLower(mailbox.Address())][strings.ToLower(trustee)]
	return ok && !now.Before(bites)
}
