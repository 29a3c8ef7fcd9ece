package sandbox_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

// office is an Exchange that trusts an Entra, with one listener a protocol.
type office struct {
	exchange *sandbox.Exchange
	entra    *sandbox.Entra
	at       map[sandbox.Protocol]*sandbox.Listener
}

func newOffice(t *testing.T, personality sandbox.Personality) *office {
	t.Helper()
	o := &office{exchange: newExchange(t), entra: newEntra(t, sandbox.EntraOptions{}), at: make(map[sandbox.Protocol]*sandbox.Listener)}
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		o.at[protocol] = listen(t, o.exchange, sandbox.ListenOptions{Protocol: protocol, Personality: personality})
	}
	o.exchange.Trust(o.entra, tenantID)
	o.exchange.NewServicePrincipal(appID, appObject)
	o.exchange.AddMailboxPermission(address, appObject, time.Time{})
	return o
}

func goodClaims() sandbox.TokenClaims {
	return sandbox.TokenClaims{Application: appID, Object: appObject, Roles: []string{"IMAP.AccessAsApp", "POP.AccessAsApp"}}
}

func userClaims(name string) sandbox.TokenClaims {
	return sandbox.TokenClaims{Application: publicID, Object: "anna", User: name, Scopes: []string{"IMAP.AccessAsUser.All",
		"POP.AccessAsUser.All"}}
}

