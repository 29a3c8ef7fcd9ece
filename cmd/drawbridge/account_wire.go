package main

import (
	"context"
	"time"

	"drawbridge/internal/accounts"
)

// accountChanger does what the commands ask: the running bridge over its control socket, or the command itself.
type accountChanger interface {
	add(context.Context, addition) (addedAccount, error)
	take(context.Context, importation) (done, error)
	remove(context.Context, removal) (done, error)
	login(ctx context.Context, s signIn, show func(prompt)) error
}

// What goes over the control socket, which only the bridge's owner can open, and is never printed or logged.
type (
	addition struct {
		Account  wireAccount
		Name     string // of the password
		Password string
	}
	addedAccount struct {
		Login    string
		Mailbox  string
		Existing bool // it had been there, and has one more password
	}
	importation struct{ Accounts []wireAccount }
	removal     struct{ Login, Password string } // Password is the name of one
	signIn      struct{ Upstream, Mailbox string }
	done        struct{}
)

// wireAccount is an account with its hashes, which an Account's own JSON leaves out.
type wireAccount struct {
	accounts.Account
	Passwords []wirePassword
}

type wirePassword struct{ Name, Hash string }

func wire(a accounts.Account) wireAccount {
	w := wireAccount{Account: a}
	for _, p := range a.Passwords {
		w.Passwords = append(w.Passwords, wirePassword{Name: p.Name, Hash: p.Hash})
	}
	w.Account.Passwords = nil
	return w
}

func (w wireAccount) account() accounts.Account {
	a := w.Account
	for _, p := range w.Passwords {
		a.Passwords = append(a.Passwords, accounts.Password{Name: p.Name, Hash: p.Hash})
	}
	return a
}

// changes reports whether anything but the login is said.
func (w wireAccount) changes() bool {
	return w.Mailbox != "" || len(w.Aliases) > 0 || len(w.Sources) > 0 || len(w.Protocols) > 0 || !w.Expires.IsZero()
}

// prompt is what a person must do to sign in.
type prompt struct {
	Code string `json:"code"`
	URL  string `json:"url"`
}

// unknownLogin is a login that was tried and that no account has.
type unknownLogin struct {
	Login    string    `json:"login"`
	Source   string    `json:"source"`
	Protocol string    `json:"protocol"`
	Count    int       `json:"count"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Add      string    `json:"add,omitempty"` // the command that adds it, where its name allows one
}
