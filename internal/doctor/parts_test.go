package doctor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/accounts"
)

func TestPsQuote_LeavesNothingToExpand(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"scans@contoso.com": "'scans@contoso.com'",
		"o'brien":           "'o''brien'",
		"$(calc)`\"":        "'$(calc)`\"'",
		"a\u2019; calc":     "'a\u2019\u2019; calc'",
		"a\nb":              `'a\u000ab'`,
	} {
		if got := psQuote(in); got != want {
			t.Errorf("psQuote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestPowerShell_KnowsCloudsAndUsers(t *testing.T) {
	t.Parallel()
	const app, object = "11111111-2222-4333-8444-555555555555", "22222222-2222-4333-8444-555555555555"
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"gcc-high": {powerShell{tenant: "contoso.us", app: app, cloud: "gcc-high"}.newSecret(),
			"Connect-MgGraph -TenantId 'contoso.us' -Environment USGov -Scopes"},
		"dod": {powerShell{tenant: "contoso.us", app: app, cloud: "dod"}.switchOn("a@contoso.us", "pop3"),
			"-ExchangeEnvironmentName O365USGovDoD"},
		"no tenant":         {powerShell{app: app}.switchOn("a@contoso.us", "imap"), "Connect-ExchangeOnline\n"},
		"user":              {powerShell{user: "it@contoso.com"}.fullAccess("a@contoso.com"), "-User 'it@contoso.com' -AccessRights FullAccess"},
		"known object id":   {powerShell{app: app, object: object}.register(), "-ObjectId '" + object + "'"},
		"unknown object id": {powerShell{app: app}.register(), "if (-not $object) { throw"},
		"no application":    {powerShell{}.newSecret(), "Read-Host 'Application (client) id'"},
	} {
		if got := strings.Join(c.lines, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, got)
		}
	}
	if got := strings.Join(powerShell{app: app}.register(), "\n"); strings.Contains(got, "-ne ''") {
		t.Errorf("an unknown object id would remove the principal that is there:\n%s", got)
	}
}

func TestReport_ColoursAndEscapes(t *testing.T) {
	t.Parallel()
	r := newDiagnosis([]Check{{Upstream: "u", Protocol: "imap", Step: stepTCP, Finding: Failed, Detail: "a\x1b[2Jb", Cause: "c\u202ed"}})
	var plain, coloured strings.Builder
	if err := errors.Join(r.Text(&plain, false), r.Text(&coloured, true)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || strings.Contains(plain.String(), "\u202e") {
		t.Errorf("not escaped: %q", plain.String())
	}
	if !strings.Contains(coloured.String(), "\x1b[31mFAIL\x1b[0m") {
		t.Errorf("no colour: %q", coloured.String())
	}
}

func TestMailWords_AreReadByPrefix(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"NO Request is throttled. Suggested Backoff Time: 1 milliseconds": true,
		"NO [UNAVAILABLE] Server Unavailable. 15":                         true,
		"* BYE Connection closed. 14":                                     true,
		"-ERR Authentication failure: unknown user name or bad password.": false,
		"NO [": false,
		"":     false,
	} {
		c := Check{Detail: said}
		if got := explainSaying(&c); got != want || got == (c.Cause == "") {
			t.Errorf("%q explained: %t (%q), want %t", said, got, c.Cause, want)
		}
	}
}

func TestCapabilities_TellWhatTheUpstreamTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list              []string
		tokens, passwords bool
	}{
		{[]string{"IMAP4rev1", "AUTH=XOAUTH2", "LOGINDISABLED"}, true, false},
		{[]string{"IMAP4rev1", "AUTH=XOAUTH2", "AUTH=PLAIN"}, true, true},
		{[]string{"IMAP4rev1"}, false, true},
		{[]string{"TOP", "SASL XOAUTH2"}, true, false},
		{[]string{"SASL OAUTHBEARER PLAIN"}, true, true},
		{[]string{"TOP", "USER"}, false, true},
		{nil, false, true},
	} {
		if takesTokens(c.list) != c.tokens || takesPasswords(c.list) != c.passwords {
			t.Errorf("%q: tokens %t, passwords %t, want %t and %t", c.list, takesTokens(c.list), takesPasswords(c.list), c.tokens, c.passwords)
		}
	}
}

func TestTargets_AreTheMailboxesOfLoginsThatMayComeNow(t *testing.T) {
	t.Parallel()
	list := []accounts.Account{
		{Login: "scan1", Mailbox: "scans@contoso.com"},
		{Login: "scan2", Aliases: []string{"s2"}, Mailbox: "Scans@contoso.com", Protocols: []string{"imap"}},
		{Login: "fax@contoso.com", Expires: time.Now().Add(time.Hour)},
		{Login: "gone@contoso.com", Disabled: true},
		{Login: "old@contoso.com", Expires: time.Now().Add(-time.Hour)},
		{Login: "p*", Mailboxes: []string{"p1@contoso.com", "q*"}},
	}
	route := func(login, protocol string) string {
		return map[string]string{"scan2 imap": "second"}[login+" "+protocol]
	}
	for wanted, want := range map[string]string{
		"": "scans@contoso.com map[:[imap pop3] second:[imap]], fax@contoso.com map[:[imap pop3]], p1@contoso.com " +
			"map[:[imap pop3]]",
		"S2":                "Scans@contoso.com map[second:[imap]]",
		"SCANS@contoso.com": "scans@contoso.com map[:[imap pop3] second:[imap]]",
		"p*":                "p1@contoso.com map[:[imap pop3]]",
		"old@contoso.com":   "",
		"gone@contoso.com":  "",
	} {
		targets, err := Targets(list, wanted, route)
		var got []string
		for _, target := range targets {
			got = append(got, fmt.Sprint(target.mailbox, " ", target.protocols))
		}
		if s := strings.Join(got, ", "); s != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s (%v), want %s", wanted, s, err, want)
		}
	}
}
