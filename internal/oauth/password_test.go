package oauth_test

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// byPassword is an entra whose one user has canaryPassword, and a source that asks by it.
func byPassword(t *testing.T) (*entra, oauth.Options) {
	e := newEntra(t)
	e.say = func(form url.Values) *reply {
		if form.Get("password") != canaryPassword {
			return refusal(400, "invalid_grant", 50126)
		}
		return nil
	}
	o := e.options()
	o.Flow, o.ClientSecret = oauth.Password, secret.Secret{}
	return e, o
}

func loginAs(mailbox, password string) oauth.Request {
	return oauth.Request{Mailbox: mailbox, Protocol: "pop3", Password: secret.New(password)}
}

func TestPassword_TheTokenIsThatLoginsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		s := open(t, o)
		good := loginAs("scans@contoso.com", canaryPassword)
		first := get(t, s, good)
		if first.Account != "boss@contoso.com" {
			t.Errorf("account: got %q", first.Account)
		}
		form := e.last()
		if form.Get("username") != "scans@contoso.com" || form.Get("grant_type") != "password" {
			t.Errorf("asked: %v", form)
		}
		contains(t, form.Get("scope"), "https://outlook.office.com/POP.AccessAsUser.All", "offline_access")
		for range 3 {
			fault := fail(t, s, loginAs("scans@contoso.com", "canary-wrong"), oauth.WrongPassword)
			if got := oauth.Fault(fault).Reason; got != login.BadCredentials {
				t.Errorf("the device is told %v, want BadCredentials", got)
			}
		}
		if got := get(t, s, good); got.Value.Reveal() != first.Value.Reveal() {
			t.Error("a wrong login changed the token")
		}
		if got := e.requests(); got != 4 {
			t.Errorf("requests: got %d, want 4", got)
		}
		if got := oauth.EntriesOf(s); got != 1 {
			t.Errorf("tokens kept: got %d, want 1", got)
		}
		get(t, s, loginAs("SCANS@contoso.com", canaryPassword))
		other := loginAs("other@contoso.com", canaryPassword)
		if got := get(t, s, other); got.Value.Reveal() == first.Value.Reveal() {
			t.Error("one mailbox's token served another")
		}
		imap := good
		imap.Protocol = "imap"
		get(t, s, imap)
		contains(t, e.last().Get("scope"), "IMAP.AccessAsUser.All")
	})
}

func TestPassword_ThatIsNoLongerRightEndsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		s := open(t, o)
		good := loginAs("scans@contoso.com", canaryPassword)
		get(t, s, good)
		e.set(func(e *entra) { e.say = always(refusal(400, "invalid_grant", 50126)) })
		time.Sleep(57 * time.Minute)
		fail(t, s, good, oauth.WrongPassword)
		if got := oauth.EntriesOf(s); got != 0 {
			t.Errorf("tokens kept: got %d, want none", got)
		}
	})
}

func TestPassword_WhatEntraAnswers(t *testing.T) {
	tests := []struct {
		name   string
		say    *reply
		realm  string
		class  oauth.Class
		reason login.Reason
	}{
		{"unknown user", refusal(400, "invalid_grant", 50034), "", oauth.WrongPassword, login.BadCredentials},
		{"no number", refusal(400, "invalid_grant"), "", oauth.WrongPassword, login.BadCredentials},
		{"unknown number", refusal(400, "invalid_grant", 4711), "", oauth.AccountFault, login.Unavailable},
		{"revoked", refusal(400, "invalid_grant", 50173), "", oauth.AccountFault, login.Unavailable},
		{"locked", refusal(400, "invalid_grant", 50053), "", oauth.AccountFault, login.Unavailable},
		{"multi-factor", refusal(400, "invalid_grant", 50076), "", oauth.Policy, login.Unavailable},
		{"Conditional Access", refusal(400, "invalid_grant", 53003), "", oauth.Policy, login.Unavailable},
		{"security defaults", refusal(400, "invalid_grant", 530035), "", oauth.Policy, login.Unavailable},
		{"not a public client", refusal(401, "invalid_client", 7000218), "", oauth.Configuration, login.Unavailable},
		{"unknown domain", nil, `{"ver":"1.0","account_type":"Unknown"}`, oauth.WrongPassword, login.BadCredentials},
		{"garbage for a domain", nil, `<html>`, oauth.Unavailable, login.Unavailable},
		{"federated domain", nil, `{"account_type":"Federated","domain_name":"d","cloud_instance_name":"x","cloud_audience_urn":"urn:x",` +
			`"federation_protocol":"WSTrust","federation_metadata_url":"https://adfs.contoso.com/mex"}`, oauth.AccountFault, login.Unavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, o := byPassword(t)
				e.say = always(test.say)
				if test.realm != "" {
					e.realm = test.realm
				}
				s := open(t, o)
				fault := fail(t, s, loginAs("scans@contoso.com", canaryPassword), test.class)
				if got := oauth.Fault(fault).Reason; got != test.reason {
					t.Errorf("the device is told %v, want %v", got, test.reason)
				}
				if test.realm != "" && e.requests() != 0 {
					t.Error("the password was sent")
				}
			})
		})
	}
}

func TestPassword_OneAccountsFaultIsNotAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		e.say = func(form url.Values) *reply {
			if form.Get("username") == "locked@contoso.com" {
				return refusal(400, "invalid_grant", 50053)
			}
			return nil
		}
		s := open(t, o)
		fail(t, s, loginAs("locked@contoso.com", canaryPassword), oauth.AccountFault)
		get(t, s, loginAs("scans@contoso.com", canaryPassword))
		fail(t, s, loginAs("locked@contoso.com", canaryPassword), oauth.AccountFault)
		if got := e.requests(); got != 2 {
			t.Errorf("requests: got %d, want 2", got)
		}
		e.set(func(e *entra) { e.say = always(&reply{status: 429, header: map[string]string{"Retry-After": "30"}}) })
		fail(t, s, loginAs("a@contoso.com", canaryPassword), oauth.Throttled)
		fail(t, s, loginAs("b@contoso.com", canaryPassword), oauth.Throttled)
		if got := e.requests(); got != 3 {
			t.Errorf("requests while all are asked to wait: got %d, want 3", got)
		}
		get(t, s, loginAs("scans@contoso.com", canaryPassword))
	})
}

func TestPassword_NamesThatAreNoAddressAreNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		s := open(t, o)
		for _, name := range []string{"scanner", "@contoso.com", "a@", "a\x01b@contoso.com", "a\r\n@contoso.com", "ü@contoso.com",
			"a b@contoso.com"} {
			fail(t, s, loginAs(name, canaryPassword), oauth.WrongPassword)
		}
		fail(t, s, loginAs("scans@contoso.com", ""), oauth.WrongPassword)
		if len(e.paths) != 0 {
			t.Errorf("asked: %v", e.paths)
		}
	})
}

func TestPassword_ManyMailboxesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		e.say = always(&reply{status: 429, header: map[string]string{"Retry-After": "3600"}})
		s := open(t, o)
		for i := range oauth.MaxEntries + 10 {
			fail(t, s, loginAs(fmt.Sprintf("m%d@contoso.com", i), canaryPassword), oauth.Throttled)
		}
		if got := oauth.EntriesOf(s); got != oauth.MaxEntries {
			t.Errorf("mailboxes kept: got %d, want %d", got, oauth.MaxEntries)
		}
		if got := e.requests(); got != 1 {
			t.Errorf("requests: got %d, want 1", got)
		}
	})
}

func TestPassword_WhoQueuedIsNotAskedForAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		e.delay = time.Second
		e.say = always(&reply{status: 429, header: map[string]string{"Retry-After": "30"}})
		s := open(t, o)
		var group sync.WaitGroup
		for i := range 10 * oauth.MaxRequests {
			group.Go(func() {
				fail(t, s, loginAs(fmt.Sprintf("m%d@contoso.com", i), canaryPassword), oauth.Throttled)
			})
		}
		group.Wait()
		if got := e.requests(); got != oauth.MaxRequests {
			t.Errorf("requests: got %d, want the %d that were under way", got, oauth.MaxRequests)
		}
		e.set(func(e *entra) { e.say = nil })
		time.Sleep(30 * time.Second)
		get(t, s, loginAs("m319@contoso.com", canaryPassword))
	})
}

func TestPassword_FailuresSideBySideCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		e.delay = time.Second
		e.say = always(&reply{status: 503})
		s := open(t, o)
		var group sync.WaitGroup
		for i := range oauth.MaxRequests {
			group.Go(func() {
				fail(t, s, loginAs(fmt.Sprintf("m%d@contoso.com", i), canaryPassword), oauth.Unavailable)
			})
		}
		group.Wait()
		e.set(func(e *entra) { e.say = nil })
		time.Sleep(2 * time.Second)
		get(t, s, loginAs("m1@contoso.com", canaryPassword))
	})
}

func TestPassword_RequestsUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o := byPassword(t)
		e.delay = time.Hour
		s := open(t, o)
		var group sync.WaitGroup
		for i := range oauth.MaxEntries {
			group.Go(func() { _, _ = s.Token(t.Context(), loginAs(fmt.Sprintf("m%d@contoso.com", i), canaryPassword)) })
		}
		synctest.Wait()
		if got := e.requests(); got > oauth.MaxRequests {
			t.Errorf("requests under way: got %d, want %d at most", got, oauth.MaxRequests)
		}
		contains(t, fail(t, s, loginAs("late@contoso.com", canaryPassword), oauth.Unavailable).Sentence, "too many")
		s.Close()
		group.Wait()
	})
}
