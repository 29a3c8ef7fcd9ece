package main

import (
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// TestModern_FleetReadsMailByToken sends the demo's fleet through its bridge: who may read mail does, by one token, and Exchange never
// sees a password.
func TestModern_FleetReadsMailByToken(t *testing.T) {
	t.Parallel()
	fleet := sandbox.ModernFleet()
	accounts := ""
	for _, a := range sandbox.BridgeAccounts(fleet) {
		accounts += modernAccount(t, a.Login, a.Mailbox, a.Password, "")
	}
	w := newModernWorld(t, modernOptions{accounts: accounts, personality: sandbox.TCPProxy, noScanner: true})
	for _, d := range fleet {
		if !d.Stranger {
			w.mailbox(sandbox.Account{Address: d.Mailbox, Messages: [][]byte{d.Mail}})
			w.exchange.AddMailboxPermission(d.Mailbox, w.tenant.Applications[0].ObjectID, time.Time{})
		}
	}
	bridged := 0
	for _, d := range fleet {
		if d.Expect == sandbox.Alerted {
			continue // never gets to log in
		}
		result, record := w.visit(t, d)
		if !result.OK() {
			t.Errorf("%s: %s, refusal %q, error %v, want %s; reason %q", d.Name, result.Outcome, result.Refusal, result.Err, d.Expect, record.Reason)
		}
		if d.Expect != sandbox.MailRead {
			continue
		}
		bridged++
		if record.Outcome != inventory.OutcomeBridged || record.Mailbox != d.Mailbox || record.UpstreamAuth != "XOAUTH2" ||
			record.TokenLeft < time.Minute {
			t.Errorf("%s: record: outcome %s, mailbox %q, upstream_auth %q, token left %v", d.Name, record.Outcome, record.Mailbox,
				record.UpstreamAuth, record.TokenLeft)
		}
	}
	if bridged < 10 {
		t.Errorf("%d devices read mail, want those of the fleet", bridged)
	}
	w.wantNoPassword(t, fleet)
	if n := w.entra.Log().Tokens(); n != 1 {
		t.Errorf("%d requests for a token, want 1 for all devices", n)
	}
}

// wantNoPassword looks for what devices typed in what Exchange and Entra ID got.
func (w *modernWorld) wantNoPassword(t *testing.T, fleet []sandbox.Device) {
	t.Helper()
	logins := w.exchange.Log().Logins()
	for _, l := range logins {
		if l.Password != "" || l.Mechanism != "XOAUTH2" || l.Token == "" {
			t.Errorf("a login reached Exchange by %s for %s, with a password %t", l.Mechanism, l.User, l.Password != "")
		}
	}
	if len(logins) == 0 {
		t.Error("no login reached Exchange")
	}
	for _, d := range fleet {
		if d.Password != "" && w.entra.Log().Contains(d.Password) {
			t.Errorf("the password of %s reached Entra ID", d.Name)
		}
	}
}

// TestModern_OneRequestForManyDevices has many devices log in at once when the token they share is of no use any more.
func TestModern_OneRequestForManyDevices(t *testing.T) {
	const devices = 500
	cases := map[string]func(t *testing.T, w *modernWorld, mailboxes []string){
		"expired": func(t *testing.T, w *modernWorld, _ []string) {
			must(t, w.entra.SetFaults(sandbox.EntraFaults{TokenLife: 11 * time.Second}))
			w.wantMail(t, scanner(sandbox.POP3))
			must(t, w.entra.SetFaults(sandbox.EntraFaults{}))
			dead := time.Now().Add(2 * time.Second) // with less than 10 s to live it serves nobody
			until(t, "the token's end", func() bool { return time.Now().After(dead) })
		},
		"refused": func(t *testing.T, w *modernWorld, mailboxes []string) {
			w.wantMail(t, scanner(sandbox.POP3))
			const other = "11111111-2222-4333-8444-555555555555"
			w.setApplication(func(a *sandbox.Application) { a.ObjectID = other })
			w.exchange.NewServicePrincipal(w.tenant.Applications[0].ID, other) // the token at hand has the old one
			for _, m := range mailboxes {
				w.exchange.AddMailboxPermission(m, other, time.Time{})
			}
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accounts, names, mailboxes := modernAccount(t, scannerLogin, scannerMailbox, scannerCode, ""), []string{}, []string{}
			for i := range devices {
				names = append(names, stormName(i))
				mailboxes = append(mailboxes, stormName(i)+"@contoso.example")
				accounts += modernAccount(t, names[i], mailboxes[i], scannerCode, "")
			}
			w := newModernWorld(t, modernOptions{accounts: accounts})
			for _, m := range mailboxes {
				w.openMailbox(m)
			}
			spoil(t, w, mailboxes)
			asked := w.entra.Log().Tokens()
			all := w.storm(t, devices, func(i int) knock {
				return knock{protocol: bothProtocols[i%2], source: stormSource(i), name: names[i], password: scannerCode}
			})
			for i, got := range all {
				if !strings.HasPrefix(got.reads, loggedIn[bothProtocols[i%2]]) {
					t.Errorf("%s read %q: %s", names[i], got.reads, got.record.Reason)
				}
			}
			if n := w.entra.Log().Tokens() - asked; asked != 1 || n != 1 {
				t.Errorf("%d requests for a token before and %d while %d devices logged in, want 1 and 1", asked, n, devices)
			}
		})
	}
}

