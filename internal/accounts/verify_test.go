package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// fleet is a book with an account of each kind.
func fleet(t testing.TB, o accounts.Options) *accounts.Book {
	two := hash(t, "for the desk")
	return book(t, o,
		accounts.Account{Login: "Scanner1", Aliases: []string{`CONTOSO\scanner1`, `user@contoso.com\Shared`}, Mailbox: "Scans@contoso.com",
			Passwords: one(hash(t, "secret-1"))},
		accounts.Account{Login: "desk", Passwords: []accounts.Password{{Name: "reception", Hash: two},
			{Name: "basement", Hash: alike(t, "for below", two)}}},
		accounts.Account{Login: "off", Passwords: one(hash(t, "off")), Disabled: true},
		accounts.Account{Login: "old", Passwords: one(hash(t, "old")), Expires: noon},
		accounts.Account{Login: "young", Passwords: one(hash(t, "young")), Expires: noon.Add(time.Second)},
		accounts.Account{Login: "near", Passwords: one(hash(t, "near")), Sources: networks("10.20.3.0/24", "::ffff:192.0.2.0/120", "fe80::/10")},
		accounts.Account{Login: "far", Passwords: one(hash(t, "far")), Sources: networks("10.99.0.0/16")},
		accounts.Account{Login: "pop", Passwords: one(hash(t, "pop")), Protocols: []string{"POP3"}},
		accounts.Account{Login: "*@contoso.com", Passwords: one(hash(t, "shared")), Sources: networks("10.20.0.0/16"),
			Mailboxes: []string{"Fax1@contoso.com", "fax2@contoso.com"}},
		accounts.Account{Login: "fax*@contoso.com", Passwords: one(hash(t, "faxes")), Sources: networks("10.20.0.0/16"),
			Mailboxes: []string{"fax3@contoso.com"}},
		accounts.Account{Login: "*@any.example", Passwords: one(hash(t, "any")), Sources: networks("10.20.0.0/16"),
			Mailboxes: []string{"*@any.example"}, AnyMailbox: true},
	)
}

func TestVerify_LetsIn(t *testing.T) {
	b := fleet(t, accounts.Options{})
	tests := []struct {
		login, password string
		change          func(*accounts.Attempt)
		want            accounts.Identity
	}{
		{login: "scanner1", password: "secret-1", want: identity(accounts.Claim{Account: "scanner1", Mailbox: "Scans@contoso.com"}, "")},
		{login: "SCANNER1", password: "secret-1", want: identity(accounts.Claim{Account: "scanner1", Mailbox: "Scans@contoso.com"}, "")},
		{login: `contoso\Scanner1`, password: "secret-1", want: identity(accounts.Claim{Account: "scanner1", Mailbox: "Scans@contoso.com"}, "")},
		{login: `user@contoso.com\shared`, password: "secret-1", want: identity(accounts.Claim{Account: "scanner1", Mailbox: "Scans@contoso.com"}, "")},
		{login: "desk", password: "for the desk", want: identity(accounts.Claim{Account: "desk", Mailbox: "desk"}, "reception")},
		{login: "desk", password: "for below", want: identity(accounts.Claim{Account: "desk", Mailbox: "desk"}, "basement")},
		{login: "young", password: "young", want: identity(accounts.Claim{Account: "young", Mailbox: "young"}, "")},
		{login: "near", password: "near", want: identity(accounts.Claim{Account: "near", Mailbox: "near"}, "")},
		{login: "near", password: "near", change: from("::ffff:10.20.3.9"), want: identity(accounts.Claim{Account: "near", Mailbox: "near"}, "")},
		{login: "near", password: "near", change: from("192.0.2.7"), want: identity(accounts.Claim{Account: "near", Mailbox: "near"}, "")},
		{login: "near", password: "near", change: from("fe80::7%eth0"), want: identity(accounts.Claim{Account: "near", Mailbox: "near"}, "")},
		{login: "pop", password: "pop", change: by("pop3"), want: identity(accounts.Claim{Account: "pop", Mailbox: "pop"}, "")},
		{login: "FAX1@contoso.com", password: "shared", want: identity(accounts.Claim{Account: "fax1@contoso.com", Mailbox: "Fax1@contoso.com",
			Pattern: "*@contoso.com"}, "")},
		{login: "fax3@contoso.com", password: "faxes", want: identity(accounts.Claim{Account: "fax3@contoso.com", Mailbox: "fax3@contoso.com",
			Pattern: "fax*@contoso.com"}, "")},
		{login: "Some.One@any.example", password: "any", want: identity(accounts.Claim{Account: "some.one@any.example",
			Mailbox: "some.one@any.example", Pattern: "*@any.example"}, "")},
	}
	for _, test := range tests {
		a := attempt(test.login, test.password)
		if test.change != nil {
			test.change(&a)
		}
		got := mustVerify(t, b, a)
		got.Remembered = false // two rows share a password
		if got != test.want {
			t.Errorf("%s from %s: got %+v, want %+v", test.login, a.Source, got, test.want)
		}
	}
}

