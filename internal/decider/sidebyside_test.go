package decider_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// side is a Decider where flows are side by side: POP3 goes to Entra ID with the device's password, everything else with the
// bridge's own token, which opens any mailbox.
type side struct {
	*decider.Decider
	verified *guard.Verified
}

// sideBySide is one. The account copier has a password neither here nor there, waiting is barred, scanner1 has 4711.
func sideBySide(t *testing.T) side {
	t.Helper()
	oauth := config.OAuth2{Flow: "client_credentials", Tenant: "contoso.test", ClientID: "app-1", ClientSecret: secret.New("s")}
	entra := oauth
	entra.Flow, entra.ClientSecret = "password", secret.Secret{}
	cfg := &config.Config{
		Upstreams: []config.Upstream{{Name: "online", IMAP: "imap.test:993", POP3: "pop.test:995", OAuth2: &oauth},
			{Name: "by-password", IMAP: "imap.test:993", POP3: "pop.test:995", OAuth2: &entra}},
		Rules: []config.Rule{{Match: config.Match{Protocol: []string{"pop3"}}, Upstream: "by-password"}},
	}
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
	must(t, err)
	t.Cleanup(func() { services.Retire(nil) })
	hash, err := accounts.Hash(secret.New("4711"), accounts.Parameters{Memory: 8, Time: 1, Threads: 1})
	must(t, err)
	book, err := accounts.NewBook([]accounts.Account{
		{Login: "copier", Aliases: []string{"copy1", "copy2"}, Mailbox: "copier@contoso.test"},
		{Login: "waiting", Mailbox: "waiting@contoso.test", Disabled: true},
		{Login: "*@fleet.test", Mailboxes: []string{"fax1@fleet.test", "fax2@fleet.test", "fax3@fleet.test"},
			Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Passwords: []accounts.Password{{Hash: hash}}},
		{Login: "scanner1", Aliases: []string{"scan1", "scan2", "scan3"}, Mailbox: "scans@contoso.test",
			Passwords: []accounts.Password{{Hash: hash}}},
	}, accounts.Options{Unchecked: true})
	must(t, err)
	verified, err := guard.OpenVerified("")
	must(t, err)
	guesses := guard.NewGuesses(guard.GuessOptions{Upstream: "by-password", Count: 2, Per: 30 * time.Minute, Verified: verified})
	d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: book, Verified: verified,
		Failures: guard.NewFailures(guard.FailureOptions{Verified: verified, Guesses: map[string]*guard.Guesses{"by-password": guesses}})})
	must(t, err)
	return side{d, verified}
}

// try logs in, and says what came of it and when it may be told.
func (s side) try(t *testing.T, from, protocol, account, password string) string {
	t.Helper()
	begun := time.Now()
	session := &inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr(from)}, Protocol: protocol}
	_, err := s.Decide(t.Context(), begun, session, login.Credentials{Account: account, Password: secret.New(password),
		Mechanism: login.MechanismLogin})
	var r *login.Refusal
	switch {
	case err == nil:
		return "let in"
	case !errors.As(err, &r):
		return "a fault of ours: " + err.Error()
	case r.NotBefore.IsZero():
		return fmt.Sprint("reason ", r.Reason, " after ", time.Since(begun))
	}
	return fmt.Sprint("reason ", r.Reason, " after ", r.NotBefore.Sub(begun))
}

// TestDecide_AnAccountWithoutAPasswordIsNobody where the bridge has the key to every mailbox: nothing tells it from a name that is
// not listed, and nobody who tries becomes a source that is known.
func TestDecide_AnAccountWithoutAPasswordIsNobody(t *testing.T) {
	for name, c := range map[string]struct{ protocol, account string }{
		"listed, waits for a password":          {"imap", "copier"},
		"listed with a password":                {"imap", "scanner1"},
		"listed and barred, without a password": {"imap", "waiting"},
		"barred where Entra ID checks":          {"pop3", "waiting"},
		"with a password where Entra ID checks": {"pop3", "scanner1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sideBySide(t)
				for i := range 12 { // beyond what a pair may fail
					password := fmt.Sprint("wrong", i)
					got, want := s.try(t, "10.0.0.7", c.protocol, c.account, password), s.try(t, "10.0.0.8", c.protocol, "nobody", password)
					if got != want {
						t.Errorf("attempt %d: %s; an unknown name: %s", i, got, want)
					}
				}
				if n := s.verified.SourcesOf(c.account); n != 0 {
					t.Errorf("%d sources are verified, and no password was right", n)
				}
			})
		})
	}
}