func issue(t *testing.T, e *sandbox.Entra, claims sandbox.TokenClaims) string {
	t.Helper()
	token, err := e.IssueToken(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const (
	imapGood   = "< 1 OK AUTHENTICATE completed.\n> 2 STATUS INBOX (MESSAGES)\n< * STATUS INBOX (MESSAGES 1)\n< 2 OK STATUS completed."
	imapBad    = "< 1 NO AUTHENTICATE failed.\n> 2 NOOP\n< 2 OK NOOP completed."
	imapClosed = "< 1 OK AUTHENTICATE completed.\n> 2 STATUS INBOX (MESSAGES)\n< 2 BAD User is authenticated but not connected.\n" +
		"> 3 NAMESPACE\n< 3 BAD User is authenticated but not connected.\n< * BYE Connection closed. 14\n$"
	popGood = "< +OK User successfully authenticated.\n> STAT\n< +OK 1 62"
	popBad  = "< -ERR Authentication failure: unknown user name or bad password.\n> NOOP\n< +OK"
)

// logIn plays a login with a token over a protocol and what comes then.
func (o *office) logIn(t *testing.T, protocol sandbox.Protocol, user, token, script string) {
	t.Helper()
	p := dialTLS(t, o.exchange, o.at[protocol])
	p.hear()
	if protocol == sandbox.POP3 {
		p.play("> AUTH XOAUTH2\n< + \n> " + xoauth2(user, token) + "\n" + script)
		return
	}
	p.play("> 1 AUTHENTICATE XOAUTH2 " + xoauth2(user, token) + "\n" + script)
}

// why returns what the stand-in thought of the last login.
func (o *office) why() string {
	answered := o.exchange.Log().Events(sandbox.LoginAnswered)
	return answered[len(answered)-1].Why
}

func TestTokens(t *testing.T) {
	o := newOffice(t, sandbox.Classic)
	with := func(change func(*sandbox.TokenClaims)) sandbox.TokenClaims {
		c := goodClaims()
		change(&c)
		return c
	}
	if _, err := o.exchange.AddMailbox(sandbox.Account{Address: "anna@contoso.example"}); err != nil {
		t.Fatal(err)
	}
	o.exchange.AddMailboxPermission(address, "Boss@contoso.example", time.Time{})
	for _, c := range []struct {
		name      string
		user      string
		claims    sandbox.TokenClaims
		imap, pop string
		why       string
	}{
		{"good", address, goodClaims(), imapGood, popGood, ""},
		{"good, in capitals", strings.ToUpper(address), goodClaims(), imapGood, popGood, ""},
		{"other name of Exchange", address, with(func(c *sandbox.TokenClaims) { c.Audience = "https://outlook.office.com/" }), imapGood,
			popGood, ""},
		{"Exchange by its id", address, with(func(c *sandbox.TokenClaims) { c.Audience = "00000002-0000-0ff1-ce00-000000000000" }), imapGood,
			popGood, ""},
		{"Graph", address, with(func(c *sandbox.TokenClaims) { c.Audience = "https://graph.microsoft.com" }), imapBad, popBad,
			"for another audience: https://graph.microsoft.com"},
		{"PowerShell", address, with(func(c *sandbox.TokenClaims) { c.Audience = "https://ps.outlook.com" }), imapBad, popBad,
			"for another audience: https://ps.outlook.com"},
		{"another tenant", address, with(func(c *sandbox.TokenClaims) { c.Tenant = otherID }), imapBad, popBad, "of another tenant: " + otherID},
		{"expired", address, with(func(c *sandbox.TokenClaims) { c.Life = -time.Second }), imapBad, popBad, "not valid now"},
		{"signed by another", address, with(func(c *sandbox.TokenClaims) { c.OtherKey = true }), imapBad, popBad,
			"the signature is not of the expected key"},
		{"no roles", address, with(func(c *sandbox.TokenClaims) { c.Roles = nil }), imapBad, popBad, "without the role"},
		{"IMAP only", address, with(func(c *sandbox.TokenClaims) { c.Roles = c.Roles[:1] }), imapGood, popBad,
			"without the role POP.AccessAsApp"},
		{"POP3 only", address, with(func(c *sandbox.TokenClaims) { c.Roles = c.Roles[1:] }), imapBad, popGood, ""},
		{"unknown service principal", address, with(func(c *sandbox.TokenClaims) { c.Application = "x" }), imapBad, popBad,
			"of no service principal with these ids"},
		{"object id of the registration", address, with(func(c *sandbox.TokenClaims) { c.Object = "x" }), imapBad, popBad,
			"of no service principal with these ids"},
		{"no such mailbox", "nobody@contoso.example", goodClaims(), imapBad, popBad, "no such mailbox"},
		{"no FullAccess", "anna@contoso.example", goodClaims(), imapClosed, popBad, "no FullAccess to the mailbox"},
		{"user, own mailbox", "anna@contoso.example", userClaims("Anna@contoso.example"), strings.ReplaceAll(imapGood, "MESSAGES 1",
			"MESSAGES 0"), "< +OK User successfully authenticated.\n> STAT\n< +OK 0 0", ""},
		{"user, shared mailbox", address, userClaims("boss@contoso.example"), imapGood, popGood, ""},
		{"user, another's mailbox", address, userClaims("anna@contoso.example"), imapClosed, popBad, "no FullAccess to the mailbox"},
		{"user, without the scope", "anna@contoso.example", sandbox.TokenClaims{User: "anna@contoso.example", Scopes: []string{"SMTP.Send"}},
			imapBad, popBad, "without the scope POP.AccessAsUser.All"},
		{"16 KiB", address, with(func(c *sandbox.TokenClaims) { c.Length = 16 << 10 }), imapGood, popGood, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := issue(t, o.entra, c.claims)
			o.logIn(t, sandbox.IMAP, c.user, token, c.imap)
			o.logIn(t, sandbox.POP3, c.user, token, c.pop)
			if got := o.why(); !strings.HasPrefix(got, c.why) || c.why == "" && got != "" {
				t.Errorf("got the reason %q, want %q", got, c.why)
			}
		})
	}
	o.logIn(t, sandbox.IMAP, address, "opaque", imapBad)
	o.logIn(t, sandbox.IMAP, address, token, imapGood) // the mailbox's own tokens stay
}

func TestTokens_TCPProxy(t *testing.T) {
	o := newOffice(t, sandbox.TCPProxy)
	long := goodClaims()
	long.Length = 6000
	o.logIn(t, sandbox.IMAP, address, issue(t, o.entra, long), imapGood)
	o.logIn(t, sandbox.POP3, address, issue(t, o.entra, long), "< -ERR Protocol error. Connection is closed. 10\n$")
	o.logIn(t, sandbox.POP3, address, issue(t, o.entra, goodClaims()), popGood)
}

func TestTokens_WithoutTrust(t *testing.T) {
	o := newOffice(t, sandbox.Classic)
	good := issue(t, o.entra, goodClaims())
	o.exchange.Trust(nil, "")
	o.logIn(t, sandbox.IMAP, address, good, imapBad)
	o.exchange.Trust(o.entra, otherID)
	o.logIn(t, sandbox.IMAP, address, good, imapBad)
	o.exchange.Trust(o.entra, tenantID)
	o.logIn(t, sandbox.IMAP, address, good, imapGood)
}

func TestTokens_SetUpStepByStep(t *testing.T) {
	now := newClock()
	e := newExchange(t)
	entra := newEntra(t, sandbox.EntraOptions{Now: now.Now})
	o := &office{exchange: e, entra: entra, at: map[sandbox.Protocol]*sandbox.Listener{
		sandbox.IMAP: listen(t, e, sandbox.ListenOptions{}), sandbox.POP3: listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3}),
	}}
	e.Trust(entra, tenantID)
	token := issue(t, entra, goodClaims())
	o.logIn(t, sandbox.IMAP, address, token, imapBad)
	e.NewServicePrincipal(appID, "object id of the app registration")
	o.logIn(t, sandbox.IMAP, address, token, imapBad)
	e.NewServicePrincipal(appID, appObject)
	o.logIn(t, sandbox.IMAP, address, token, imapClosed)
	e.AddMailboxPermission(address, appObject, now.Now().Add(10*time.Minute))
	o.logIn(t, sandbox.IMAP, address, token, imapClosed)
	o.logIn(t, sandbox.POP3, address, token, popBad)
	now.turn(10 * time.Minute)
	o.logIn(t, sandbox.IMAP, address, token, imapGood)
	e.Mailbox(address).SetEnabled(sandbox.POP3, false)
	o.logIn(t, sandbox.POP3, address, token, popBad)
	o.logIn(t, sandbox.IMAP, address, token, imapGood)
	e.Mailbox(address).SetEnabled(sandbox.POP3, true)
	o.logIn(t, sandbox.POP3, address, token, popGood)
	e.RemoveMailboxPermission(address, appObject)
	o.logIn(t, sandbox.IMAP, address, token, imapClosed)
	e.AddMailboxPermission(address, appObject, time.Time{})
	e.RemoveServicePrincipal(appID)
	o.logIn(t, sandbox.IMAP, address, token, imapBad)
	now.turn(time.Hour)
	e.NewServicePrincipal(appID, appObject)
	o.logIn(t, sandbox.IMAP, address, token, imapBad)
	if o.why() != "not valid now" {
		t.Errorf("got %q", o.why())
	}
}

