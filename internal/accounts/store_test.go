package accounts_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

func open(t *testing.T, dir string) *accounts.Store {
	t.Helper()
	s, err := accounts.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStore_KeepsAccounts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "accounts")
	s := open(t, dir)
	all := accounts.Account{Login: "Scanner1", Aliases: []string{`X\scanner1`}, Mailbox: "scans@x.example",
		Passwords: []accounts.Password{{Name: "desk", Hash: hash(t, "p")}}, Sources: networks("10.0.0.0/8", "2001:db8::/32"),
		Protocols: []string{"pop3"}, Expires: noon, Disabled: true, Mailboxes: []string{"scans@x.example"}}
	pattern := accounts.Account{Login: "*@x.example", Passwords: one(hash(t, "q")), Sources: networks("10.0.0.0/8"),
		Mailboxes: []string{"*@x.example"}, AnyMailbox: true}
	must(t, s.Add(all, pattern))
	must(t, s.Save())
	must(t, s.Save()) // over the first one
	if got := open(t, dir).List(); !reflect.DeepEqual(got, []accounts.Account{all, pattern}) {
		t.Errorf("got %+v", got)
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 1 {
		t.Errorf("got %v, want accounts.json alone", files)
	}
}

func TestStore_Changes(t *testing.T) {
	s := open(t, t.TempDir())
	must(t, s.Add(accounts.Account{Login: "a", Aliases: []string{"b"}, Passwords: []accounts.Password{{Name: "one", Hash: hash(t, "1")}}}))
	must(t, s.AddPassword("B", "two", secret.New("2")))
	b := book(t, accounts.Options{}, s.List()...)
	if id := mustVerify(t, b, attempt("a", "2")); id.PasswordName != "two" {
		t.Errorf("got %+v, want the password two", id)
	}
	must(t, s.RevokePassword("a", "ONE"))
	must(t, s.Update("a", func(a *accounts.Account) { a.Mailbox = "m@x.example" }))
	got := s.List()
	if len(got) != 1 || len(got[0].Passwords) != 1 || got[0].Passwords[0].Name != "two" || got[0].Mailbox != "m@x.example" {
		t.Errorf("got %+v", got)
	}
	got[0].Passwords[0].Name = "changed"
	if s.List()[0].Passwords[0].Name != "two" {
		t.Error("a caller changed the store")
	}
	must(t, s.Remove("b"))
	if got := s.List(); len(got) != 0 {
		t.Errorf("got %+v, want none", got)
	}
}

func TestStore_AddPasswordToAnAccountWithoutOne(t *testing.T) {
	s := open(t, t.TempDir())
	must(t, s.Add(accounts.Account{Login: "a"}))
	must(t, s.AddPassword("a", "", secret.New("1")))
	mustVerify(t, book(t, accounts.Options{}, s.List()...), attempt("a", "1"))
}

func TestStore_RefusesAndStaysAsItWas(t *testing.T) {
	s := open(t, t.TempDir())
	must(t, s.Add(accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "one", Hash: hash(t, "1")}}}))
	before := s.List()
	tests := []struct {
		name string
		err  error
		is   error
		says string
	}{
		{"twice", s.Add(accounts.Account{Login: "c"}, accounts.Account{Login: "A"}), nil, `the account "a" has the name "A" already`},
		{"remove", s.Remove("x"), accounts.ErrNoAccount, `"x"`},
		{"update", s.Update("x", nil), accounts.ErrNoAccount, `"x"`},
		{"update wrongly", s.Update("a", func(a *accounts.Account) { a.Mailbox = " " }), nil, "mailbox"},
		{"password of nobody", s.AddPassword("x", "y", secret.New("2")), accounts.ErrNoAccount, `"x"`},
		{"no password", s.AddPassword("a", "y", secret.New("")), nil, "is empty"},
		{"the same password", s.AddPassword("a", "y", secret.New("1")), nil, "the same as another"},
		{"the same name", s.AddPassword("a", "One", secret.New("2")), nil, "has that name"},
		{"revoke of nobody", s.RevokePassword("x", "one"), accounts.ErrNoAccount, `"x"`},
		{"revoke nothing", s.RevokePassword("a", "two"), accounts.ErrNoPassword, `"two"`},
		{"revoke the last", s.RevokePassword("a", "one"), nil, "the last password"},
	}
	for _, test := range tests {
		if test.err == nil || test.is != nil && !errors.Is(test.err, test.is) || !strings.Contains(test.err.Error(), test.says) {
			t.Errorf("%s: got %v, want …%s…", test.name, test.err, test.says)
		}
	}
	if got := s.List(); !reflect.DeepEqual(got, before) {
		t.Errorf("got %+v, want %+v", got, before)
	}
}

