package accounts

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"drawbridge/internal/secret"
)

// ErrNoAccount says that a Store keeps no such account.
var ErrNoAccount = errors.New("no such account is kept: see `drawbridge account list`")

// ErrNoPassword says that an account has no password of that name.
var ErrNoPassword = errors.New("the account has no password of that name: see `drawbridge account list`")

// Store is the accounts kept by `drawbridge account`, one file, accounts.json. Changes are in memory until Save. It is safe
// for concurrent use within one process; that there is one only, the data directory's lock sees to.
type Store struct {
	path string

	mu       sync.Mutex
	accounts []Account
}

// OpenStore reads what Save left in the folder dir; without a file there are no accounts. A file that others can read, or
// that is damaged, is an error: nothing is guessed about who may log in.
func OpenStore(dir string) (*Store, error) {
	s := &Store{path: filepath.Join(dir, storeFile)}
	var err error
	if s.accounts, err = readAccounts(s.path); err == nil {
		err = check(s.accounts)
	}
	if err != nil {
		return nil, fmt.Errorf("read the accounts in %s: %w", s.path, err)
	}
	return s, nil
}

// check finds what is wrong with accounts; whether those without a password may be served, a Book knows.
func check(accounts []Account) error {
	_, err := NewBook(accounts, Options{Unchecked: true})
	return err
}

// List returns the accounts in the order they were added.
func (s *Store) List() []Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cloneAll(s.accounts)
}

// Add adds accounts, all or none. The error joins a *Fault for each thing that is wrong, whose Index counts those that
// the Store has already.
func (s *Store) Add(accounts ...Account) error {
	return s.change(func(list []Account) ([]Account, error) { return append(list, cloneAll(accounts)...), nil })
}

// Remove removes the account that has the name login, an alias too.
func (s *Store) Remove(login string) error {
	return s.at(login, func(list []Account, i int) ([]Account, error) { return slices.Delete(list, i, i+1), nil })
}

// AddPassword gives the account one more password. It takes the time of a hash.
func (s *Store) AddPassword(login, name string, password secret.Secret) error {
	hash, err := s.hashFor(login, password)
	if err != nil {
		return err
	}
	return s.Update(login, func(a *Account) { a.Passwords = append(a.Passwords, Password{Name: name, Hash: hash}) })
}

// hashFor hashes a password as the account's others are. That is not done under the lock.
func (s *Store) hashFor(login string, password secret.Secret) (string, error) {
	list := s.List()
	i, err := indexOf(list, login)
	if err != nil {
		return "", err
	}
	if others := list[i].Passwords; len(others) > 0 {
		return HashAlike(password, others[0].Hash)
	}
	return Hash(password, Parameters{})
}

// RevokePassword takes a password from the account. The last one can not be revoked, since where Entra ID checks passwords
// an account without one would be open to every password that it takes: disable or remove the account.
func (s *Store) RevokePassword(login, name string) error {
	return s.at(login, func(list []Account, i int) ([]Account, error) {
		left := slices.DeleteFunc(list[i].Passwords, func(p Password) bool { return fold(p.Name) == fold(name) })
		if len(left) == len(list[i].Passwords) {
			return nil, fmt.Errorf("%q, %q: %w", login, name, ErrNoPassword)
		}
		if len(left) == 0 {
			return nil, fmt.Errorf("%q is the last password of %q: add another one first, or remove the account", name, login)
		}
		list[i].Passwords = left
		return list, nil
	})
}

// Update changes the account that has the name login, an alias too, by f: to disable it, or give it other sources.
func (s *Store) Update(login string, f func(*Account)) error {
	return s.at(login, func(list []Account, i int) ([]Account, error) {
		f(&list[i])
		return list, nil
	})
}

// at is change where the account i that has the name login, an alias too, is what changes.
func (s *Store) at(login string, f func(list []Account, i int) ([]Account, error)) error {
	return s.change(func(list []Account) ([]Account, error) {
		i, err := indexOf(list, login)
		if err != nil {
			return nil, err
		}
		return f(list, i)
	})
}

// change replaces the accounts by what f makes of a copy, unless something is wrong with that.
func (s *Store) change(f func([]Account) ([]Account, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := f(cloneAll(s.accounts))
	if err != nil {
		return err
	}
	if err := check(list); err != nil {
		return err
	}
	s.accounts = list
	return nil
}

func indexOf(list []Account, login string) (int, error) {
	same := func(name string) bool { return fold(name) == fold(login) }
	i := slices.IndexFunc(list, func(a Account) bool { return same(a.Login) || slices.ContainsFunc(a.Aliases, same) })
	if i < 0 {
		return 0, fmt.Errorf("%q: %w", login, ErrNoAccount)
	}
	return i, nil
}

// Save writes the accounts, the file as a whole or not at all, readable by its owner only, who stays the same whoever
// saves.
func (s *Store) Save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := writeAccounts(s.path, s.accounts); err != nil {
		return fmt.Errorf("write the accounts: %w", err)
	}
	return nil
}
