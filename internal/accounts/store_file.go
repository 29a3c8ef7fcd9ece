package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"drawbridge/internal/private"
	"drawbridge/internal/wholefile"
)

const (
	storeFile    = "accounts.json"
	storeVersion = 1
	maxStoreFile = 64 << 20 // bytes
)

// file is what a Store's file has.
type file struct {
	Version  int    `json:"version"`
	Accounts []Kept `json:"accounts"`
}

// Kept is an account as it is written out: the one form that has its hashes. It is for the Store's file, and for the owner of
// that, and never printed or logged.
type Kept struct {
	Login      string         `json:"login"`
	Aliases    []string       `json:"aliases,omitempty"`
	Mailbox    string         `json:"mailbox,omitempty"`
	Passwords  []keptPassword `json:"passwords,omitempty"`
	Sources    []netip.Prefix `json:"sources,omitempty"`
	Protocols  []string       `json:"protocols,omitempty"`
	Expires    time.Time      `json:"expires,omitzero"`
	Disabled   bool           `json:"disabled,omitempty"`
	Mailboxes  []string       `json:"mailboxes,omitempty"`
	AnyMailbox bool           `json:"any_mailbox,omitempty"`
}

type keptPassword struct {
	Name string `json:"name,omitempty"`
	Hash string `json:"hash"`
}

// Keep is the form in which an account is written out.
func Keep(a Account) Kept {
	k := Kept{Login: a.Login, Aliases: a.Aliases, Mailbox: a.Mailbox, Sources: a.Sources, Protocols: a.Protocols, Expires: a.Expires,
		Disabled: a.Disabled, Mailboxes: a.Mailboxes, AnyMailbox: a.AnyMailbox}
	for _, p := range a.Passwords {
		k.Passwords = append(k.Passwords, keptPassword(p))
	}
	return k
}

// Account is the account that was written out.
func (k Kept) Account() Account {
	a := Account{Login: k.Login, Aliases: k.Aliases, Mailbox: k.Mailbox, Sources: k.Sources, Protocols: k.Protocols, Expires: k.Expires,
		Disabled: k.Disabled, Mailboxes: k.Mailboxes, AnyMailbox: k.AnyMailbox}
	for _, p := range k.Passwords {
		a.Passwords = append(a.Passwords, Password(p))
	}
	return a
}

// readAccounts reads the file at path; a missing one is an empty one.
func readAccounts(path string) ([]Account, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := closed(path, info); err != nil {
		return nil, err
	}
	return decodeAccounts(f)
}

// closed refuses a file that everybody could read: its hashes may be with others.
func closed(path string, info fs.FileInfo) error {
	if err := private.Closed(path, info); err != nil {
		return fmt.Errorf("%w, and change its passwords", err)
	}
	return nil
}

func decodeAccounts(r io.Reader) ([]Account, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxStoreFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxStoreFile {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxStoreFile)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var read file
	if err := d.Decode(&read); err != nil {
		return nil, fmt.Errorf("the file is damaged, put a copy back: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file is damaged, put a copy back: something follows its end")
	}
	if read.Version != storeVersion {
		return nil, fmt.Errorf("the file has version %d, this program knows %d: run the one that wrote it", read.Version, storeVersion)
	}
	var accounts []Account
	for _, k := range read.Accounts {
		accounts = append(accounts, k.Account())
	}
	return accounts, nil
}

func encodeAccounts(accounts []Account) ([]byte, error) {
	written := file{Version: storeVersion, Accounts: []Kept{}}
	for _, a := range accounts {
		written.Accounts = append(written.Accounts, Keep(a))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(written)
	return b.Bytes(), err
}

// writeAccounts replaces the file at path as a whole, and makes its folder where there is none. The file belongs to the
// owner of the one before it, or else of its folder.
func writeAccounts(path string, accounts []Account) error {
	text, err := encodeAccounts(accounts)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := makeFolder(dir); err != nil {
		return err
	}
	draft := path + ".new"
	return wholefile.WriteBy(draft, path, 0o600, func(w io.Writer) error {
		model := path
		if _, err := os.Stat(path); err != nil {
			model = dir
		}
		if err := keepOwner(draft, model); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	})
}

// makeFolder makes dir, closed to others, and gives it to the owner of the folder around it.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return keepOwner(dir, filepath.Dir(dir))
}
