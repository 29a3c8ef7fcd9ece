package sandbox

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tenant is one organisation of the [Entra] stand-in.
type Tenant struct {
	ID           string // a GUID
	Domain       string // another name for it: contoso.onmicrosoft.com
	Applications []Application
	Users        []User
}

// Application is an app registration and its enterprise application.
type Application struct {
	ID       string // the client id
	ObjectID string // of the enterprise application: what tokens carry and Exchange knows it by; default: made from the ID
	// Secret and SecretExpires: an empty secret is never right, a zero time is never past.
	Secret        string
	SecretExpires time.Time
	Certificates  []*x509.Certificate // for assertions signed by their keys (RSA)
	Federated     []Federation        // for assertions of other issuers
	Roles         []string            // application permissions on Office 365 Exchange Online: IMAP.AccessAsApp, POP.AccessAsApp
	Scopes        []string            // delegated permissions, without resource: IMAP.AccessAsUser.All, POP.AccessAsUser.All
	NoConsent     bool                // nobody consented: app-only tokens have no roles, users are refused (65001)
	PublicFlows   bool                // "Allow public client flows": device code and password without a secret
	Managed       bool                // a managed identity, which the metadata endpoint gives tokens for
	// Refusal is the AADSTS number that answers every request to the token and device code endpoints, such as 7000112 (disabled); 0: none.
	Refusal int
}

// Federation is a federated identity credential: whose assertions an application may show instead of a secret. All
// three names must match byte for byte.
type Federation struct {
	Issuer   *Issuer
	Subject  string
	Audience string // default api://AzureADTokenExchange
}

// User is a person or a mailbox with a password.
type User struct {
	Name     string // the user principal name, an address; its case does not matter
	ObjectID string // default: made from the name
	Password string
	Refusal  int // AADSTS number that answers the right password: 50076 (MFA), 53003 (Conditional Access), 530035, 50057 …; 0: none
}

// directory holds the tenants.
type directory struct {
	mu      sync.Mutex
	tenants []*Tenant
}

// made returns a GUID that is always the same for a name.
func made(name string) string {
	h := fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// find returns the tenant of an ID or a domain. organizations stands for the one that has the application.
func (d *directory) find(name, application string) (*Tenant, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.findLocked(name, application)
}

func (d *directory) findLocked(name, application string) (*Tenant, bool) {
	for _, t := range d.tenants {
		if strings.EqualFold(t.ID, name) || t.Domain != "" && strings.EqualFold(t.Domain, name) {
			return t, true
		}
		if _, ok := t.application(application); ok && name == "organizations" {
			return t, true
		}
	}
	return nil, false
}

// look returns copies of a tenant, an application and a user as they are now; what does not exist is zero.
func (d *directory) look(tenant *Tenant, application, user string) (Application, User) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, _ := tenant.application(application)
	u, _ := tenant.user(user)
	return a, u
}

func (t *Tenant) application(id string) (Application, bool) {
	for _, a := range t.Applications {
		if strings.EqualFold(a.ID, id) {
			a.ObjectID = cmp.Or(a.ObjectID, made("enterprise application "+a.ID))
			return a, true
		}
	}
	return Application{}, false
}

func (t *Tenant) user(name string) (User, bool) {
	for _, u := range t.Users {
		if strings.EqualFold(u.Name, name) {
			u.ObjectID = cmp.Or(u.ObjectID, made("user "+strings.ToLower(u.Name)))
			return u, true
		}
	}
	return User{}, false
}

// managed returns the managed identity of a client id, or the only one there is.
func (d *directory) managed(id string) (*Tenant, Application, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tenants {
		for _, a := range t.Applications {
			if a.Managed && (id == "" || strings.EqualFold(a.ID, id)) {
				a, _ = t.application(a.ID)
				return t, a, true
			}
		}
	}
	return nil, Application{}, false
}

// AddTenant adds an organisation.
func (e *Entra) AddTenant(t Tenant) error {
	e.directory.mu.Lock()
	defer e.directory.mu.Unlock()
	if t.ID == "" {
		return fmt.Errorf("tenant %q needs an ID", t.Domain)
	}
	if _, ok := e.directory.findLocked(t.ID, ""); ok {
		return fmt.Errorf("tenant %s exists already", t.ID)
	}
	t.Applications, t.Users = slices.Clone(t.Applications), slices.Clone(t.Users)
	e.directory.tenants = append(e.directory.tenants, &t)
	return nil
}

// SetApplication adds an application to a tenant (by ID or domain) or replaces the one with its ID; requests under way may see either.
func (e *Entra) SetApplication(tenant string, a Application) error {
	return e.change(tenant, func(t *Tenant) {
		t.Applications = put(t.Applications, a, func(old Application) bool { return strings.EqualFold(old.ID, a.ID) })
	})
}

// SetUser adds a user to a tenant (by ID or domain) or replaces the one with its name. Refresh tokens live on: see [Entra.Revoke].
func (e *Entra) SetUser(tenant string, u User) error {
	return e.change(tenant, func(t *Tenant) {
		t.Users = put(t.Users, u, func(old User) bool { return strings.EqualFold(old.Name, u.Name) })
	})
}

// put replaces the first of a list that is the same, or adds one.
func put[T any](list []T, one T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = one
		return list
	}
	return append(list, one)
}

func (e *Entra) change(tenant string, change func(*Tenant)) error {
	e.directory.mu.Lock()
	defer e.directory.mu.Unlock()
	t, ok := e.directory.findLocked(tenant, "")
	if !ok {
		return fmt.Errorf("no tenant %s", tenant)
	}
	change(t)
	return nil
}
