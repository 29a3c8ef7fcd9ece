package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"drawbridge/internal/secret"
)

// KeeperOptions are what a Keeper works with.
type KeeperOptions struct {
	Dir        string    // the folder of the kept accounts
	Configured []Account // those of the configuration, with which no kept one may share a name
	Unchecked  bool      // takes accounts without a password: Entra ID checks those
}

// Keeper knows which accounts there are, those of the configuration and those kept in a folder, and changes the latter: in
// the running bridge, or in a command while none runs. The caller holds the data directory's lock, but to List. It is safe
// for concurrent use.
type Keeper struct {
	o       KeeperOptions
	checker *Checker
	unknown *Unknown
	book    atomic.Pointer[Book] // who may log in now; nil: nobody is served

	mu sync.Mutex // one change at a time
}

// Addition is an account with a password, or, where the login is kept already, one more password for it.
type Addition struct {
	Account  Account // without passwords
	Name     string  // of the password
	Password secret.Secret
}

// Added is the account that an Addition was made to.
type Added struct {
	Login    string
	Mailbox  string
	Existing bool // it had been there, and has one more password
}

// NewKeeper returns a Keeper that changes what is in its folder. To answer for logins, it must Serve.
func NewKeeper(o KeeperOptions) *Keeper { return &Keeper{o: o} }

// Serve reads the accounts, so that they are found, those of now and those after each change. It comes before anything else.
func (k *Keeper) Serve(checker *Checker, unknown *Unknown) error {
	k.checker, k.unknown = checker, unknown
	store, err := OpenStore(k.o.Dir)
	if err != nil {
		return err
	}
	book, err := k.bookOf(store.List())
	if err != nil {
		return err
	}
	k.book.Store(book)
	return nil
}

// CountsAs returns whose password a login name is a guess at, as Book does.
func (k *Keeper) CountsAs(login string) (entry string, listed bool) {
	return k.book.Load().CountsAs(login)
}

// Unchecked returns who an account without a password claims to be, as Book does.
func (k *Keeper) Unchecked(a Attempt) (Claim, bool) { return k.book.Load().Unchecked(a) }

// Listed is the Book's.
func (k *Keeper) Listed(login string) (Claim, bool) { return k.book.Load().Listed(login) }

// Verify checks a login, as Book does.
func (k *Keeper) Verify(ctx context.Context, a Attempt) (Identity, error) {
	return k.book.Load().Verify(ctx, a)
}

// bookOf makes a Book. A kept account without a password, that nothing else checks, is not in it: it was imported and waits
// for one.
func (k *Keeper) bookOf(kept []Account) (*Book, error) {
	if err := k.conflict(kept, "remove the kept one (drawbridge account remove)"); err != nil {
		return nil, err
	}
	if !k.o.Unchecked {
		kept = slices.DeleteFunc(kept, func(a Account) bool { return len(a.Passwords) == 0 })
	}
	book, err := NewBook(slices.Concat(k.o.Configured, kept), Options{Checker: k.checker, Unknown: k.unknown, Unchecked: k.o.Unchecked})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return book, nil
}

// conflict tells of a kept account that has a name which stands in the configuration.
func (k *Keeper) conflict(kept []Account, mend string) error {
	owners := map[string]string{}
	for _, a := range k.o.Configured {
		for _, name := range a.names() {
			owners[fold(name)] = a.Login
		}
	}
	for _, a := range kept {
		for _, name := range a.names() {
			if owner, taken := owners[fold(name)]; taken {
				return fmt.Errorf("the name %q of the kept account %q belongs to the account %q of the configuration: "+
					"take that out of the configuration, or %s", name, a.Login, owner, mend)
			}
		}
	}
	return nil
}

// change has do change the accounts, as a whole or not at all, on disk first.
func (k *Keeper) change(do func(*Store) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	store, err := OpenStore(k.o.Dir)
	if err != nil {
		return err
	}
	if err := do(store); err != nil {
		return err
	}
	book := k.book.Load()
	if book != nil {
		if book, err = k.bookOf(store.List()); err != nil {
			return err
		}
	}
	if err := store.Save(); err != nil {
		return err
	}
	k.book.Store(book)
	return nil
}

// Add adds an account with a password, or a password to an account that is there.
func (k *Keeper) Add(_ context.Context, a Addition) (Added, error) {
	var result Added
	err := k.change(func(s *Store) error {
		list := s.List()
		if i, err := indexOf(list, a.Account.Login); err == nil {
			result = Added{Login: list[i].Login, Mailbox: list[i].mailbox(), Existing: true}
			return addPassword(s, list[i], a)
		}
		result = Added{Login: a.Account.Login, Mailbox: a.Account.mailbox()}
		if err := k.conflict([]Account{a.Account}, "take another name"); err != nil {
			return err
		}
		if err := s.Add(a.Account); err != nil {
			return err
		}
		return s.AddPassword(a.Account.Login, a.Name, a.Password)
	})
	if err == nil {
		k.known(a.Account)
	}
	return result, err
}

// firstPassword is the name that a password without one gets when a second one comes, since each of several has a name.
const firstPassword = "first"

func addPassword(s *Store, old Account, a Addition) error {
	if n := a.Account; n.Mailbox != "" || len(n.Aliases) > 0 || len(n.Sources) > 0 || len(n.Protocols) > 0 || !n.Expires.IsZero() {
		return fmt.Errorf("the account %q exists already: add gives it one more password and changes nothing else, "+
			"remove it and add it anew for that", old.Login)
	}
	if a.Name == "" && len(old.Passwords) > 0 {
		return fmt.Errorf("the account %q exists already: name its further password with --name, or remove the account first", old.Login)
	}
	err := s.Update(old.Login, func(a *Account) {
		for i := range a.Passwords {
			if a.Passwords[i].Name == "" {
				a.Passwords[i].Name = firstPassword
			}
		}
	})
	if err != nil {
		return err
	}
	return s.AddPassword(old.Login, a.Name, a.Password)
}

// Import adds accounts with their passwords' hashes, all or none.
func (k *Keeper) Import(_ context.Context, list []Account) error {
	err := k.change(func(s *Store) error {
		if err := k.conflict(list, "leave it out of the import"); err != nil {
			return err
		}
		return s.Add(list...)
	})
	if err == nil {
		k.known(list...)
	}
	return err
}

// Remove removes the account that has the name login, or, unless password is empty, only its password of that name.
func (k *Keeper) Remove(_ context.Context, login, password string) error {
	return k.change(func(s *Store) (err error) {
		if password != "" {
			err = s.RevokePassword(login, password)
		} else {
			err = s.Remove(login)
		}
		if errors.Is(err, ErrNoAccount) && k.conflict([]Account{{Login: login}}, "") != nil {
			return fmt.Errorf("the account %q stands in the configuration: take it out of accounts there", login)
		}
		return err
	})
}

// known forgets that the accounts' names were tried in vain.
func (k *Keeper) known(list ...Account) {
	for _, a := range list {
		for _, name := range a.names() {
			k.unknown.Forget(name)
		}
	}
}
