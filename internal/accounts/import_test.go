package accounts_test

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/protocol"
)

func importCSV(text string) (accounts.Import, error) {
	return accounts.ImportCSV(context.Background(), strings.NewReader(text), accounts.CSVOptions{Parameters: cheap, Location: time.UTC})
}

func TestImportCSV(t *testing.T) {
	ready := hash(t, "ready")
	got, err := importCSV("\uFEFFLogin,mailbox, Password ,password_name,sources,protocols,aliases,expires,disabled,mailboxes,any_mailbox\r\n" +
		`scanner1,scans@x.example,"se,cret"" 1 ",desk,10.20.3.0/24 10.20.4.7|2001:db8::/32,POP3,X\scanner1; user@x\shared,2027-03-01,no,,` +
		"\r\n" +
		",,,,,,,,,,\r\n" +
		`fax,,"` + ready + `",,,,,2027-03-01T18:00:00+01:00,Yes,,` + "\r\n" +
		"\"*@x.example\",,83920174,,10.0.0.0/8,,,,0,*@x.example,TRUE\r\n" +
		"entra@x.example,,,,,,,,,,\r\n")
	if err != nil {
		t.Fatal(err)
	}
	b := book(t, accounts.Options{Unchecked: true}, got.Accounts...)
	if id := mustVerify(t, b, byPOP3(attempt("scanner1", `se,cret" 1 `))); id.PasswordName != "desk" || id.Mailbox != "scans@x.example" {
		t.Errorf("got %+v", id)
	}
	mustVerify(t, b, attempt("new@x.example", "83920174"))
	for i := range got.Accounts {
		got.Accounts[i].Passwords = nil
	}
	want := []accounts.Account{
		{Login: "scanner1", Mailbox: "scans@x.example", Sources: networks("10.20.3.0/24", "10.20.4.7/32", "2001:db8::/32"),
			Protocols: []string{"POP3"},
			Aliases:   []string{`X\scanner1`, `user@x\shared`}, Expires: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)},
		{Login: "fax", Expires: got.Accounts[1].Expires, Disabled: true},
		{Login: "*@x.example", Sources: networks("10.0.0.0/8"), Mailboxes: []string{"*@x.example"}, AnyMailbox: true},
		{Login: "entra@x.example"},
	}
	if !reflect.DeepEqual(got.Accounts, want) {
		t.Errorf("got %+v\nwant %+v", got.Accounts, want)
	}
	if !got.Accounts[1].Expires.Equal(time.Date(2027, 3, 1, 17, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v", got.Accounts[1].Expires)
	}
	notes := strings.Join(got.Notes, "\n")
	wantContains(t, notes, `line 2: the password of "scanner1" is weak: it begins or ends with a blank`)
	wantContains(t, notes, "1 accounts have no password")
	if strings.Contains(notes, "cret") {
		t.Errorf("a note quotes a password: %s", notes)
	}
}

func byPOP3(a accounts.Attempt) accounts.Attempt {
	a.Protocol = protocol.POP3
	return a
}

