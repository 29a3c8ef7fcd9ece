package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"drawbridge/internal/protocol"
)

// deviceFetcher asks by refresh tokens that Login brought (RFC 6749, section 6).
type deviceFetcher struct {
	settings *settings
	narrator narrator
	client   *http.Client
}

// fetch redeems the refresh token kept for r.Mailbox. Only invalid_grant retires it.
func (f deviceFetcher) fetch(ctx context.Context, r Request) (Token, error) {
	kept := &keptSignIn{vault: f.settings.Vault, slot: f.slot(r.Mailbox)}
	var err error
	if kept.content, err = kept.vault.Get(kept.slot); err != nil {
		return Token{}, f.narrator.unopened(err, r.Mailbox)
	}
	if kept.content == nil {
		return Token{}, f.narrator.error(SignInAgain, "nobody has signed in for the mailbox, or the sign-in has ended",
			f.narrator.fill(mendSignIn, r.Mailbox))
	}
	c, err := newPublic(f.settings, f.client, kept)
	if err != nil {
		return Token{}, err
	}
	accounts, err := c.Accounts(ctx)
	if err != nil || len(accounts) == 0 {
		return Token{}, f.narrator.unopened(errors.New("it names no account"), r.Mailbox)
	}
	result, err := c.AcquireTokenSilent(ctx, f.settings.delegatedScopes(r.Protocol), public.WithSilentAccount(accounts[0]))
	if err != nil && lastRequestOf(ctx).outcome().retires() {
		err = errors.Join(err, kept.retire())
	}
	return tokenOf(result, err)
}

// slot names a mailbox's place in the vault: a refresh token is an application's in a tenant.
func (f deviceFetcher) slot(mailbox string) string {
	return strings.ToLower(strings.Join([]string{f.settings.Tenant, f.settings.ClientID, mailbox}, " "))
}

// retires reports whether Entra ID said that the refresh token is of no use any more. It says invalid_grant also where a
// policy or a passing fault stands in the way.
func (o outcome) retires() bool {
	return o.answer.Error == "invalid_grant" && o.status < http.StatusInternalServerError &&
		o.status != http.StatusTooManyRequests && Explain(DeviceCode, o.answer.Error, o.answer.Codes).Class == SignInAgain
}

// Login signs in for mailbox, with flow DeviceCode only: show is given the code that a person must enter at url, and
// Login returns when they have, when the code has expired, or when ctx ends. The account may be another one that has
// access to the mailbox. The error is an *Error or ctx's. Sessions need no restart to use the new sign-in.
func (s *Source) Login(ctx context.Context, mailbox string, show func(code, url string)) error {
	f, ok := s.fetcher.(deviceFetcher)
	if !ok {
		return &Error{Class: Configuration, Sentence: fmt.Sprintf(
			"upstream %s uses flow %s, which needs no sign-in: set flow device_code to sign in", s.settings.Name, s.settings.Flow)}
	}
	if fault := s.check(Request{Mailbox: mailbox, Protocol: s.settings.Protocols[0]}); fault != nil {
		return fault
	}
	if err := f.login(ctx, mailbox, show); err != nil {
		return err
	}
	s.forget(mailbox)
	return nil
}

func (f deviceFetcher) login(ctx context.Context, mailbox string, show func(code, url string)) error {
	asked, x := withLastRequest(ctx)
	c, err := newPublic(f.settings, f.client, &newSignIn{vault: f.settings.Vault, slot: f.slot(mailbox)})
	if err != nil {
		return err
	}
	code, err := c.AcquireTokenByDeviceCode(asked, f.settings.delegatedScopes(f.settings.Protocols...))
	if err != nil {
		return f.explain(ctx, x, err, mailbox)
	}
	show(code.Result.UserCode, code.Result.VerificationURL)
	if _, err = code.AuthenticationResult(asked); err != nil {
		return f.explain(ctx, x, err, mailbox)
	}
	return nil
}

// explain tells why a sign-in failed. A code that nobody entered ends between two questions for it.
func (f deviceFetcher) explain(ctx context.Context, x *lastRequest, err error, mailbox string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o := x.outcome()
	if errors.Is(err, context.DeadlineExceeded) && o.answer.Error == "authorization_pending" {
		o.answer = answer{Error: "expired_token", Codes: []int{70019}}
	}
	fault, _ := f.narrator.fault(o, err, mailbox)
	return fault
}

// forget lets the next session ask at once, with the new sign-in.
func (s *Source) forget(mailbox string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range protocol.Names() {
		key := s.keys.of(Request{Mailbox: mailbox, Protocol: name})
		if e, ok := s.entries[key]; ok && e.flight == nil {
			delete(s.entries, key)
		}
	}
}

// keptSignIn is MSAL's cache for one mailbox whose refresh token is in the vault.
type keptSignIn struct {
	vault   *Vault
	slot    string
	content []byte // as it is in the vault
}

// Replace gives MSAL what is kept.
func (k *keptSignIn) Replace(_ context.Context, c cache.Unmarshaler, _ cache.ReplaceHints) error {
	return c.Unmarshal(k.content)
}

// Export keeps the refresh token that came instead, unless somebody signed in meanwhile. What cannot be kept costs
// no session: the token is good, and the old refresh token is still there.
func (k *keptSignIn) Export(_ context.Context, c cache.Marshaler, _ cache.ExportHints) error {
	content, err := exportSignIn(c)
	if err != nil {
		return nil
	}
	if changed, err := k.vault.swap(k.slot, k.content, content); changed && err == nil {
		k.content = content
	}
	return nil
}

func (k *keptSignIn) retire() error {
	_, err := k.vault.swap(k.slot, k.content, nil)
	return err
}

// newSignIn is MSAL's cache while somebody signs in: it begins with nothing.
type newSignIn struct {
	forgetful
	vault *Vault
	slot  string
}

// Export keeps what came.
func (n *newSignIn) Export(_ context.Context, c cache.Marshaler, _ cache.ExportHints) error {
	content, err := exportSignIn(c)
	if err == nil {
		err = n.vault.Put(n.slot, content)
	}
	if err != nil {
		return &Error{Class: Configuration, Err: err,
			Sentence: fmt.Sprintf("the sign-in worked and could not be kept: %v: mend that and sign in again", err)}
	}
	return nil
}

// exportSignIn is MSAL's cache without access and ID tokens: with them MSAL would give its own old access token where
// Exchange refused it.
func exportSignIn(c cache.Marshaler) ([]byte, error) {
	var parts map[string]json.RawMessage
	raw, err := c.Marshal()
	if err != nil || json.Unmarshal(raw, &parts) != nil {
		return nil, errors.New("read the token library's cache") // not their words, which may quote it
	}
	delete(parts, "AccessToken")
	delete(parts, "IdToken")
	if len(parts["RefreshToken"]) <= len("{}") {
		return nil, errors.New("no refresh token came")
	}
	return json.Marshal(parts)
}

func (n narrator) unopened(err error, mailbox string) *Error {
	return &Error{Class: Configuration, Err: err, Sentence: n.sentence(
		fmt.Sprintf("the kept sign-in cannot be used: %v", err), "mend that, or "+n.fill(mendSignIn, mailbox)+" anew")}
}
