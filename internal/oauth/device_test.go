package oauth_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
)

func byDevice(t *testing.T) (*entra, oauth.Options, string) {
	e := newEntra(t)
	dir := t.TempDir()
	o := e.options()
	o.Flow, o.ClientSecret, o.Vault = oauth.DeviceCode, secret.Secret{}, openVault(t, dir, nil)
	return e, o, dir
}

func openVault(t *testing.T, dir string, secret []byte) *oauth.Vault {
	t.Helper()
	v, err := oauth.OpenVault(dir, secret)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func signIn(t *testing.T, s *oauth.Source) {
	t.Helper()
	var code, where string
	if err := s.Login(t.Context(), imap.Mailbox, func(c, u string) { code, where = c, u }); err != nil {
		t.Fatalf("login: %v", err)
	}
	if code != "ABCD-EFGH" || where != "https://entra.test/device" {
		t.Errorf("shown: %q at %q", code, where)
	}
}

func TestDevice_SignInOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o, dir := byDevice(t)
		pending := 3
		e.say = func(url.Values) *reply {
			if pending--; pending >= 0 {
				return refusal(400, "authorization_pending", 70016)
			}
			return nil
		}
		s := open(t, o)
		contains(t, fail(t, s, imap, oauth.SignInAgain).Sentence, "drawbridge account login scans@contoso.com")
		signIn(t, s)
		token := get(t, s, imap)
		if token.Account != "boss@contoso.com" {
			t.Errorf("account: got %q", token.Account)
		}
		if got := e.last().Get("refresh_token"); got != canaryRefresh+"-1" {
			t.Errorf("redeemed: %q", got)
		}
		contains(t, e.last().Get("scope"), "https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access")

		o.Vault = openVault(t, dir, nil)
		second := open(t, o)
		get(t, second, imap)
		if got := e.last().Get("refresh_token"); got != canaryRefresh+"-2" {
			t.Errorf("redeemed after a restart: %q, want the rotated one", got)
		}
		second.Rejected(get(t, second, imap))
		before := e.requests()
		get(t, second, imap)
		if e.requests() != before+1 {
			t.Error("a refused token was not replaced")
		}
		noSecretsIn(t, dir)
	})
}

// noSecretsIn looks for canaries in clear in every file, and for files that others can read.
func noSecretsIn(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %o, want 600", d.Name(), info.Mode().Perm())
		}
		raw, err := os.ReadFile(path)
		noCanary(t, string(raw))
		return err
	})
	if err != nil || files != 2 {
		t.Errorf("files: %d, %v, want the key and one token", files, err)
	}
}

func TestDevice_OnlyInvalidGrantRetiresARefreshToken(t *testing.T) {
	tests := []struct {
		name    string
		say     *reply
		class   oauth.Class
		retires bool
	}{
		{"revoked", refusal(400, "invalid_grant", 50173), oauth.SignInAgain, true},
		{"no number", refusal(400, "invalid_grant"), oauth.SignInAgain, true},
		{"Conditional Access", refusal(400, "invalid_grant", 53003), oauth.Policy, false},
		{"interaction", refusal(400, "interaction_required", 50076), oauth.Policy, false},
		{"loop", refusal(400, "invalid_grant", 50196), oauth.Throttled, false},
		{"a fault", refusal(500, "invalid_grant", 50173), oauth.Unavailable, false},
		{"throttled", &reply{status: 429}, oauth.Throttled, false},
		{"garbage", &reply{body: "<html>"}, oauth.Unavailable, false},
		{"expired secret", refusal(401, "invalid_client", 7000222), oauth.SecretExpired, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, o, _ := byDevice(t)
				s := open(t, o)
				signIn(t, s)
				e.set(func(e *entra) { e.say = always(test.say) })
				fail(t, s, imap, test.class)
				e.set(func(e *entra) { e.say = nil })
				time.Sleep(2 * time.Second)
				if !test.retires {
					get(t, s, imap)
					return
				}
				before := e.requests()
				contains(t, fail(t, s, imap, oauth.SignInAgain).Sentence, "account login")
				if e.requests() != before {
					t.Error("a retired refresh token was used again")
				}
				signIn(t, s)
				get(t, s, imap)
			})
		})
	}
}

