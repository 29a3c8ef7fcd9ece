package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

// Accounts changes which accounts there are, as accounts.Keeper does: the running bridge's, or, while none runs, those of the
// data directory.
type Accounts interface {
	Add(ctx context.Context, a accounts.Addition) (accounts.Added, error)
	Import(ctx context.Context, list []accounts.Account) error
	Remove(ctx context.Context, login, password string) error
	// SignIn signs in for a mailbox at an upstream. It blocks until a person has entered the code that show is given.
	SignIn(ctx context.Context, upstream, mailbox string, show func(code, url string)) error
}

// Unknown lists the logins that were tried and that no account has.
type Unknown interface {
	List() []accounts.UnknownLogin
}

// The calls that change accounts.
const (
	add     call[addition, accounts.Added]      = "/accounts/add"
	take    call[importation, done]             = "/accounts/import"
	remove  call[removal, done]                 = "/accounts/remove"
	unknown call[done, []accounts.UnknownLogin] = "/accounts/unknown"
	signIn  call[signingIn, signInLine]         = "/accounts/login"
)

// What goes over the control socket is never printed or logged.
type (
	addition struct {
		Account        accounts.Kept
		Name, Password string // Name is that of the password
	}
	importation struct{ Accounts []accounts.Kept }
	removal     struct{ Login, Password string } // Password is the name of one
	signingIn   struct{ Upstream, Mailbox string }
	// signInLine is one line of the answer to a sign-in: the prompt at once, and at the end whether it worked.
	signInLine struct {
		Prompt *Prompt `json:"prompt,omitempty"`
		Done   bool    `json:"done,omitempty"`
		Error  string  `json:"error,omitempty"`
	}
)

// Prompt is what a person must do to sign in: enter the code at the URL.
type Prompt struct {
	Code string `json:"code"`
	URL  string `json:"url"`
}

func serveAccounts(mux *http.ServeMux, a Accounts, u Unknown) {
	add.serve(mux, func(ctx context.Context, q addition) (accounts.Added, error) {
		return a.Add(ctx, accounts.Addition{Account: q.Account.Account(), Name: q.Name, Password: secret.New(q.Password)})
	})
	take.serve(mux, quiet(func(ctx context.Context, q importation) error {
		var list []accounts.Account
		for _, k := range q.Accounts {
			list = append(list, k.Account())
		}
		return a.Import(ctx, list)
	}))
	remove.serve(mux, quiet(func(ctx context.Context, q removal) error { return a.Remove(ctx, q.Login, q.Password) }))
	unknown.serve(mux, func(context.Context, done) ([]accounts.UnknownLogin, error) { return u.List(), nil })
	signIn.handle(mux, func(w http.ResponseWriter, r *http.Request, q signingIn) { serveSignIn(w, r, q, a) })
}

// serveSignIn lasts until a person has signed in, or who asked has gone, or the bridge ends.
func serveSignIn(w http.ResponseWriter, r *http.Request, q signingIn, a Accounts) {
	say := func(l signInLine) {
		_ = json.NewEncoder(w).Encode(l)
		_ = http.NewResponseController(w).Flush()
	}
	err := a.SignIn(r.Context(), q.Upstream, q.Mailbox, func(code, url string) { say(signInLine{Prompt: &Prompt{code, url}}) })
	if err != nil {
		say(signInLine{Error: err.Error()})
		return
	}
	say(signInLine{Done: true})
}

// RemoteAccounts are the Accounts of the running bridge that has the data directory Dir.
type RemoteAccounts struct{ Dir string }

// Add implements Accounts, as the methods below do.
func (r RemoteAccounts) Add(ctx context.Context, a accounts.Addition) (accounts.Added, error) {
	return add.ask(ctx, r.Dir, addition{accounts.Keep(a.Account), a.Name, a.Password.Reveal()})
}

// Import implements Accounts.
func (r RemoteAccounts) Import(ctx context.Context, list []accounts.Account) error {
	var i importation
	for _, a := range list {
		i.Accounts = append(i.Accounts, accounts.Keep(a))
	}
	return take.tell(ctx, r.Dir, i)
}

// Remove implements Accounts.
func (r RemoteAccounts) Remove(ctx context.Context, login, password string) error {
	return remove.tell(ctx, r.Dir, removal{login, password})
}

// SignIn implements Accounts.
func (r RemoteAccounts) SignIn(ctx context.Context, upstream, mailbox string, show func(code, url string)) error {
	body, err := signIn.post(ctx, r.Dir, signingIn{upstream, mailbox})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	for d := json.NewDecoder(body); ; {
		var l signInLine
		switch err := d.Decode(&l); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return errors.New("the bridge ended before the sign-in: start it, and sign in again")
		case l.Error != "":
			return errors.New(l.Error)
		case l.Done:
			return nil
		case l.Prompt != nil:
			show(l.Prompt.Code, l.Prompt.URL)
		}
	}
}

// Unknown lists the logins that were tried at the bridge and that no account has, the latest first.
func (r RemoteAccounts) Unknown(ctx context.Context) ([]accounts.UnknownLogin, error) {
	return unknown.ask(ctx, r.Dir, done{})
}