func TestTokens_UsersSwitchCounts(t *testing.T) {
	o := newOffice(t, sandbox.Classic)
	anna, err := o.exchange.AddMailbox(sandbox.Account{Address: "anna@contoso.example"})
	if err != nil {
		t.Fatal(err)
	}
	o.exchange.AddMailboxPermission(address, "anna@contoso.example", time.Time{})
	token := issue(t, o.entra, userClaims("anna@contoso.example"))
	o.exchange.Mailbox(address).SetEnabled(sandbox.IMAP, false)
	o.logIn(t, sandbox.IMAP, address, token, imapGood)
	anna.SetEnabled(sandbox.IMAP, false)
	o.logIn(t, sandbox.IMAP, address, token, imapBad)
}

func TestTokens_SessionEndsWithItsToken(t *testing.T) {
	o := newOffice(t, sandbox.Classic)
	claims := goodClaims()
	claims.Life = 3 * time.Second
	token := issue(t, o.entra, claims)
	p := dialTLS(t, o.exchange, o.at[sandbox.IMAP])
	p.hear()
	p.play("> 1 AUTHENTICATE XOAUTH2 " + xoauth2(address, token) + "\n< 1 OK AUTHENTICATE completed.\n> 2 EXAMINE INBOX")
	for !strings.HasPrefix(p.hear(), "2 OK") {
	}
	p.play("> 3 IDLE\n< + IDLE accepted, awaiting DONE command.\n< * BYE Session invalidated - AccessTokenExpired\n$")
	o.logIn(t, sandbox.IMAP, address, token, imapBad)
}

