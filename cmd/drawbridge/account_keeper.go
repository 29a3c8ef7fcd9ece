package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

// accountsFolder is where the kept accounts are, in the data directory.
const accountsFolder = "accounts"

// currentBook is who may log in now. A change replaces the Book as a whole. It must hold one before it is asked.
type currentBook struct{ atomic.Pointer[accounts.Book] }

// Find looks a login up, as accounts.Book does.
func (b *currentBook) Find(login string) (accounts.Account, bool) { return b.Load().Find(login) }

// Verify checks a login, as accounts.Book does.
func (b *currentBook) Verify(ctx context.Context, a accounts.Attempt) (accounts.Identity, error) {
	return b.Load().Verify(ctx, a)
}

// keeper changes the kept accounts: in the running bridge, or in a command while none runs. The caller holds the data
// directory's lock. It is safe for concurrent use.
type keeper struct {
	cfg  *config.Config
	dir  string // of the accounts
	book *bookMaker

	mu sync.Mutex // one change at a time
}

// bookMaker makes Books of the configuration's accounts and the kept ones, and puts them where they are asked.
type bookMaker struct {
	options accounts.Options
	current *currentBook
}

func newKeeper(cfg *config.Config, dataDir string) *keeper {
	return &keeper{cfg: cfg, dir: filepath.Join(dataDir, accountsFolder)}
}

// serve makes the keeper's accounts, those of now and after each change, the ones that current asks.
func (k *keeper) serve(checker *accounts.Checker, unknown *accounts.Unknown, current *currentBook) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.book = &bookMaker{options: accounts.Options{Checker: checker, Unknown: unknown, Unchecked: entraChecks(k.cfg)}, current: current}
	store, err := accounts.OpenStore(k.dir)
	if err != nil {
		return err
	}
	book, err := k.book.make(k.cfg, store.List())
	if err != nil {
		return err
	}
	current.Store(book)
	return nil
}

// make makes a Book. A kept account without a password, that nothing else checks, is not in it: it was imported and waits
// for one.
func (m *bookMaker) make(cfg *config.Config, kept []accounts.Account) (*accounts.Book, error) {
	if err := conflict(cfg, kept, "remove the kept one (drawbridge account remove)"); err != nil {
		return nil, err
	}
	if !m.options.Unchecked {
		kept = slices.DeleteFunc(kept, func(a accounts.Account) bool { return len(a.Passwords) == 0 })
	}
	var list []accounts.Account
	for _, a := range cfg.Accounts {
		list = append(list, accountOf(a))
	}
	book, err := accounts.NewBook(append(list, kept...), m.options)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return book, nil
}

// conflict tells of a kept account that has a name which stands in the configuration.
func conflict(cfg *config.Config, kept []accounts.Account, mend string) error {
	owners := map[string]string{}
	for _, a := range cfg.Accounts {
		for _, name := range append([]string{a.Login}, a.Aliases...) {
			owners[strings.ToLower(name)] = a.Login
		}
	}
	for _, a := range kept {
		for _, name := range append([]string{a.Login}, a.Aliases...) {
			if owner, taken := owners[strings.ToLower(name)]; taken {
				return fmt.Errorf("the name %q of the kept account %q belongs to the account %q of the configuration: take that out of the configuration, or %s",
					name, a.Login, owner, mend)
			}
		}
	}
	return nil
}

// change has do change the accounts, as a whole or not at all, on disk first.
func (k *keeper) change(do func(*accounts.Store) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	store, err := accounts.OpenStore(k.dir)
	if err != nil {
		return err
	}
	if err := do(store); err != nil {
		return err
	}
	if k.book == nil {
		return store.Save()
	}
	book, err := k.book.make(k.cfg, store.List())
	if err != nil {
		return err
	}
	if err := store.Save(); err != nil {
		return err
	}
	k.book.current.Store(book)
	return nil
}