// What Excel writes is the same table in other clothes.
func TestImportCSV_AsSpreadsheetsSaveIt(t *testing.T) {
	const password = "Kennwort12"
	for _, file := range []string{"utf16tab.csv", "trailcols.csv"} {
		text, err := os.ReadFile("../sheet/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		checkScanner(t, file, string(text), password)
	}
	for name, text := range map[string]string{
		"sep":               "sep=;\r\nlogin;mailbox;password\r\nscanner1;scans@contoso.com;Kennwort12\r\n",
		"tabs":              "login\tmailbox\tpassword\nscanner1\tscans@contoso.com\tKennwort12\n",
		"old Mac":           "login,mailbox,password\rscanner1,scans@contoso.com,Kennwort12\r",
		"comma in a header": "login;mailbox;password;\"aliases\"\nscanner1;scans@contoso.com;Kennwort12;\n;;;\n",
	} {
		checkScanner(t, name, text, password)
	}
}

func checkScanner(t *testing.T, name, text, password string) {
	t.Helper()
	got, err := importCSV(text)
	if err != nil || len(got.Accounts) != 1 {
		t.Errorf("%s: got %+v, %v", name, got.Accounts, err)
		return
	}
	a := got.Accounts[0]
	if a.Login != "scanner1" || a.Mailbox != "scans@contoso.com" {
		t.Errorf("%s: got %+v", name, a)
	}
	a.Sources, a.Expires = nil, time.Time{}
	mustVerify(t, book(t, accounts.Options{}, a), attempt("scanner1", password))
}

// A password is never hashed as bytes that mean no character, and never quoted.
func TestImportCSV_CodePages(t *testing.T) {
	got, err := importCSV("login;password\na;fl\xfcgel\n")
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, book(t, accounts.Options{Unchecked: true}, got.Accounts...), attempt("a", "flügel"))
	wantContains(t, strings.Join(got.Notes, "\n"), "the file was read as Windows-1252")
	for name, text := range map[string]string{
		"no Windows-1252": "login;password\na;secret1\nb;sec\x81ret\n",
		"half a UTF-16":   "\xff\xfel\x00o\x00g\x00i\x00n\x00\n\x00a\x00\n\x00\x00\xd8\n\x00",
	} {
		_, err := importCSV(text)
		if err == nil || !strings.Contains(err.Error(), "line 3: it has a character that cannot be read as") || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestImportCSV_TakesSemicolons(t *testing.T) {
	got, err := importCSV("login;password;sources\na;12345678;10.0.0.1 10.0.0.2\n")
	if err != nil || len(got.Accounts) != 1 || len(got.Accounts[0].Sources) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestImportCSV_ReportsAllFaultsByLine(t *testing.T) {
	const password = "canary-password"
	got, err := importCSV("login,password,password_name,sources,expires,disabled,mailbox\n" +
		"a," + password + ",,10.0.0.0/99 fe80::1%eth0,,,\n" +
		"b," + password + ",,,soon,maybe,\n" +
		"c," + password + "\n" +
		"d,\"" + password + "\"x,,,,,\n" +
		"e,$argon2id$" + password + ",,,,,\n" +
		"f,$argon2i$" + password + ",,,,,\n" +
		"g," + strings.Repeat(password, 100) + ",,,,,\n" +
		"h," + password + ",\x01,,,,\n" +
		"A," + password + ",,,,,\n" +
		"i,,,,,,a b\n" +
		",,,10.0.0.1,,,\n")
	if err == nil || got.Accounts != nil {
		t.Fatalf("got %+v, %v; want faults and nothing else", got, err)
	}
	for _, want := range []string{
		`line 2: sources: "10.0.0.0/99" is no address and no network`, `"fe80::1%eth0" is no address`,
		`line 3: expires: "soon" is no date`, `line 3: disabled: "maybe" is neither`,
		"line 4: it has 2 fields and the first line 7",
		`line 5: extraneous or missing " in quoted-field`,
		"line 6: password: the argon2id hash was cut", "line 7: password: it is no argon2id hash",
		"line 8: password: the password is longer", "line 9: password: a password's name",
		`line 10: account "A": login: the account "a" has the name`, `line 11: account "i": mailbox: "a b"`,
		`line 12: account "": login: it is empty`,
	} {
		wantContains(t, err.Error(), want)
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the faults quote a password: %v", err)
	}
}

func TestImportCSV_Header(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "line 1: it must name the columns"},
		{"\"x", "line 1: it must name the columns"},
		{"user,password\n", `no column is named "user": take login, mailbox`},
		{"login" + strings.Repeat(",x", 11) + "\n", "it has 12 columns, and there are 11"},
		{"mailbox\n", "no column is named login"},
		{"login,LOGIN\n", `the column "LOGIN" is there twice`},
	}
	for _, test := range tests {
		_, err := importCSV(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want …%s…", test.text, err, test.want)
		}
	}
}

func TestImportCSV_Bounds(t *testing.T) {
	if _, err := importCSV("login\n" + strings.Repeat("\n", 17<<20)); err == nil || !strings.Contains(err.Error(), "more than 16 MiB") {
		t.Errorf("got %v", err)
	}
	_, err := importCSV("login,mailbox\n" + strings.Repeat("a\n", 20_001))
	if err == nil || !strings.HasSuffix(err.Error(), "more than 20000 lines: split the file") {
		t.Errorf("got an error that does not end with the bound of lines")
	}
	if _, err := accounts.ImportCSV(context.Background(), iotest.ErrReader(errors.New("boom")), accounts.CSVOptions{}); err == nil {
		t.Error("a reader's error was lost")
	}
}

func TestImportCSV_ReportsWhatHashingFinds(t *testing.T) {
	_, err := accounts.ImportCSV(context.Background(), strings.NewReader("login,password\na,p\n"),
		accounts.CSVOptions{Parameters: accounts.Parameters{Time: 99}})
	if err == nil || !strings.Contains(err.Error(), "line 2: password: parameters of argon2id: t=99") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = accounts.ImportCSV(ctx, strings.NewReader("login,password\na,p\n"), accounts.CSVOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestImportCSV_DatesAreTheMachinesWithoutALocation(t *testing.T) {
	got, err := accounts.ImportCSV(context.Background(), strings.NewReader("login,expires\na,2027-03-01\n"), accounts.CSVOptions{})
	want := time.Date(2027, 3, 1, 0, 0, 0, 0, time.Local)
	if err != nil || !got.Accounts[0].Expires.Equal(want) {
		t.Errorf("got %+v, %v; want %v", got, err, want)
	}
}

func FuzzImportCSV(f *testing.F) {
	f.Add("login,mailbox,sources,aliases,expires\na,b@x.example,10.0.0.1,c,2027-03-01\n")
	f.Add("login;mailboxes;any_mailbox\n*@x.example;*@x.example;yes\n")
	f.Add("\uFEFFlogin,disabled\n\"a\nb\",1\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := importCSV(text)
		if err != nil {
			return
		}
		if _, err := accounts.NewBook(got.Accounts, accounts.Options{Unchecked: true}); err != nil {
			t.Errorf("imported, but: %v", err)
		}
	})
}

func TestImportAs_Format(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  accounts.FormatCSV,
		"login,mailbox\n":                   accounts.FormatCSV,
		"\uFEFFlogin;mailbox\n":             accounts.FormatCSV,
		"# a comment\n\n[a@b.example]\n":    accounts.FormatEmailProxy,
		"\uFEFF[Server setup]\n":            accounts.FormatEmailProxy,
		"login\n[a@b.example]\n":            accounts.FormatCSV,
		"\r\n  [a@b.example]\r\nx = login,": accounts.FormatEmailProxy,
	} {
		if got := accounts.FormatOf([]byte(text)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