func TestDevice_LoginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o, _ := byDevice(t)
		s := open(t, o)
		show := func(string, string) {}
		e.say = always(refusal(400, "authorization_declined", 70020))
		wantError(t, s.Login(t.Context(), imap.Mailbox, show), oauth.SignInAgain)

		e.set(func(e *entra) { e.say = always(refusal(400, "authorization_pending", 70016)) })
		began := time.Now()
		fault := wantError(t, s.Login(t.Context(), imap.Mailbox, show), oauth.SignInAgain)
		contains(t, fault.Sentence, "not entered in time")
		if took := time.Since(began); took < 14*time.Minute || took > 16*time.Minute {
			t.Errorf("the code was waited for during %s, want 15 minutes", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Login(ctx, imap.Mailbox, show); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error: got %v, want the context's", err)
		}
		wantError(t, s.Login(t.Context(), "no address", show), oauth.Configuration)
		e.set(func(e *entra) { e.discover = refusal(400, "invalid_tenant", 90002) })
		other := open(t, o)
		wantError(t, other.Login(t.Context(), imap.Mailbox, show), oauth.Configuration)
	})
}

func TestDevice_LoginWithoutRefreshTokenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o, _ := byDevice(t)
		e.say = always(&reply{body: `{"token_type":"Bearer","expires_in":3600,"access_token":"` + canaryToken + `","client_info":"` +
			jwtPart(`{"uid":"u","utid":"t"}`) + `"}`})
		s := open(t, o)
		fault := wantError(t, s.Login(t.Context(), imap.Mailbox, func(string, string) {}), oauth.Configuration)
		contains(t, fault.Sentence, "no refresh token")
	})
}

func TestDevice_AMailboxThatAShellWouldReadIsNotPasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, o, _ := byDevice(t)
		fault := fail(t, open(t, o), oauth.Request{Mailbox: "$(reboot)@contoso.com", Protocol: "imap"}, oauth.SignInAgain)
		contains(t, fault.Sentence, "drawbridge account login MAILBOX")
	})
}

func TestDevice_LoginOfAnotherFlowIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newEntra(t).options())
		contains(t, wantError(t, s.Login(t.Context(), imap.Mailbox, nil), oauth.Configuration).Sentence, "device_code")
	})
}

func TestDevice_WrongKeyIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o, dir := byDevice(t)
		signIn(t, open(t, o))
		o.Vault = openVault(t, dir, []byte(strings.Repeat("k", 32)))
		s := open(t, o)
		before := e.requests()
		fault := fail(t, s, imap, oauth.Configuration)
		contains(t, fault.Sentence, "token_key")
		if !errors.Is(fault, oauth.ErrWrongKey) || e.requests() != before {
			t.Errorf("got %v after %d requests", fault, e.requests()-before)
		}
		o.Vault = openVault(t, dir, nil)
		get(t, open(t, o), imap)
	})
}

func TestDevice_ANewSignInIsNotOverwrittenByAnOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, o, _ := byDevice(t)
		s := open(t, o)
		signIn(t, s)
		e.set(func(e *entra) {
			e.delay = time.Second
			e.say = func(form url.Values) *reply {
				if form.Get("refresh_token") == canaryRefresh+"-1" {
					return refusal(400, "invalid_grant", 50173)
				}
				return nil
			}
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			fail(t, s, imap, oauth.SignInAgain)
		}()
		synctest.Wait()
		e.set(func(e *entra) { e.delay = 0 })
		signIn(t, s)
		<-done
		time.Sleep(2 * time.Second)
		get(t, s, imap)
	})
}