// TestDecide_OnlyACheckedPasswordVerifiesASource here at once, with Entra ID not before it has answered.
func TestDecide_OnlyACheckedPasswordVerifiesASource(t *testing.T) {
	s := sideBySide(t)
	if got := s.try(t, "10.0.0.7", "imap", "scanner1", "4711"); got != "let in" || s.verified.SourcesOf("scanner1") != 1 {
		t.Errorf("the right password: %s, %d sources verified", got, s.verified.SourcesOf("scanner1"))
	}
	if got := s.try(t, "10.0.0.7", "pop3", "copier", "whatever"); got != "let in" || s.verified.SourcesOf("copier") != 0 {
		t.Errorf("before Entra ID was asked: %s, %d sources verified", got, s.verified.SourcesOf("copier"))
	}
}

// TestDecide_NamesOfOneAccountAreOneToFailures, so that its password cannot be guessed at under each.
func TestDecide_NamesOfOneAccountAreOneToFailures(t *testing.T) {
	for name, names := range map[string][]string{
		"aliases": {"scanner1", "scan1", "SCAN2", "scan3"},
		"pattern": {"fax1@fleet.test", "FAX2@fleet.test", "fax3@fleet.test", "unlisted@fleet.test"},
		"unknown": {"nobody", "nobody@x", `X\nobody`, `"nobody"@x`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sideBySide(t)
				for i := range 10 {
					if got := s.try(t, "10.0.0.7", "imap", names[i%len(names)], fmt.Sprint("wrong", i)); !strings.HasPrefix(got, "reason 1 ") {
						t.Errorf("attempt %d: %s", i, got)
					}
				}
				for _, n := range names {
					if got := s.try(t, "10.0.0.7", "imap", n, "4711"); got != "reason 6 after 0s" {
						t.Errorf("%s, after ten wrong passwords: %s, want too many failures", n, got)
					}
				}
				if got := s.try(t, "10.0.0.8", "imap", names[0], "4711"); name != "unknown" && got != "let in" {
					t.Errorf("%s from elsewhere: %s", names[0], got)
				}
			})
		})
	}
}

// TestDecide_AliasesHaveNoGuessesOfTheirOwnAtEntra: whatever the device calls itself, Entra ID is asked as one user.
func TestDecide_AliasesHaveNoGuessesOfTheirOwnAtEntra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sideBySide(t)
		for i, name := range []string{"copier", "copy1", "copy2", "COPIER"} {
			session := &inventory.Session{Source: inventory.Source{IP: netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})}, Protocol: "pop3"}
			got, err := s.Decide(t.Context(), time.Now(), session, login.Credentials{Account: name, Password: secret.New(fmt.Sprint(i)),
				Mechanism: login.MechanismUser})
			must(t, err)
			guess := got.Credential.(interface {
				Begin(context.Context) error
				Reject()
			})
			if err = guess.Begin(t.Context()); (err == nil) != (i < 2) {
				t.Errorf("guess %d, as %s: %v", i, name, err)
			}
			if err == nil {
				guess.Reject()
			}
		}
	})
}

// neverChecks is a Book that is given up before it has looked at a password.
type neverChecks struct{ decider.Book }

func (neverChecks) Verify(context.Context, accounts.Attempt) (accounts.Identity, error) {
	return accounts.Identity{}, context.Canceled
}

// TestDecide_ACheckThatWasGivenUpVerifiesNobody, and is no failure either: the session ended, or the bridge does.
func TestDecide_ACheckThatWasGivenUpVerifiesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verified, err := guard.OpenVerified("")
		must(t, err)
		cfg := &config.Config{Upstreams: []config.Upstream{{Name: "online", IMAP: "imap.test:993",
			OAuth2: &config.OAuth2{Flow: "client_credentials", Tenant: "contoso.test", ClientID: "app-1", ClientSecret: secret.New("s")}}}}
		services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
		must(t, err)
		t.Cleanup(func() { services.Retire(nil) })
		book, err := accounts.NewBook([]accounts.Account{{Login: "scanner1", Mailbox: "scans@contoso.test"}}, accounts.Options{Unchecked: true})
		must(t, err)
		d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: neverChecks{book}, Verified: verified,
			Failures: guard.NewFailures(guard.FailureOptions{Verified: verified})})
		must(t, err)
		s := side{d, verified}
		for i := range 12 { // beyond what a pair may fail
			got := s.try(t, "10.0.0.7", "imap", "scanner1", fmt.Sprint("password", i))
			if got != "a fault of ours: context canceled" || verified.SourcesOf("scanner1") != 0 {
				t.Errorf("attempt %d: %s, %d sources verified", i, got, verified.SourcesOf("scanner1"))
			}
		}
	})
}