func identity(c accounts.Claim, password string) accounts.Identity {
	return accounts.Identity{Claim: c, PasswordName: password}
}

func from(source string) func(*accounts.Attempt) {
	return func(a *accounts.Attempt) { a.Source = netip.MustParseAddr(source) }
}

func by(protocol string) func(*accounts.Attempt) {
	return func(a *accounts.Attempt) { a.Protocol = protocol }
}

func TestVerify_RefusesAllAlikeAndRecordsWhy(t *testing.T) {
	b := fleet(t, accounts.Options{})
	tests := []struct{ login, password, says string }{
		{"nobody", "x", "no account has this login: add it"},
		{"", "", "no account has this login"},
		{"scanner1 ", "secret-1", "no account has this login"},
		{strings.Repeat("x", 9000), "x", "no account has this login"},
		{"scanner1", "secret-2", "wrong password for the account Scanner1: correct it"},
		{"scanner1", "", "wrong password for the account Scanner1"},
		{"desk", "for the desk ", "wrong password for the account desk"},
		{"off", "off", "the account off is disabled (the password was right): enable it"},
		{"off", "on", "the account off is disabled (the password was wrong too): enable it"},
		{"old", "old", "the account old expired on 2026-11-24T12:00:00Z (the password was right): give it a later date"},
		{"far", "far", "the account far may not log in from this address (the password was right): add it"},
		{"pop", "pop", "the account pop may not log in by IMAP (the password was right): add it"},
		{"printer@contoso.com", "shared", "the login fits the pattern *@contoso.com, but its mailboxes do not list it: add it there"},
		{"fax1@contoso.com", "faxes", "wrong password for the account *@contoso.com"},
		{"a@b@any.example", "any", "no account has this login"},
		{"a\x01auth=Bearer@any.example", "any", "no account has this login"},
		{`x\a@any.example`, "any", "no account has this login"},
		{"j\u00fcrgen@any.example", "any", "no account has this login"},
		{"*@any.example", "any", "no account has this login"},
	}
	for _, test := range tests {
		_, err := b.Verify(context.Background(), attempt(test.login, test.password))
		says := refusedWith(t, err)
		wantContains(t, says, test.says)
		if test.password == "secret-2" && strings.Contains(says, test.password) {
			t.Errorf("the sentence %q quotes the password", says)
		}
	}
}

func TestVerify_LeavesAnAccountWithoutPasswordToEntra(t *testing.T) {
	b := book(t, accounts.Options{Unchecked: true},
		accounts.Account{Login: "user@contoso.com"},
		accounts.Account{Login: "far@contoso.com", Sources: networks("10.99.0.0/16")},
		accounts.Account{Login: "a", Passwords: one(hash(t, "p"))})
	claim, ok := b.Unchecked(attempt("User@contoso.com", "whatever"))
	if want := (accounts.Claim{Account: "user@contoso.com", Mailbox: "user@contoso.com"}); !ok || claim != want {
		t.Errorf("got %+v, %v; want %+v", claim, ok, want)
	}
	for name, says := range map[string]string{
		"User@contoso.com": "the account user@contoso.com has no password here, and its upstream has none checked by Entra ID: give it one",
		"far@contoso.com":  "the account far@contoso.com may not log in from this address: add it",
		"a":                "wrong password",
	} {
		if _, ok := b.Unchecked(attempt(name, "whatever")); ok != (name == "User@contoso.com") {
			t.Errorf("%s is left to Entra ID: %v", name, ok)
		}
		_, err := b.Verify(context.Background(), attempt(name, "whatever"))
		wantContains(t, refusedWith(t, err), says)
	}
}

func TestVerify_WhateverIsWrongWaitsForATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})
		b := fleet(t, accounts.Options{Checker: c})
		defer mustEnter(t, c, "10.9.9.9")()
		for _, login := range []string{"nobody", "", "scanner1", "off", "old", "far", "pop", "x@contoso.com", "a b@any.example",
			"fax1@contoso.com"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := b.Verify(ctx, attempt(login, "wrong")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%q: got %v before any check, want it to wait", login, err)
			}
			cancel()
		}
	})
}

func TestVerify_TellsNoSoonerThanASecondAfterItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fleet(t, accounts.Options{})
		for _, name := range []string{"nobody", "scanner1", "off", "old", "far", "pop"} {
			_, err := b.Verify(t.Context(), attempt(name, "wrong"))
			var r *login.Refusal
			if !errors.As(err, &r) || !r.NotBefore.Equal(time.Now().Add(time.Second)) {
				t.Errorf("%s: got %v, want a refusal in a second", name, err)
			}
		}
	})
}

func TestVerify_RemembersAPasswordForADay(t *testing.T) {
	b := fleet(t, accounts.Options{})
	a := attempt("scanner1", "secret-1")
	if mustVerify(t, b, a).Remembered {
		t.Fatal("the first check was not made")
	}
	for _, test := range []struct {
		after time.Duration
		want  bool
	}{{time.Minute, true}, {24*time.Hour - 1, true}, {24 * time.Hour, false}, {24*time.Hour + 1, true}} {
		a.Now = noon.Add(test.after)
		if got := mustVerify(t, b, a).Remembered; got != test.want {
			t.Errorf("after %v: got remembered %v, want %v", test.after, got, test.want)
		}
	}
	a.Password = secret.New("secret-2")
	_, err := b.Verify(context.Background(), a)
	refusedWith(t, err)
	if _, err = b.Verify(context.Background(), a); err == nil {
		t.Error("a wrong password was remembered")
	}
}

func TestVerify_RemembersBeyondALoadingButNotAChangedPassword(t *testing.T) {
	first, second := hash(t, "one"), ""
	second = alike(t, "two", first)
	with := func(c *accounts.Checker, passwords ...accounts.Password) *accounts.Book {
		return book(t, accounts.Options{Checker: c}, accounts.Account{Login: "a", Passwords: passwords})
	}
	c := accounts.NewChecker(accounts.CheckerOptions{})
	mustVerify(t, with(c, accounts.Password{Hash: first}), attempt("a", "one"))

	both := with(c, accounts.Password{Name: "x", Hash: second}, accounts.Password{Name: "y", Hash: first})
	if id := mustVerify(t, both, attempt("a", "one")); !id.Remembered || id.PasswordName != "y" {
		t.Errorf("beside another password: got %+v, want it remembered as y", id)
	}
	_, err := with(c, accounts.Password{Hash: second}).Verify(context.Background(), attempt("a", "one"))
	wantContains(t, refusedWith(t, err), "wrong password")
	_, err = with(c, accounts.Password{Hash: hash(t, "three")}).Verify(context.Background(), attempt("a", "one"))
	wantContains(t, refusedWith(t, err), "wrong password")

	again := with(c, accounts.Password{Hash: hash(t, "one")}) // the same password under a new salt
	if mustVerify(t, again, attempt("a", "one")).Remembered {
		t.Error("what one hash opened was remembered for another")
	}
	other := book(t, accounts.Options{Checker: c}, accounts.Account{Login: "b", Passwords: one(first)})
	if mustVerify(t, other, attempt("b", "one")).Remembered {
		t.Error("what one account's password opened was remembered for another account")
	}
}

func TestVerify_RemembersNothingForWhoIsBarred(t *testing.T) {
	c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})
	h := hash(t, "right")
	mustVerify(t, book(t, accounts.Options{Checker: c}, accounts.Account{Login: "a", Passwords: one(h)}), attempt("a", "right"))
	off := book(t, accounts.Options{Checker: c}, accounts.Account{Login: "a", Passwords: one(h), Disabled: true})

	leave := mustEnter(t, c, "10.9.9.9") // the only turn there is
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := off.Verify(ctx, attempt("a", "right")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v: a barred login was answered without a check", err)
	}
	leave()
	_, err := off.Verify(context.Background(), attempt("a", "right"))
	wantContains(t, refusedWith(t, err), "is disabled (the password was right)")
}

