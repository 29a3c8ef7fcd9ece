package accounts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

func TestNewBook_Faults(t *testing.T) {
	h := hash(t, "p")
	other := hash(t, "q")
	same := alike(t, "q", h)
	long := strings.Repeat("x", 321)
	pattern := func(change func(*accounts.Account)) accounts.Account {
		a := accounts.Account{Login: "*@x.example", Passwords: one(h), Sources: networks("10.0.0.0/8"), Mailboxes: []string{"a@x.example"}}
		change(&a)
		return a
	}
	tests := []struct {
		name string
		a    accounts.Account
		key  string
		says string
	}{
		{"no login", accounts.Account{Passwords: one(h)}, "login", "it is empty"},
		{"long login", accounts.Account{Login: long, Passwords: one(h)}, "login", "longer than 320 bytes"},
		{"blank login", accounts.Account{Login: " a", Passwords: one(h)}, "login", "blanks before or behind"},
		{"strangers' name", accounts.Account{Login: "-", Passwords: one(h)}, "login", "stands for those who are not known"},
		{"strangers' name as an alias", accounts.Account{Login: "a", Aliases: []string{"-"}, Passwords: one(h)}, "aliases", "not known"},
		{"8-bit login", accounts.Account{Login: "jürgen", Passwords: one(h)}, "login", "printable ASCII"},
		{"control login", accounts.Account{Login: "a\x01b", Passwords: one(h)}, "login", "printable ASCII"},
		{"question mark", accounts.Account{Login: "fax?", Passwords: one(h)}, "login", "? stands for nothing"},
		{"alias empty", accounts.Account{Login: "a", Aliases: []string{""}, Passwords: one(h)}, "aliases", "it is empty"},
		{"alias pattern", accounts.Account{Login: "a", Aliases: []string{"b*"}, Passwords: one(h)}, "aliases", "not a pattern"},
		{"mailbox with blanks", accounts.Account{Login: "a", Mailbox: "a b@x.example", Passwords: one(h)}, "mailbox", "no blanks"},
		{"mailbox with control", accounts.Account{Login: "a", Mailbox: "a\r\n@x.example", Passwords: one(h)}, "mailbox", "printable ASCII"},
		{"mailbox pattern", accounts.Account{Login: "a", Mailbox: "*@x.example", Passwords: one(h)}, "mailbox", "not a pattern"},
		{"mailbox not listed", accounts.Account{Login: "a", Mailbox: "a@x.example", Mailboxes: []string{"b@x.example"}, Passwords: one(h)},
			"mailbox", "not among its mailboxes"},
		{"mailboxes empty entry", accounts.Account{Login: "a", Mailboxes: []string{"a", ""}, Passwords: one(h)}, "mailboxes",
			"write the address of the mailbox"},
		{"sources empty", accounts.Account{Login: "a", Sources: []netip.Prefix{}, Passwords: one(h)}, "sources", "the list is empty"},
		{"sources invalid", accounts.Account{Login: "a", Sources: []netip.Prefix{{}}, Passwords: one(h)}, "sources", "entry 1 is no network"},
		{"protocols empty", accounts.Account{Login: "a", Protocols: []string{}, Passwords: one(h)}, "protocols", "the list is empty"},
		{"protocol unknown", accounts.Account{Login: "a", Protocols: []string{"smtp"}, Passwords: one(h)}, "protocols", `"smtp" is none`},
		{"no password", accounts.Account{Login: "a"}, "password", "it has none"},
		{"plain password", accounts.Account{Login: "a", Passwords: one("hunter2")}, "password", "no argon2id hash"},
		{"unnamed of several", accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "x", Hash: h}, {Hash: same}}}, "password",
			"has no name"},
		{"odd name", accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "x\n", Hash: h}}}, "password", "printable ASCII"},
		{"two names", accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "x", Hash: h}, {Name: "X", Hash: same}}}, "password",
			`"X": another password of this login has that name`},
		{"two salts", accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "x", Hash: h}, {Name: "y", Hash: other}}}, "password",
			`"y": its salt or parameters differ`},
		{"one twice", accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "x", Hash: h}, {Name: "y", Hash: h}}}, "password",
			`"y": it is the same`},
		{"pattern with alias", pattern(func(a *accounts.Account) { a.Aliases = []string{"b"} }), "aliases", "a pattern has no aliases"},
		{"pattern with mailbox", pattern(func(a *accounts.Account) { a.Mailbox = "b@x.example" }), "mailbox", "leave it out"},
		{"pattern without mailboxes", pattern(func(a *accounts.Account) { a.Mailboxes = nil }), "mailboxes", "which mailboxes it opens"},
		{"pattern without sources", pattern(func(a *accounts.Account) { a.Sources = nil }), "sources", "from where"},
		{"any without mailboxes", pattern(func(a *accounts.Account) { a.Mailboxes, a.AnyMailbox = nil, true }), "mailboxes",
			"which mailboxes it opens"},
		{"mailboxes pattern alone", pattern(func(a *accounts.Account) { a.Mailboxes = []string{"*@x.example"} }), "mailboxes",
			"any_mailbox: true"},
	}
	for _, test := range tests {
		good := accounts.Account{Login: "good", Passwords: one(h)}
		_, err := accounts.NewBook([]accounts.Account{good, test.a}, accounts.Options{})
		list := faultsOf(t, err)
		if len(list) != 1 {
			t.Errorf("%s: got %d faults, want 1: %v", test.name, len(list), err)
			continue
		}
		f := list[0]
		if f.Index != 1 || f.Login != test.a.Login || f.Key != test.key || !strings.Contains(f.Says, test.says) {
			t.Errorf("%s: got %d, %q, %s: %q; want 1, %q, %s: …%q…", test.name, f.Index, f.Login, f.Key, f.Says, test.a.Login, test.key, test.says)
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "$m=8") {
			t.Errorf("%s: the fault quotes a password: %v", test.name, err)
		}
	}
}

