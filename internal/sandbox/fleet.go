package sandbox

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fleet returns the devices of the demo: most of them legacy, one modern, and three that must fail, each
// in its own way. Each has an account and a message of its own; [Exchange.Provision] sets their mailboxes up. It is the same at every call.
func Fleet() []Device {
	return withMail(slices.Concat(imapFleet(), pop3Fleet(), failingFleet()))
}

// withMail gives each device its message and, unless it must fail, the expectation to read it.
func withMail(fleet []Device) []Device {
	for i := range fleet {
		fleet[i].Mail = mailFor(fleet[i], i+1)
		fleet[i].Expect = cmp.Or(fleet[i].Expect, MailRead)
	}
	return fleet
}

func imapFleet() []Device {
	return []Device{
		{Name: "Ricoh MP C307, fax inbox", Protocol: IMAP, Login: LoginQuoted,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			Account: "fax@contoso.example", Password: `Fax "307"\4711`},
		{Name: "ticket system, PHP", Protocol: IMAP, STARTTLS: true, Login: AuthPlain,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS11,
			Suites:  []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA},
			Account: "tickets@contoso.example", Password: "ticket-system-2009", Habits: Habits{LowerCase: true}},
		{Name: "backup appliance, OpenSSL 1.0.1", Protocol: IMAP, STARTTLS: true, Login: LoginLiteral,
			MinTLS: tls.VersionTLS12, MaxTLS: tls.VersionTLS12,
			Suites:  []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			Account: "backup@contoso.example", Password: "bäckup {7} \"quoted\""},
		{Name: "voice mail gateway", Protocol: IMAP, Login: LibraryLogin,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_AES_256_CBC_SHA},
			Account: "voicemail@contoso.example", Password: "ring-ring-1234", SendName: true},
		{Name: "order import, .NET 2.0 with its own token", Protocol: IMAP, Login: AuthXOAUTH2,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			Account: "orders@contoso.example", Token: fleetToken(), SendName: true},
		{Name: "help desk workstation, up to date", Protocol: IMAP, Login: AuthPlainAtOnce,
			MinTLS: tls.VersionTLS13, MaxTLS: tls.VersionTLS13,
			Account: "helpdesk@contoso.example", Password: "correct horse battery staple", SendName: true},
		{Name: "building alarm panel", Protocol: IMAP, Login: AuthLogin,
			MinTLS: tls.VersionTLS11, MaxTLS: tls.VersionTLS11, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			Account: "alarm@contoso.example", Password: "7777", Habits: Habits{DoubleSpaces: true, BareLF: true}},
	}
}

func pop3Fleet() []Device {
	return []Device{
		{Name: "infusion pump gateway, Java 6", Protocol: POP3, Login: UserPass,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
			Account: "pumps@contoso.example", Password: "ward 3, bed 12"},
		{Name: "Outlook 2007 on Windows XP", Protocol: POP3, Login: AuthLogin,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA},
			Account: "reception@contoso.example", Password: "Summer2007!", SendName: true},
		{Name: "Canon iR 2270", Protocol: POP3, STARTTLS: true, Login: UserPass,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			Account: "canon2270@contoso.example", Password: "2270", Habits: Habits{LowerCase: true}},
		{Name: "archive script, Perl", Protocol: POP3, STARTTLS: true, Login: AuthPlain,
			MinTLS: tls.VersionTLS12, MaxTLS: tls.VersionTLS12, Suites: []uint16{tls.TLS_RSA_WITH_AES_256_CBC_SHA},
			Account: "archive@contoso.example", Password: "päss word"},
	}
}

// failingFleet are those that must fail: their reasons are what the demo shows of refusals.
func failingFleet() []Device {
	return []Device{
		{Name: "scanner with last year's password", Protocol: POP3, Login: UserPass,
			MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			Account: "scanner@contoso.example", Password: "scan-2025", Expect: Refused, Reads: "Wrong name or password"},
		{Name: "door controller, SSL 3.0 only", Protocol: IMAP, Hello: SSLv3Hello,
			Account: "doors@contoso.example", Password: "open-sesame", Login: LoginQuoted, Expect: Alerted},
		{Name: "HP 9250C digital sender, SSLv2 hello", Protocol: POP3, Hello: SSLv2Hello,
			Account: "sender@contoso.example", Password: "9250", Login: UserPass, Expect: Alerted},
	}
}

// fleetToken is as long as a delegated token often is, and made up.
func fleetToken() string {
	return "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9." +
		base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("a token that exists in the demo only. ", 40))) + ".c2lnbmF0dXJl"
}

// mailFor is a device's message: lone dots, 8-bit bytes and a long line are in it, because those are what breaks.
func mailFor(d Device, number int) []byte {
	lines := []string{
		"From: Sender <sender@fabrikam.example>",
		"To: <" + d.address() + ">",
		fmt.Sprintf("Subject: Message %d for %s", number, d.Name),
		"Date: Tue, 24 Nov 2026 09:00:00 +0100",
		fmt.Sprintf("Message-ID: <%d@fabrikam.example>", number),
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
		"This is for " + d.Name + ". Größe: 8 bit.",
		".",
		"..two dots",
		strings.Repeat("0123456789", 1050),
		"a1 OK this is not an answer {5}",
		"",
	}
	return []byte(strings.Join(lines, "\r\n"))
}

// Provision sets up a mailbox for each device, with its message and what it logs in with; the mailbox of one that
// is to be refused has another password.
func (e *Exchange) Provision(fleet []Device) error {
	for _, d := range fleet {
		account := Account{Address: d.Account, Password: d.Password, Messages: [][]byte{d.Mail}}
		if d.Expect == Refused {
			account.Password = "not " + d.Password
		}
		if d.Token != "" {
			account.Tokens = []Token{{Value: d.Token}}
		}
		if _, err := e.AddMailbox(account); err != nil {
			return err
		}
	}
	return nil
}

// ModernFleet returns the devices of [Fleet] as they are once the mailboxes are in Exchange Online: each has a short password of its
// own, which only the bridge knows, some a short name too, and none has a token. Those that must fail are one with a wrong password,
// one that nobody set up, and the two of Fleet whose hello cannot be served. It is the same at every call.
func ModernFleet() []Device {
	fleet := slices.Concat(imapFleet(), pop3Fleet(), failingFleet())
	for i := range fleet {
		modernize(&fleet[i])
	}
	return withMail(append(fleet, Device{
		Name: "scanner that nobody set up", Protocol: IMAP, Login: LoginQuoted, Stranger: true,
		MinTLS: fleet[0].MinTLS, MaxTLS: fleet[0].MaxTLS, Suites: fleet[0].Suites,
		Account: "scanner9@contoso.example", Password: "4711", Expect: Refused, Reads: "Wrong name or password",
	}))
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