func TestOpenStore_Refuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "damaged"},
		{"torn", `{"version":1,"accounts":[{"login":"a"`, "damaged"},
		{"more", `{"version":1,"accounts":[]}{}`, "something follows"},
		{"unknown key", `{"version":1,"accounts":[{"login":"a","admin":true}]}`, "damaged"},
		{"newer", `{"version":2,"accounts":[]}`, "version 2"},
		{"bad account", `{"version":1,"accounts":[{"login":""}]}`, "it is empty"},
		{"bad source", `{"version":1,"accounts":[{"login":"a","sources":["10.0.0.0/99"]}]}`, "damaged"},
	}
	for _, test := range tests {
		dir := t.TempDir()
		path := filepath.Join(dir, "accounts.json")
		must(t, os.WriteFile(path, []byte(test.text), 0o600))
		_, err := accounts.OpenStore(dir)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want …%s… and the path", test.name, err, test.want)
		}
		if left, _ := os.ReadFile(path); string(left) != test.text {
			t.Errorf("%s: the file was changed", test.name)
		}
	}
}

func TestOpenStore_ReportsWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "accounts.json"), 0o700))
	if _, err := accounts.OpenStore(dir); err == nil {
		t.Error("a folder was read as accounts")
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := accounts.OpenStore(file); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestStore_SaveReportsWhatItCannotDo(t *testing.T) {
	tests := map[string]func(*testing.T) string{
		"no folder around it": func(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b") },
		"a folder in the way": func(t *testing.T) string {
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(dir, "accounts.json.new", "x"), 0o700))
			return dir
		},
	}
	for name, make := range tests {
		s := open(t, make(t))
		if err := s.Save(); err == nil || !strings.HasPrefix(err.Error(), "write the accounts: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	dir := t.TempDir()
	s := open(t, dir)
	must(t, os.MkdirAll(filepath.Join(dir, "accounts.json", "x"), 0o700))
	if err := s.Save(); err == nil {
		t.Error("a folder was replaced")
	}
	if _, err := os.Stat(filepath.Join(dir, "accounts.json.new")); err == nil {
		t.Error("a file was left behind")
	}
}

func TestStore_IsSafeForConcurrentUse(t *testing.T) {
	s := open(t, t.TempDir())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			login := string(rune('a' + i))
			if err := errors.Join(s.Add(accounts.Account{Login: login}), s.Save()); err != nil {
				t.Error(err)
			}
			s.List()
		})
	}
	all.Wait()
	if got := len(s.List()); got != 8 {
		t.Errorf("got %d accounts, want 8", got)
	}
}

func FuzzStoreFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"accounts":[{"login":"a","passwords":[{"name":"x","hash":"$argon2id$"}],"sources":["10.0.0.0/8"],` +
		`"expires":"2027-03-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := accounts.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := accounts.Encode(list)
		if err != nil {
			return // a time beyond year 9999
		}
		same, err := accounts.Decode(bytes.NewReader(again))
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if third, err := accounts.Encode(same); err != nil || !bytes.Equal(third, again) {
			t.Errorf("got %s, %v; want %s", third, err, again)
		}
	})
}
