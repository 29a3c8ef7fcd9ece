package sandbox_test

import (
	"reflect"
	"strings"
	"testing"

	"drawbridge/internal/sandbox"
)

func TestModernFleet_IsFleetWithShortPasswords(t *testing.T) {
	fleet := sandbox.ModernFleet()
	if !reflect.DeepEqual(fleet, sandbox.ModernFleet()) {
		t.Error("it is not the same at every call")
	}
	if len(fleet) != len(sandbox.Fleet())+1 {
		t.Errorf("got %d devices, Fleet has %d", len(fleet), len(sandbox.Fleet()))
	}
	logins, passwords := make(map[string]bool), make(map[string]bool)
	short, refused := 0, 0
	for _, d := range fleet {
		if d.Token != "" || d.Login == sandbox.AuthXOAUTH2 || d.Password == "" || len(d.Password) > 6 ||
			strings.Trim(d.Password, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("%s has the password %q and the token %q", d.Name, d.Password, d.Token)
		}
		if logins[d.Account] || passwords[d.Password] || len(d.Mail) == 0 {
			t.Errorf("%s shares a login or a password, or has no mail", d.Name)
		}
		logins[d.Account], passwords[d.Password] = true, true
		if !strings.Contains(d.Account, "@") {
			short++
		}
		if d.Expect == sandbox.Refused {
			refused++
		}
	}
	if short < 5 || refused != 2 {
		t.Errorf("got %d short names and %d that are refused", short, refused)
	}
}

func TestBridgeAccounts(t *testing.T) {
	fleet := sandbox.ModernFleet()
	accounts := make(map[string]sandbox.BridgeAccount)
	for _, a := range sandbox.BridgeAccounts(fleet) {
		accounts[a.Login] = a
	}
	if len(accounts) != len(fleet)-1 {
		t.Errorf("got %d accounts for %d devices, one of them a stranger", len(accounts), len(fleet))
	}
	for _, d := range fleet {
		a, known := accounts[d.Account]
		if known == d.Stranger || known && (a.Password == d.Password) != (d.Expect != sandbox.Refused) || known && a.Mailbox != d.Mailbox {
			t.Errorf("%s: got %+v, %v", d.Name, a, known)
		}
	}
}

// Each mailbox opens to the application's token over both protocols, and to no password.
func TestExchange_ProvisionModern(t *testing.T) {
	tenant, fleet := sandbox.ModernTenant(), sandbox.ModernFleet()
	entra := newEntra(t, sandbox.EntraOptions{Tenants: []sandbox.Tenant{tenant}})
	e := newExchange(t, []sandbox.Account{}...)
	if err := e.ProvisionModern(fleet, entra, sandbox.Tenant{ID: tenant.ID}); err == nil {
		t.Error("a tenant without an application was taken")
	}
	if err := e.ProvisionModern(fleet, entra, tenant); err != nil {
		t.Fatal(err)
	}
	if err := e.ProvisionModern(fleet, entra, tenant); err == nil {
		t.Error("the same fleet was set up twice")
	}
	app := tenant.Applications[0]
	f := bySecret()
	f.Set("client_id", app.ID)
	f.Set("client_secret", app.Secret)
	got := post(t, entra, "/"+tenant.ID+"/oauth2/v2.0/token", f)
	token := got.string("access_token")
	if token == "" {
		t.Fatalf("got %s", got.text)
	}
	at := map[sandbox.Protocol]*sandbox.Listener{
		sandbox.IMAP: listen(t, e, sandbox.ListenOptions{Personality: sandbox.TCPProxy}),
		sandbox.POP3: listen(t, e, sandbox.ListenOptions{Personality: sandbox.TCPProxy, Protocol: sandbox.POP3}),
	}
	for _, d := range fleet {
		for protocol, l := range at {
			visitor := sandbox.Device{
				Name: d.Name, Protocol: protocol, MinTLS: 0x303, MaxTLS: 0x303, Login: sandbox.AuthXOAUTH2,
				Account: d.Mailbox, Token: token, Mail: d.Mail, Expect: sandbox.MailRead,
			}
			if d.Stranger {
				visitor.Account, visitor.Expect = d.Account, sandbox.Refused
				visitor.Reads = map[sandbox.Protocol]string{
					sandbox.IMAP: "NO AUTHENTICATE failed.", sandbox.POP3: "-ERR Authentication failure",
				}[protocol]
			}
			target := sandbox.Target{Address: l.Address(), Roots: e.Roots(), ServerName: "localhost"}
			if r := visitor.Run(testContext(t), target); !r.OK() {
				t.Errorf("%s over %s: got %s, %q, %v", d.Name, protocol, r.Outcome, r.Refusal, r.Err)
			}
		}
	}
	dialTLS(t, e, at[sandbox.IMAP]).play(proxyGreeting + "> 1 LOGIN fax@contoso.example 30714\n< 1 NO Basic authentication is disabled.\n" +
		signOff + "$")
	classic := listen(t, e, sandbox.ListenOptions{})
	dialTLS(t, e, classic).play(classicGreeting + "> 1 LOGIN fax@contoso.example 30714\n< 1 NO LOGIN failed.")
}