func stormName(i int) string {
	return "printer" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26))
}

// TestModern_RefusedTokenIsRenewedOnce counts requests and connections while Exchange refuses every token.
func TestModern_RefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	w := newModernWorld(t, modernOptions{})
	w.exchange.RemoveServicePrincipal(w.tenant.Applications[0].ID)
	got := w.try(t, scanner(sandbox.IMAP))
	got.want(t, unavailable[sandbox.IMAP], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate, "New-ServicePrincipal")
	if tokens, dials := w.entra.Log().Tokens(), w.exchange.Log().Count(sandbox.Accepted); tokens != 2 || dials != 2 {
		t.Errorf("%d requests for a token and %d connections, want 2 and 2", tokens, dials)
	}
	logins := w.exchange.Log().Logins()
	if len(logins) != 2 || logins[0].Token == logins[1].Token {
		t.Errorf("%d logins reached Exchange, want 2 with different tokens", len(logins))
	}
	w.try(t, scanner(sandbox.POP3)).want(t, unavailable[sandbox.POP3], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate,
		"New-ServicePrincipal")
	if tokens, dials := w.entra.Log().Tokens(), w.exchange.Log().Count(sandbox.Accepted); tokens != 2 || dials != 3 {
		t.Errorf("after the next login %d requests for a token and %d connections, want 2 and 3: it is not the token", tokens, dials)
	}
	w.exchange.NewServicePrincipal(w.tenant.Applications[0].ID, w.tenant.Applications[0].ObjectID)
	for _, protocol := range bothProtocols {
		w.wantMail(t, scanner(protocol))
	}
}

// TestModern_OwnTokenIsHandedOn has a program bring a token of its own, a good one and one that has expired.
func TestModern_OwnTokenIsHandedOn(t *testing.T) {
	t.Parallel()
	w := newModernWorld(t, modernOptions{})
	app := w.tenant.Applications[0]
	claims := sandbox.TokenClaims{Application: app.ID, Object: app.ObjectID, Roles: app.Roles}
	good, err := w.entra.IssueToken(claims)
	must(t, err)
	claims.Life = -time.Hour
	expired, err := w.entra.IssueToken(claims)
	must(t, err)
	for i, protocol := range bothProtocols {
		k := knock{protocol: protocol, source: "127.0.3.1", name: scannerMailbox, password: good, token: true}
		got := w.try(t, k)
		got.want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
		if r := got.record; r.AuthMechanism != "XOAUTH2" || r.Account != scannerMailbox {
			t.Errorf("record: auth_mechanism %s, account %q", r.AuthMechanism, r.Account)
		}
		k.password, k.source = expired, []string{"127.0.3.2", "127.0.3.3"}[i]
		w.try(t, k).want(t, wrongPassword[protocol], inventory.OutcomeLoginFailed, inventory.PhaseAuthenticate, "")
	}
	for _, l := range w.exchange.Log().Logins() {
		if l.Token != good && l.Token != expired {
			t.Errorf("a token reached Exchange that is not the device's")
		}
	}
	if n := w.entra.Log().Tokens(); n != 0 {
		t.Errorf("%d requests for a token, want none: the device has its own", n)
	}
}