func mustEnter(t testing.TB, c *accounts.Checker, source string) (leave func()) {
	t.Helper()
	leave, err := c.Enter(context.Background(), netip.MustParseAddr(source), "held")
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func TestVerify_ARememberedPasswordTakesNoTurn(t *testing.T) {
	c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})
	b := fleet(t, accounts.Options{Checker: c})
	mustVerify(t, b, attempt("scanner1", "secret-1"))
	defer mustEnter(t, c, "10.9.9.9")()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id, err := b.Verify(ctx, attempt("scanner1", "secret-1"))
	if err != nil || !id.Remembered {
		t.Errorf("got %+v, %v; want it remembered", id, err)
	}
}

func TestVerify_AFleetWithOnePasswordIsCheckedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})
		b := fleet(t, accounts.Options{Checker: c})
		leave := mustEnter(t, c, "10.9.9.9")
		results := make(chan accounts.Identity)
		for i := range 10 {
			go func() {
				a := attempt(fmt.Sprintf("dev%d@any.example", i), "any")
				a.Source = netip.AddrFrom4([4]byte{10, 20, 1, byte(i)})
				id, err := b.Verify(t.Context(), a)
				if err != nil {
					t.Error(err)
				}
				results <- id
			}()
		}
		synctest.Wait()
		leave()
		checked := 0
		for range 10 {
			if id := <-results; !id.Remembered {
				checked++
			}
		}
		if checked != 1 {
			t.Errorf("got %d checks of one shared password, want 1", checked)
		}
	})
}

func TestVerify_GivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := accounts.NewChecker(accounts.CheckerOptions{Parallel: 1})
		b := fleet(t, accounts.Options{Checker: c})
		leave := mustEnter(t, c, "10.9.9.9")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := b.Verify(ctx, attempt("scanner1", "secret-1"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		leave()
		mustVerify(t, b, attempt("scanner1", "secret-1"))
	})
}

func TestVerify_TakesTheTimeOfTheCallWhereNoneIsGiven(t *testing.T) {
	b := book(t, accounts.Options{}, accounts.Account{Login: "a", Passwords: one(hash(t, "p")), Expires: time.Now().Add(-time.Hour)})
	a := attempt("a", "p")
	a.Now = time.Time{}
	_, err := b.Verify(context.Background(), a)
	wantContains(t, refusedWith(t, err), "expired")
}

func TestVerify_Stress(t *testing.T) {
	unknown := accounts.NewUnknown()
	b := fleet(t, accounts.Options{Unknown: unknown})
	logins := []struct {
		login, password string
		ok              bool
	}{{"scanner1", "secret-1", true}, {"scanner1", "wrong", false}, {"desk", "for below", true}, {"nobody", "x", false},
		{"fax1@contoso.com", "shared", true}, {"off", "off", false}}
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 30 {
				l := logins[(i+j)%len(logins)]
				a := attempt(l.login, l.password)
				a.Source = netip.AddrFrom4([4]byte{10, 20, 0, byte(i % 4)})
				if _, err := b.Verify(context.Background(), a); (err == nil) != l.ok {
					t.Errorf("%s: got %v, want success %v", l.login, err, l.ok)
				}
				unknown.List()
			}
		})
	}
	all.Wait()
	if got := len(unknown.List()); got != 4 {
		t.Errorf("got %d unknown logins, want one a source", got)
	}
}

func BenchmarkVerify_Remembered(b *testing.B) {
	k := fleet(b, accounts.Options{})
	a := attempt("scanner1", "secret-1")
	mustVerify(b, k, a)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Verify(context.Background(), a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify_Argon2(b *testing.B) {
	h, err := accounts.Hash(secret.New("right"), accounts.Parameters{})
	if err != nil {
		b.Fatal(err)
	}
	k := book(b, accounts.Options{}, accounts.Account{Login: "a", Passwords: one(h)})
	for _, login := range []string{"a", "unknown"} {
		b.Run(login, func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Verify(context.Background(), attempt(login, "wrong")); err == nil {
					b.Fatal("a wrong password was taken")
				}
			}
		})
	}
}
