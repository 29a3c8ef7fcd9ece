package upstreams_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
	"drawbridge/proxy/login"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func online(name, application, password string) config.Upstream {
	return config.Upstream{Name: name, IMAP: "imap.test:993", POP3: "pop3.test:995",
		OAuth2: &config.OAuth2{Flow: "client_credentials", Authority: "https://127.0.0.1:1", Tenant: "contoso.test",
			ClientID: application, ClientSecret: secret.New(password)}}
}

// TestNew_TakesOverTheTokensOfWhatDidNotChange, and Retire ends only the requests of the others.
func TestNew_TakesOverTheTokensOfWhatDidNotChange(t *testing.T) {
	t.Parallel()
	before := set(t, nil, online("same", "app-1", "s"), online("other", "app-1", "s"), online("rotated", "app-1", "s"),
		online("gone", "app-1", "s"),
		config.Upstream{Name: "switched", IMAP: "mail.test:993"})
	same := online("same", "app-1", "s")
	same.IMAP = "imap2.test:993" // where tokens go does not change where they come from
	next := set(t, before, same, online("other", "app-2", "s"), online("rotated", "app-1", "s2"), online("switched", "app-1", "s"))
	for name, kept := range map[string]bool{"same": true, "other": false, "rotated": false, "switched": false} {
		if got := before[name].Tokens == next[name].Tokens; got != kept {
			t.Errorf("%s: the tokens are taken over: %t, want %t", name, got, kept)
		}
	}
	before.Retire(next)
	for name, u := range before {
		if u.Tokens != nil && closed(t, u.Tokens) == (name == "same") {
			t.Errorf("%s: requests for tokens have ended: %t", name, name == "same")
		}
	}
	next.Retire(nil)
	if !closed(t, next["same"].Tokens) {
		t.Error("requests for tokens go on after the last who used them")
	}
}

func set(t *testing.T, before upstreams.Set, list ...config.Upstream) upstreams.Set {
	t.Helper()
	s, err := upstreams.New(list, upstreams.Options{Before: before})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closed reports whether a source makes no requests any more. One that does makes one, of which nobody waits for the end.
func closed(t *testing.T, s *oauth.Source) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Token(ctx, oauth.Request{Mailbox: "scans@contoso.test", Protocol: "imap"})
	return !errors.Is(err, context.Canceled)
}

func TestNew_TellsOfARootThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := upstreams.New([]config.Upstream{{Name: "mine", IMAP: "mail.test:993", CA: "ca.pem", CAPEM: []byte("x")}}, upstreams.Options{})
	if err == nil || !strings.Contains(err.Error(), "upstreams.mine.ca: ca.pem: the file holds no certificate") {
		t.Errorf("got %v", err)
	}
}

// TestTokenLogin_RetrySaysWhatHappened: that a new token came is said where one did, and what to do depends on whose token it is.
func TestTokenLogin_RetrySaysWhatHappened(t *testing.T) {
	t.Parallel()
	for flow, want := range map[string]string{"client_credentials": "is registered in Exchange (New-ServicePrincipal)",
		"password": "that the user that signed in may open this mailbox"} {
		u := online("online", "app-1", "s")
		u.OAuth2.Flow = flow
		if flow == "password" {
			u.OAuth2.ClientSecret = secret.Secret{}
		}
		s := set(t, nil, u)
		l := s["online"].TokenLogin("scans@contoso.test", "imap")
		l.Request.Password = secret.New("x")
		refused := login.Refuse(login.BadCredentials, "the upstream refuses the token")
		if _, err := l.Retry(t.Context(), refused); !strings.Contains(err.Error(), "and no new one came: Entra ID gives no token for online") {
			t.Errorf("%s: where no new token came: %v", flow, err)
		}
		_, err := l.Retry(t.Context(), refused)
		if !strings.Contains(err.Error(), "a new one too: check that ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: where a new token was refused too: %v", flow, err)
		}
		s.Retire(nil)
	}
}
