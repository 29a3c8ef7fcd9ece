package accounts_test

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"drawbridge/internal/accounts"
)

func TestImportEmailOAuth2Proxy(t *testing.T) {
	f, err := os.Open("testdata/emailproxy.config")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := accounts.ImportEmailOAuth2Proxy(f)
	if err != nil {
		t.Fatal(err)
	}
	want := accounts.Import{
		Accounts: []accounts.Account{
			{Login: "Scans@contoso.com", Mailbox: "Scans@contoso.com"},
			{Login: "fax@contoso.com", Mailbox: "fax@contoso.com"},
			{Login: "bare@contoso.com", Mailbox: "bare@contoso.com"},
		},
		Notes: []string{
			"line 9: the server [IMAP-1993] to outlook.office365.com was left out: listeners and upstreams stand in drawbridge.yaml",
			"line 9: the certificate of [IMAP-1993] was left out: name it under certificates in drawbridge.yaml",
			"line 16: the server [SMTP-1587] to smtp.office365.com was left out: listeners and upstreams stand in drawbridge.yaml",
			"line 43: sample@contoso.com was left out: it is as the template has it, with words to be replaced",
			"line 49: your.email@gmail.com was left out: it gets its tokens from oauth2.googleapis.com, and Drawbridge logs in to Exchange Online",
			`line 53: [@plant2.contoso.com] is for all addresses: add an account "*@plant2.contoso.com" with its mailboxes and sources yourself`,
			"3 accounts have no password: email-oauth2-proxy keeps none. Give each the one its device has, or a new one",
			"tokens were left out: they are encrypted with the devices' passwords, and Drawbridge gets its own",
			"client secrets were left out: name a file with one as client_secret in drawbridge.yaml",
			`the accounts used tenant "contoso.onmicrosoft.com", client_id "11111111-2222-3333-4444-555555555555": set it under upstreams in ` +
				`drawbridge.yaml`,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %s\n%v\nwant %s\n%v", strings.Join(got.Notes, "\n"), got.Accounts, strings.Join(want.Notes, "\n"), want.Accounts)
	}
}

// Configurations as templates and people write them.
func TestImportEmailOAuth2Proxy_AsPeopleWriteIt(t *testing.T) {
	const app = `the accounts used tenant "11111111-2222-3333-4444-555555555555", client_id "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee": ` +
		`set it under upstreams in drawbridge.yaml`
	google := " was left out: it gets its tokens from oauth2.googleapis.com, and Drawbridge logs in to Exchange Online"
	tests := []struct {
		file   string
		logins []string
		notes  []string
	}{
		{"indented.config", []string{"alpha@contoso.com"}, []string{"line 26: news@gmail.example" + google, app}},
		{"default.config", []string{"fax@contoso.com"}, []string{"line 5: news@gmail.example" + google, app}},
		{"catchall.config", nil, []string{"line 1: [@] is for every address of every domain", `add an account "*@contoso.com"`, app}},
	}
	for _, tt := range tests {
		f, err := os.Open("testdata/" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := accounts.ImportEmailOAuth2Proxy(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		var logins []string
		for _, a := range got.Accounts {
			logins = append(logins, a.Login)
		}
		if !slices.Equal(logins, tt.logins) {
			t.Errorf("%s: got %q, want %q", tt.file, logins, tt.logins)
		}
		notes := strings.Join(got.Notes, "\n")
		for _, want := range tt.notes {
			wantContains(t, notes, want)
		}
		if strings.Contains(notes, `"*@"`) {
			t.Errorf("%s: a pattern for everybody is advised:\n%s", tt.file, notes)
		}
	}
}

func TestImportEmailOAuth2Proxy_WhatIsNotExchangeOnline(t *testing.T) {
	for text, want := range map[string]string{
		"[a@x.example]\noauth2_scope = https://mail.google.com/\n":                                  "it gets its tokens from mail.google.com",
		"[a@x.example]\ntoken_url: https://login.microsoftonline.com/consumers/oauth2/v2.0/token\n": "a personal account of Outlook.com",
		"[your.address@x.example]\nclient_id = 1\n":                                                 "words to be replaced",
		"[a@x.example]\ntoken_url = https://login.microsoftonline.com/common/o\nclient_id = 1\n":    `in place of the tenant "common" write`,
	} {
		got, err := accounts.ImportEmailOAuth2Proxy(strings.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		wantContains(t, strings.Join(got.Notes, "\n"), want)
	}
}

func TestImportEmailOAuth2Proxy_ReportsAllFaultsByLine(t *testing.T) {
	_, err := accounts.ImportEmailOAuth2Proxy(strings.NewReader("\uFEFFkey = canary\n[]\n[a@x.example]\ncanary\n= " +
		"canary\n\n[A@x.example]\n[j\u00fcrgen@x.example]\n"))
	want := `line 1: it stands before the first [section]: is this email-oauth2-proxy's configuration?
line 2: a section is written [name]
line 4: it is neither a [section] nor key = value
line 5: it is neither a [section] nor key = value`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = accounts.ImportEmailOAuth2Proxy(strings.NewReader("[a@x.example]\n[A@x.example]\n[j\u00fcrgen@x.example]\ntoken_url = %zz\n"))
	for _, want := range []string{`line 2: account "A@x.example": login: the account "a@x.example" has`,
		`line 3: account "jürgen@x.example": login: devices`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	if _, err := accounts.ImportEmailOAuth2Proxy(iotest.ErrReader(errors.New("boom"))); err == nil {
		t.Error("a reader's error was lost")
	}
}

func TestImportEmailOAuth2Proxy_NothingThere(t *testing.T) {
	got, err := accounts.ImportEmailOAuth2Proxy(strings.NewReader("; nothing\n\n"))
	if err != nil || got.Accounts != nil || got.Notes != nil {
		t.Errorf("got %+v, %v; want nothing", got, err)
	}
}

func FuzzImportEmailOAuth2Proxy(f *testing.F) {
	text, err := os.ReadFile("testdata/emailproxy.config")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("[a@b]\nk=v\n  w\n")
	f.Add("[[]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := accounts.ImportEmailOAuth2Proxy(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := accounts.NewBook(got.Accounts, accounts.Options{Unchecked: true}); err != nil {
			t.Errorf("imported, but: %v", err)
		}
		for _, a := range got.Accounts {
			if !strings.Contains(text, a.Login) {
				t.Errorf("the login %q is not in the file", a.Login)
			}
		}
	})
}