// add adds an account with a password, or a password to an account that is there.
func (k *keeper) add(_ context.Context, a addition) (addedAccount, error) {
	var result addedAccount
	err := k.change(func(s *accounts.Store) error {
		old, known := keptAs(s.List(), a.Account.Login)
		if known {
			result = addedAccount{Login: old.Login, Mailbox: mailboxOf(old), Existing: true}
			return addPassword(s, old, a)
		}
		fresh := a.Account.account()
		result = addedAccount{Login: fresh.Login, Mailbox: mailboxOf(fresh)}
		if err := conflict(k.cfg, []accounts.Account{fresh}, "take another name"); err != nil {
			return err
		}
		if err := s.Add(fresh); err != nil {
			return err
		}
		return s.AddPassword(fresh.Login, a.Name, secret.New(a.Password))
	})
	if err == nil {
		k.known(a.Account.account())
	}
	return result, err
}

// firstPassword is the name that a password without one gets when a second one comes, since each of several has a name.
const firstPassword = "first"

func addPassword(s *accounts.Store, old accounts.Account, a addition) error {
	if a.Account.changes() {
		return fmt.Errorf("the account %q exists already: add gives it one more password and changes nothing else, remove it and add it anew for that", old.Login)
	}
	if a.Name == "" && len(old.Passwords) > 0 {
		return fmt.Errorf("the account %q exists already: name its further password with --name, or remove the account first", old.Login)
	}
	err := s.Update(old.Login, func(a *accounts.Account) {
		for i := range a.Passwords {
			if a.Passwords[i].Name == "" {
				a.Passwords[i].Name = firstPassword
			}
		}
	})
	if err != nil {
		return err
	}
	return s.AddPassword(old.Login, a.Name, secret.New(a.Password))
}

// take adds imported accounts, all or none.
func (k *keeper) take(_ context.Context, i importation) (done, error) {
	var list []accounts.Account
	for _, a := range i.Accounts {
		list = append(list, a.account())
	}
	err := k.change(func(s *accounts.Store) error {
		if err := conflict(k.cfg, list, "leave it out of the import"); err != nil {
			return err
		}
		return s.Add(list...)
	})
	if err == nil {
		k.known(list...)
	}
	return done{}, err
}

// remove removes an account, or one of its passwords.
func (k *keeper) remove(_ context.Context, r removal) (done, error) {
	return done{}, k.change(func(s *accounts.Store) error {
		err := removeFrom(s, r)
		listed := accounts.Account{Login: r.Login}
		if errors.Is(err, accounts.ErrNoAccount) && conflict(k.cfg, []accounts.Account{listed}, "") != nil {
			return fmt.Errorf("the account %q stands in the configuration: take it out of accounts there", r.Login)
		}
		return err
	})
}

func removeFrom(s *accounts.Store, r removal) error {
	if r.Password != "" {
		return s.RevokePassword(r.Login, r.Password)
	}
	return s.Remove(r.Login)
}

// known forgets that the accounts' names were tried in vain.
func (k *keeper) known(list ...accounts.Account) {
	if k.book == nil {
		return
	}
	for _, a := range list {
		for _, name := range append([]string{a.Login}, a.Aliases...) {
			k.book.options.Unknown.Forget(name)
		}
	}
}

// keptAs returns the account that has a name, an alias too.
func keptAs(list []accounts.Account, name string) (accounts.Account, bool) {
	i := slices.IndexFunc(list, func(a accounts.Account) bool {
		return slices.ContainsFunc(append([]string{a.Login}, a.Aliases...), func(n string) bool { return strings.EqualFold(n, name) })
	})
	if i < 0 {
		return accounts.Account{}, false
	}
	return list[i], true
}

func mailboxOf(a accounts.Account) string {
	if a.Mailbox == "" {
		return a.Login
	}
	return a.Mailbox
}

// entraChecks reports whether an account may do without a password of its own.
func entraChecks(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Upstreams, func(u config.Upstream) bool { return u.OAuth2 != nil && u.OAuth2.Flow == config.FlowPassword })
}