func TestExchange_Estimates(t *testing.T) {
	e := newExchange(t)
	p := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Estimates: true}))
	p.play(classicGreeting + login + "> 2 EXAMINE INBOX")
	for !strings.HasPrefix(p.hear(), "2 OK") {
	}
	p.play("> 3 FETCH 1 (UID RFC822.SIZE)\n< * 1 FETCH (UID 1 RFC822.SIZE 54)\n< 3 OK FETCH completed.\n" +
		"> 4 FETCH 1 (RFC822.SIZE BODY.PEEK[HEADER])\n< * 1 FETCH (UID 1 RFC822.SIZE 54 BODY[HEADER] {42}\n< From: a@fabrikam.example\n" +
		"< Subject: one\n< \n< )\n< 4 OK FETCH completed.\n" +
		"> 5 FETCH 1 ENVELOPE")
	if line := p.hear(); !strings.HasPrefix(line, "* 1 FETCH (UID 1 ENVELOPE (") {
		t.Errorf("got %q", line)
	}
	q := dialTLS(t, e, listen(t, e, sandbox.ListenOptions{Protocol: sandbox.POP3, Estimates: true}))
	q.play(popGreeting + popLogin + "> STAT\n< +OK 1 54\n> LIST\n< +OK\n< 1 54\n< .\n> RETR 1\n< +OK\n< From: a@fabrikam.example")
}

func TestFaults_RandomDrops(t *testing.T) {
	e := newExchange(t, sandbox.Account{Address: address, Password: password, Messages: [][]byte{bigMessage(8 << 10)}})
	visit := func(l *sandbox.Listener) (said int, whole bool) {
		d := sandbox.Device{
			Name: "x", Protocol: sandbox.IMAP, Login: sandbox.LoginQuoted, MinTLS: 0x303, MaxTLS: 0x303,
			Account: address, Password: password, Mail: bigMessage(8 << 10), Expect: sandbox.MailRead,
		}
		r := d.Run(testContext(t), sandbox.Target{Address: l.Address(), Roots: e.Roots(), ServerName: "localhost"})
		if !r.OK() && r.Outcome != sandbox.Failed {
			t.Errorf("got %s, %s", r.Outcome, r.Refusal)
		}
		return len(r.Steps), r.OK()
	}
	l := listen(t, e, sandbox.ListenOptions{})
	setFaults(t, l, sandbox.Faults{DropRate: 0.5, DropSeed: 7})
	var whole, steps []byte
	for range 24 {
		n, ok := visit(l)
		steps = append(steps, byte(n))
		if ok {
			whole = append(whole, 1)
		}
	}
	if len(whole) < 4 || len(whole) > 20 {
		t.Errorf("%d of 24 were served, of which half should be", len(whole))
	}
	if len(bytes.Split(steps, steps[:1])) == 25 {
		t.Errorf("all ended at the same step: %v", steps)
	}
	setFaults(t, l, sandbox.Faults{DropRate: 1})
	if _, ok := visit(l); ok {
		t.Error("one was served although all are dropped")
	}
	setFaults(t, l, sandbox.Faults{})
	if _, ok := visit(l); !ok {
		t.Error("one was dropped although none is")
	}
}
