package accounts_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/internal/accounts"
	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cheap makes hashes that cost next to nothing.
var cheap = accounts.Parameters{Memory: 8, Time: 1, Threads: 1}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// missing skips a test that this machine cannot run; where CI=true that is a failure.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func hash(t testing.TB, password string) string {
	t.Helper()
	h, err := accounts.Hash(secret.New(password), cheap)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func alike(t testing.TB, password, other string) string {
	t.Helper()
	h, err := accounts.HashAlike(secret.New(password), other)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func one(hash string) []accounts.Password { return []accounts.Password{{Hash: hash}} }

func networks(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func book(t testing.TB, o accounts.Options, list ...accounts.Account) *accounts.Book {
	t.Helper()
	b, err := accounts.NewBook(list, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func attempt(login, password string) accounts.Attempt {
	return accounts.Attempt{Login: login, Password: secret.New(password), Source: netip.MustParseAddr("10.20.3.7"),
		Protocol: protocol.IMAP, Now: noon}
}

// refusedWith checks that err is the one refusal of a wrong login, and returns its sentence.
func refusedWith(t testing.TB, err error) string {
	t.Helper()
	var r *login.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got the error %v, want a refusal", err)
	}
	if r.Reason != login.BadCredentials || r.Text != "" || r.NotBefore.IsZero() {
		t.Errorf("got reason %v, text %q, not before %v; want bad credentials, no text, a time", r.Reason, r.Text, r.NotBefore)
	}
	return r.Error()
}

func mustVerify(t testing.TB, b *accounts.Book, a accounts.Attempt) accounts.Identity {
	t.Helper()
	id, err := b.Verify(context.Background(), a)
	if err != nil {
		t.Fatalf("%s: %v", a.Login, err)
	}
	return id
}

func wantContains(t testing.TB, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to have %q", got, want)
	}
}