func faultsOf(t *testing.T, err error) []*accounts.Fault {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want joined faults", err)
	}
	var list []*accounts.Fault
	for _, err := range joined.Unwrap() {
		var f *accounts.Fault
		if !errors.As(err, &f) {
			t.Fatalf("got %v, want a fault", err)
		}
		list = append(list, f)
	}
	return list
}

func TestNewBook_NamesTwice(t *testing.T) {
	h := hash(t, "p")
	_, err := accounts.NewBook([]accounts.Account{
		{Login: "Scanner", Aliases: []string{`X\scanner`}, Passwords: one(h)},
		{Login: "scanner", Passwords: one(h)},
		{Login: "b", Aliases: []string{`x\SCANNER`, "b"}, Passwords: one(h)},
	}, accounts.Options{})
	want := `account "scanner": login: the account "Scanner" has the name "scanner" already: remove one
account "b": aliases: the account "Scanner" has the name "x\\SCANNER" already: remove one
account "b": aliases: the account "b" has the name "b" already: remove one`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestBook_NamesCountAsTheirEntry(t *testing.T) {
	b := fleet(t, accounts.Options{})
	for login, want := range map[string]struct {
		entry  string
		listed bool
	}{
		"SCANNER1":                {"Scanner1", true},
		`contoso\Scanner1`:        {"Scanner1", true},
		`user@contoso.com\shared`: {"Scanner1", true},
		"off":                     {"off", true},
		"FAX1@contoso.com":        {"*@contoso.com", true},
		"fax2@contoso.com":        {"*@contoso.com", true},
		"fax3@contoso.com":        {"fax*@contoso.com", true},
		"some.one@any.example":    {"*@any.example", true},
		"fax9@contoso.com":        {"*@contoso.com", false}, // or failures would tell which names the pattern's list has
		"nobody":                  {"", false},
		"scanner1@contoso":        {"", false},
	} {
		if entry, listed := b.CountsAs(login); entry != want.entry || listed != want.listed {
			t.Errorf("%s counts as %q, %v; want %q, %v", login, entry, listed, want.entry, want.listed)
		}
	}
}

func TestPassword_PrintsWithoutItsHash(t *testing.T) {
	a := accounts.Account{Login: "a", Passwords: []accounts.Password{{Name: "desk", Hash: hash(t, "p")}}}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v", a, &a), fmt.Sprintf("%s %d", a.Passwords, a.Passwords), string(text)} {
		if strings.Contains(s, "argon2id") || !strings.Contains(s, "desk") {
			t.Errorf("got %s", s)
		}
	}
}

func TestBook_AnUnknownNameCostsWhatMostAccountsDo(t *testing.T) {
	dear := accounts.Parameters{Memory: 64, Time: 2, Threads: 1}
	list := func(memory ...uint32) []accounts.Account {
		var all []accounts.Account
		for i, m := range memory {
			h, err := accounts.Hash(secret.New("p"), accounts.Parameters{Memory: m, Time: 2, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, accounts.Account{Login: fmt.Sprint("a", i), Passwords: one(h)})
		}
		return all
	}
	tests := []struct {
		list []accounts.Account
		want accounts.Parameters
	}{
		{nil, accounts.DefaultParameters()},
		{[]accounts.Account{{Login: "without"}}, accounts.DefaultParameters()},
		{list(64, 32, 64), dear},
		{list(32, 64), dear},
		{list(64, 32), dear},
		{list(128, 64, 64), dear},
	}
	for i, test := range tests {
		b := book(t, accounts.Options{Unchecked: true}, test.list...)
		if got := b.CostOfUnknown(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%d: got %+v, want %+v", i, got, test.want)
		}
	}
}
