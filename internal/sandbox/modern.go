package sandbox

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// ModernFleet returns the devices of [Fleet] as they are once the mailboxes are in Exchange Online: each has a short password of its
// own, which only the bridge knows, some a short name too, and none has a token. Those that must fail are one with a wrong password, one that
// nobody set up, and the two of Fleet whose hello cannot be served. It is the same at every call.
func ModernFleet() []Device {
	fleet := append(imapFleet(), pop3Fleet()...)
	fleet = append(fleet, failingFleet()...)
	for i := range fleet {
		modernize(&fleet[i])
	}
	fleet = append(fleet, Device{
		Name: "scanner that nobody set up", Protocol: IMAP, Login: LoginQuoted, Stranger: true,
		MinTLS: fleet[0].MinTLS, MaxTLS: fleet[0].MaxTLS, Suites: fleet[0].Suites,
		Account: "scanner9@contoso.example", Password: "4711", Expect: Refused, Reads: "Wrong name or password",
	})
	for i := range fleet {
		fleet[i].Mail = mailFor(fleet[i], i+1)
		fleet[i].Expect = cmp.Or(fleet[i].Expect, MailRead)
	}
	return fleet
}

// modernLogins are the names and passwords on the bridge, by the mailbox: what a keypad can type.
var modernLogins = map[string]struct{ login, password string }{
	"fax@contoso.example":       {"fax307", "30714"},
	"tickets@contoso.example":   {"tickets@contoso.example", "tk8842"},
	"backup@contoso.example":    {"backup@contoso.example", "bk5510"},
	"voicemail@contoso.example": {"voicemail", "26114"},
	"orders@contoso.example":    {"orders@contoso.example", "or7391"},
	"helpdesk@contoso.example":  {"helpdesk@contoso.example", "hd4480"},
	"alarm@contoso.example":     {"alarm", "777702"},
	"pumps@contoso.example":     {"pumps@contoso.example", "wd3120"},
	"reception@contoso.example": {`CONTOSO\reception`, "rc2007"},
	"canon2270@contoso.example": {"canon2270", "22705"},
	"archive@contoso.example":   {"archive@contoso.example", "ar6063"},
	"scanner@contoso.example":   {"scanner", "2025"},
	"doors@contoso.example":     {"doors", "90210"},
	"sender@contoso.example":    {"sender", "92504"},
}

func modernize(d *Device) {
	known := modernLogins[d.Account]
	d.Mailbox, d.Account, d.Password, d.Token = d.Account, known.login, known.password, ""
	if d.Login == AuthXOAUTH2 {
		d.Name, d.Login = "order import, .NET 2.0", LoginQuoted
	}
}

// address is the mailbox's.
func (d Device) address() string { return cmp.Or(d.Mailbox, d.Account) }

// BridgeAccount is a login that a bridge must know for a fleet.
type BridgeAccount struct{ Login, Password, Mailbox string }

// BridgeAccounts returns what a bridge must know for the devices of [ModernFleet]: nothing of a stranger, and of one that must be refused
// another password than the device has.
func BridgeAccounts(fleet []Device) []BridgeAccount {
	var accounts []BridgeAccount
	for _, d := range fleet {
		if d.Stranger {
			continue
		}
		a := BridgeAccount{Login: d.Account, Password: d.Password, Mailbox: d.address()}
		if d.Expect == Refused {
			a.Password = "not-" + d.Password
		}
		accounts = append(accounts, a)
	}
	return accounts
}

// ModernTenant is an organisation that is set up as it should be, for [NewEntra] and [Exchange.ProvisionModern]: one application, with a
// secret, that may use both protocols in every mailbox that lets it. The secret is made up. It is the same at every call.
func ModernTenant() Tenant {
	return Tenant{
		ID: made("tenant contoso"), Domain: "contoso.onmicrosoft.example",
		Applications: []Application{{
			ID: made("application drawbridge"), ObjectID: made("enterprise application drawbridge"),
			Secret: "made-up~secret.of-the-stand-in", Roles: []string{"IMAP.AccessAsApp", "POP.AccessAsApp"},
			Scopes: []string{"IMAP.AccessAsUser.All", "POP.AccessAsUser.All"},
		}},
	}
}

// ProvisionModern sets up a mailbox without a password for each device that is no stranger, trusts the Entra ID stand-in for a
// tenant, and lets the tenant's first application open every one of the mailboxes.
func (e *Exchange) ProvisionModern(fleet []Device, entra *Entra, tenant Tenant) error {
	if len(tenant.Applications) == 0 {
		return errors.New("the tenant has no application that could open mailboxes")
	}
	app, _ := tenant.application(tenant.Applications[0].ID)
	e.Trust(entra, tenant.ID)
	e.NewServicePrincipal(app.ID, app.ObjectID)
	for _, d := range slices.DeleteFunc(slices.Clone(fleet), func(d Device) bool { return d.Stranger }) {
		if _, err := e.AddMailbox(Account{Address: d.address(), Messages: [][]byte{d.Mail}}); err != nil {
			return err
		}
		e.AddMailboxPermission(d.address(), app.ObjectID, time.Time{})
	}
	return nil
}
